// What the walk looks at: the real server with its demo, or (ROLLCALL_PREVIEW_BIN) the preview of the admin, which is
// quicker to build while only pages are worked on.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { io } from "socket.io-client";

const root = fileURLToPath(new URL("../../", import.meta.url));
const PATIENCE_MS = 20_000;

/** The server under test. */
export const SERVER =
  process.env.ROLLCALL_BIN ?? path.join(process.env.CARGO_TARGET_DIR ?? `${root}target`, "debug/rollcall");

/** A port that nobody listens at just now. */
export async function freePort() {
  const probe = createServer();
  await new Promise((resume) => probe.listen(0, "127.0.0.1", resume));
  const { port } = probe.address();
  await new Promise((resume) => probe.close(resume));
  return port;
}

/** Polls until `check` gives something, or says what was waited for. */
export async function eventually(what, check, within = PATIENCE_MS) {
  const deadline = Date.now() + within;
  for (;;) {
    const found = await check().catch(() => undefined);
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not within ${within} ms: ${what}`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

/** Starts a server; it ends with this process at the latest. */
export function start(binary, args, env) {
  if (!existsSync(binary)) throw new Error(`no server at ${binary}: run tests/run, or cargo build and set ROLLCALL_BIN`);
  // Nothing of the caller's own settings reaches the server under test.
  const settings = /^(ROLLCALL_|PORT$|DATABASE_URL$|REDIS_URL$|JWT_|ALLOWED_ORIGINS$)/;
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name === "ROLLCALL_TEST_RUN" || !settings.test(name)),
  );
  const child = spawn(binary, args, { env: { ...clean, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  return {
    output: () => output,
    alive: () => child.exitCode === null,
    /** Ends it: with SIGTERM it says farewell to its clients, with SIGKILL it does not. */
    stop: (signal = "SIGTERM") =>
      new Promise((resume) => {
        process.off("exit", kill);
        if (child.exitCode !== null || child.signalCode !== null) return resume();
        child.once("exit", resume);
        child.kill(signal);
        setTimeout(() => child.kill("SIGKILL"), 15_000).unref();
      }),
  };
}

/** Waits until it answers. */
export async function answers(child, url) {
  await eventually(`the server answers at ${url}\n${child.output()}`, async () => {
    if (!child.alive()) throw new Error(child.output());
    return (await fetch(url, { redirect: "manual" })).status < 500;
  });
}

async function preview(binary) {
  const port = await freePort();
  const child = start(binary, [], { PORT: String(port) });
  const url = `http://127.0.0.1:${port}`;
  await answers(child, `${url}/admin/login`);
  return {
    url,
    username: "admin",
    password: "correct horse",
    room: "conversation:42",
    stored: ["/admin/users/alice"],
    /** Connects somebody who belongs into `room`; gives the SID. */
    connect: async () => (await fetch(`${url}/preview/connect?user=zoe`, { method: "POST" })).text(),
    stop: child.stop,
  };
}

/** The real server with its demo; `env` adds to its settings, `origins` to the pages that may connect. */
export async function startServer({ env = {}, origins = [] } = {}) {
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), "rollcall-browser-"));
  const password = "a password of the walk";
  const child = start(SERVER, ["serve", "--demo"], {
    ROLLCALL_BIND: `127.0.0.1:${port}`,
    ROLLCALL_DATA_DIR: folder,
    ROLLCALL_ADMIN_PASSWORD: password,
    ROLLCALL_RATE_LOGINS: "off",
    ROLLCALL_CANARY: "off",
    ALLOWED_ORIGINS: [`http://127.0.0.1:${port}`, ...origins].join(),
    ROLLCALL_RATE_CONNECTS: "off",
    ...env,
  });
  const url = `http://127.0.0.1:${port}`;
  await answers(child, `${url}/health/ready`);
  const post = async (where, body) => {
    const headers = { "content-type": "application/json" };
    return (await fetch(`${url}/api/v1/${where}`, { method: "POST", headers, body: JSON.stringify(body) })).json();
  };
  const { token } = await post("auth/login", { username: "alice", password: "demo" });
  const headers = { authorization: `Bearer ${token}` };
  const { conversations } = await (await fetch(`${url}/api/v1/conversations`, { headers })).json();
  const [conversation] = conversations;
  const { message } = await (
    await fetch(`${url}/api/v1/messages`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({ conversation_id: conversation.id, content: "is anybody there?" }),
    })
  ).json();
  const alice = message.sender_id;
  const sockets = [];
  return {
    url,
    /** Pages about what is stored. */
    stored: [
      `/admin/users/${alice}`,
      `/admin/conversations/${conversation.id}`,
      `/admin/messages/${message.id}`,
      `/admin/explain?q=${message.id}`,
      `/admin/explain?q=alice`,
      `/admin/explain?message_id=${message.id}&user_id=${alice}`,
      `/admin/explain?conversation_id=${conversation.id}&user_id=${alice}`,
    ],
    say: (content) =>
      fetch(`${url}/api/v1/messages`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify({ conversation_id: conversation.id, content }),
      }),
    username: "admin",
    password,
    room: `conversation:${conversations[0].id}`,
    connect: async () => {
      const socket = io(url, { auth: { token, receipts: true, client: "walk/1" }, transports: ["websocket"], forceNew: true });
      sockets.push(socket);
      return new Promise((resume, reject) => {
        socket.once("session", (session) => resume(session.sid));
        socket.once("connect_error", reject);
      });
    },
    stop: async () => {
      for (const socket of sockets) socket.disconnect();
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts whichever is asked for. */
export function startSubject() {
  const binary = process.env.ROLLCALL_PREVIEW_BIN;
  return binary ? preview(binary) : startServer();
}
