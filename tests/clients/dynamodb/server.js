// An independent DynamoDB, in memory, on a port of its own, whose address is its first line.
// `run` starts it and ends it.
const dynalite = require("dynalite");

const server = dynalite({ createTableMs: 0 });
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
