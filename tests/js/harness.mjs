// Starts the real server and talks to it. One server per test file; users and conversations per test.
import { spawn } from "node:child_process";
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, closeSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** How long anything may take that should take milliseconds. Generous: a busy machine is no defect of the server. */
export const PATIENCE = 10_000;

/** A test with a limit of its own, so that one that hangs is named. */
export function it(name, body, { timeout = 60_000 } = {}) {
  test(name, { timeout }, body);
}

/** Polls until `probe` returns something true, or throws `what` was waited for (a text, or what makes one). */
export async function until(what, probe, within = PATIENCE) {
  const deadline = Date.now() + within;
  for (;;) {
    const seen = await probe();
    if (seen) return seen;
    if (Date.now() > deadline) throw new Error(`not within ${within} ms: ${typeof what === "function" ? what() : what}`);
    await new Promise((resume) => setTimeout(resume, 10));
  }
}

/** Rejects unless `promise` settles in time. */
export function within(what, promise, ms = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function freePort() {
  const probe = createServer();
  await new Promise((resume) => probe.listen(0, "127.0.0.1", resume));
  const { port } = probe.address();
  await new Promise((resume) => probe.close(resume));
  return port;
}

export function binary() {
  const found = process.env.ROLLCALL_BIN ?? path.join(process.env.CARGO_TARGET_DIR ?? `${root}target`, "debug/rollcall");
  if (!existsSync(found)) throw new Error(`no server at ${found}: run tests/run, or cargo build and set ROLLCALL_BIN`);
  return found;
}

/** Claims, signed as the server's own tokens are (HS256), without a library that would refuse to make bad ones. */
export function signToken(claims, secret, header = { alg: "HS256", typ: "JWT" }) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${part(header)}.${part(claims)}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

const living = new Set();
process.on("exit", () => living.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

export class Server {
  /** Starts a server on a free port with a data folder of its own. `env` overrides; `demo` fills it with the demo's users. */
  static async start({ env = {}, demo = false } = {}) {
    const server = new Server();
    server.dataDir = mkdtempSync(path.join(tmpdir(), "rollcall-js-"));
    server.secret = randomBytes(32).toString("hex");
    server.demo = demo;
    server.env = env;
    const logs = path.join(root, "tests/.artifacts/servers");
    mkdirSync(logs, { recursive: true });
    server.logFile = path.join(logs, `${path.basename(process.argv[1] ?? "js")}-${process.pid}-${randomUUID().slice(0, 4)}.log`);
    process.on("exit", () => server.#removeFiles());
    // Somebody else may take the port between its choice and the server's start.
    for (let attempt = 1; ; attempt++) {
      server.port = await freePort();
      try {
        await server.#spawn();
        return server;
      } catch (error) {
        if (attempt === 3 || !/in use/i.test(server.output())) throw error;
      }
    }
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async #spawn() {
    // Nothing of the caller's own settings reaches the server under test.
    const clean = Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => name === "ROLLCALL_TEST_RUN" || !/^(ROLLCALL_|OTEL_|PORT$|DATABASE_URL$|REDIS_URL$|JWT_|ALLOWED_ORIGINS$)/.test(name),
      ),
    );
    const log = openSync(this.logFile, "a");
    this.child = spawn(binary(), ["serve", ...(this.demo ? ["--demo"] : [])], {
      env: {
        ...clean,
        ROLLCALL_BIND: `127.0.0.1:${this.port}`,
        ROLLCALL_DATA_DIR: this.dataDir,
        JWT_SECRET: this.secret,
        ALLOWED_ORIGINS: `${this.url},https://chat.example.org`,
        ROLLCALL_ADMIN_PASSWORD: "admin-password",
        ROLLCALL_RATE_MESSAGES: "off",
        ROLLCALL_RATE_CONNECTS: "off",
        ROLLCALL_RATE_LOGINS: "off",
        ROLLCALL_CANARY: "off",
        ROLLCALL_LOG_FORMAT: "json",
        ...this.env,
      },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const child = this.child;
    living.add(child);
    this.exited = new Promise((resume) => {
      child.once("error", (error) => resume({ error }));
      child.once("exit", (code, signal) => resume({ code, signal }));
    });
    this.exited.then((how) => {
      living.delete(child);
      child.ended = how;
    });
    await until(
      `the server is ready; its log: ${this.logFile}`,
      async () => {
        if (child.ended) throw new Error(`the server ended at its start: ${JSON.stringify(child.ended)}\n${this.output()}`);
        return fetch(`${this.url}/health/ready`).then((answer) => answer.ok, () => false);
      },
      30_000,
    );
  }

  /** The last part of what the server printed. */
  output() {
    return readFileSync(this.logFile, "utf8").slice(-8_000);
  }

  async kill9() {
    this.child.kill("SIGKILL");
    return within("the killed server is gone", this.exited);
  }

  /** Asks it to stop; tells how it ended and after how long. */
  async terminate() {
    const began = Date.now();
    this.child.kill("SIGTERM");
    const how = await within("the server stopped after SIGTERM", this.exited, 20_000);
    return { ...how, ms: Date.now() - began };
  }

  /** Starts it again on the same data and port, after it has ended. */
  async restart() {
    await within("the former server is gone", this.exited);
    await this.#spawn();
  }

  async close() {
    if (!this.child.ended) await this.kill9();
    this.#removeFiles();
  }

  #removeFiles() {
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  // ---- REST

  /** One request; `body` is sent as JSON. The answer's body is parsed where it is JSON. */
  async rest(method, where, { token, body, headers = {} } = {}) {
    const answer = await fetch(this.url + where, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
      redirect: "manual",
    });
    const text = await answer.text();
    const json = /json/.test(answer.headers.get("content-type") ?? "");
    return { status: answer.status, headers: answer.headers, body: json && text ? JSON.parse(text) : text };
  }

  /** The same, where anything but `expected` is an error. */
  async ask(method, where, options = {}, expected = [200, 201, 204]) {
    const answer = await this.rest(method, where, options);
    if (!expected.includes(answer.status)) {
      throw new Error(`${method} ${where}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  async login(username, password) {
    return this.ask("POST", "/api/v1/auth/login", { body: { username, password } });
  }

  async adminToken() {
    return (this.admin ??= (await this.login("admin", "admin-password")).token);
  }

  // ---- users and conversations

  /** A new user of this test: `{ id, username, token }`. */
  async user(name = "u") {
    const username = `${name}-${randomBytes(5).toString("hex")}`;
    const body = { username, password: "correct horse", display_name: name };
    await this.ask("POST", "/api/v1/auth/register", { body }, [201]);
    const { token, user } = await this.login(username, body.password);
    return { id: user.id, username, token };
  }

  async users(...names) {
    return Promise.all(names.map((name) => this.user(name)));
  }

  /** A token of that user that ends in `seconds`. */
  tokenFor(user, seconds = 3600, more = {}) {
    const exp = Math.floor(Date.now() / 1000) + seconds;
    return signToken({ sub: user.id, name: user.username, role: "user", exp, ...more }, this.secret);
  }

  /** A group of these users; the first one makes it. */
  async group(owner, ...others) {
    const body = { kind: "group", title: "a group", participant_ids: others.map((user) => user.id) };
    return this.ask("POST", "/api/v1/conversations", { token: owner.token, body }, [201]);
  }

  async post(user, conversation, content, more = {}) {
    const body = { conversation_id: conversation.id, content, ...more };
    return this.ask("POST", "/api/v1/messages", { token: user.token, body }, [200, 201]);
  }

  /** Every message of a conversation, page by page. */
  async history(user, conversation) {
    const all = [];
    for (let more = true; more; ) {
      const after = all.at(-1)?.seq ?? 0;
      const page = await this.ask("GET", `/api/v1/conversations/${conversation.id}/messages?after_seq=${after}&limit=200`, { token: user.token });
      all.push(...page.messages);
      more = page.more;
    }
    return all;
  }
}

/** What of `expected` is not in `actual`, level by level; undefined when all is. */
export function missing(actual, expected) {
  if (expected === null || typeof expected !== "object") return isDeepStrictEqual(actual, expected) ? undefined : { actual, expected };
  for (const key of Object.keys(expected)) {
    const difference = missing(actual?.[key], expected[key]);
    if (difference) return { key, ...difference };
  }
  return undefined;
}
