// A headless browser with the page in it, and what the tests see of `local` from outside.
import { createServer } from "node:http";
import { build } from "esbuild";
import { chromium } from "playwright-core";

// In milliseconds.
export const TEST_LIMIT = 60_000;
export const START_LIMIT = 120_000;
const REQUEST_LIMIT = 10_000;

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Bundles the page and serves it on a port of its own: another origin than `local`'s. */
async function serve() {
  const bundle = await build({
    entryPoints: ["page.js"],
    bundle: true,
    format: "iife",
    write: false,
    logLevel: "error",
  });
  const script = bundle.outputFiles[0].contents;
  const server = createServer((request, response) => {
    const [type, body] =
      request.url === "/page.js"
        ? ["text/javascript", script]
        : ["text/html", '<!doctype html><meta charset="utf-8"><script src="/page.js"></script>'];
    response.setHeader("content-type", `${type}; charset=utf-8`);
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** Starts the browser. */
export async function start() {
  const server = await serve();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: FLAGS,
    chromiumSandbox: false,
    timeout: START_LIMIT,
  });
  const url = `http://127.0.0.1:${server.address().port}/`;
  return {
    /** A page of a browser that has never been here, set up for `local`. */
    async open(local) {
      const context = await browser.newContext();
      const page = await context.newPage();
      page.setDefaultTimeout(TEST_LIMIT);
      return new Visit(page, url, local).reload();
    },
    async stop() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

class Visit {
  constructor(page, url, local) {
    Object.assign(this, { page, url, local });
  }

  /** Loads the page, again perhaps: a user's browser keeps what Amplify has stored. */
  async reload() {
    await this.page.goto(this.url);
    await this.page.evaluate((config) => window.configure(config), {
      userPoolId: this.local.poolId,
      userPoolClientId: this.local.clientId,
      userPoolEndpoint: this.local.url,
    });
    return this;
  }

  /** Calls one of Amplify's functions. */
  async call(name, input) {
    const { value, error } = await this.attempt(name, input);
    if (error) throw new Error(`${name}: ${error.name}: ${error.message}`);
    return value;
  }

  attempt(name, input) {
    return this.page.evaluate(([name, input]) => window.attempt(name, input), [name, input]);
  }

  close() {
    return this.page.context().close();
  }
}

/** A `local`, as the variables that start with `prefix` tell. */
export function localFrom(prefix) {
  const variable = (name) => process.env[`${prefix}_${name}`];
  const clients = [variable("CLIENT_ID"), variable("ANY_FLOW_CLIENT_ID")];
  return new Local(variable("URL"), variable("POOL_ID"), ...clients);
}

class Local {
  constructor(url, poolId, clientId, anyFlowClientId) {
    Object.assign(this, { url, poolId, clientId, anyFlowClientId });
  }

  async sentTo(name) {
    const signal = AbortSignal.timeout(REQUEST_LIMIT);
    const outbox = await (await fetch(`${this.url}/_local/outbox`, { signal })).json();
    return outbox.filter((message) => message.to === name);
  }

  /** The code in the last message to `name`. */
  async lastCode(name) {
    return /\d{6,}/.exec((await this.sentTo(name)).at(-1).body)[0];
  }

  /** Calls an operation of the user pool, without Amplify. */
  async call(operation, body) {
    const response = await fetch(this.url, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `AWSCognitoIdentityProviderService.${operation}`,
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_LIMIT),
    });
    return response.json();
  }
}

let numbers = 0;
/** A phone number of a test's own. */
export const newPhone = () => `+8190${String(numbers++).padStart(8, "0")}`;

/** A code that is not `code`, of the same length. */
export const mistype = (code) => code.slice(0, -1) + (code.endsWith("0") ? "1" : "0");
