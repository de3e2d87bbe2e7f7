// What the page is made of: Amplify as an app would use it, within reach of the tests.
import { Amplify } from "aws-amplify";
import * as auth from "aws-amplify/auth";
// What docs/CLIENTS.md shows.
import * as example from "./screen.js";

// Amplify's errors lose their names on the way out of the browser.
async function attempt(name, input) {
  try {
    return { value: await (auth[name] ?? example[name])(input) };
  } catch (error) {
    return { error: { name: error.name, message: error.message } };
  }
}

window.configure = (Cognito) => Amplify.configure({ Auth: { Cognito } });
window.attempt = attempt;
