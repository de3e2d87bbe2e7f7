// The least that runs a handler on the Lambda Runtime API, for machines on which AWS's Runtime
// Interface Client does not install. It does less than that, so it is no slower.
import http from "node:http";
import { pathToFileURL } from "node:url";

const [handler] = process.argv.slice(2);
const at = handler.lastIndexOf(".");
const module = await import(pathToFileURL(`${handler.slice(0, at)}.mjs`));
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const options = { agent, hostname, port, method, path: `/2018-06-01/runtime/invocation/${path}` };
    const request = http.request(options, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve({ response, text: Buffer.concat(parts).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

for (;;) {
  const { response, text } = await call("GET", "next");
  const id = response.headers["lambda-runtime-aws-request-id"];
  try {
    const answer = await module[handler.slice(at + 1)](JSON.parse(text));
    await call("POST", `${id}/response`, JSON.stringify(answer));
  } catch ({ name, message }) {
    await call("POST", `${id}/error`, JSON.stringify({ errorType: name, errorMessage: message }));
  }
}
