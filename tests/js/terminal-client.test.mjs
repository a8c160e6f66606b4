// rollcall-tui against a plain Node Socket.IO server, which knows nothing of Rollcall.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { after, before } from "node:test";
import { Server } from "socket.io";
import { it } from "./harness.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = process.env.ROLLCALL_BIN
  ? path.dirname(process.env.ROLLCALL_BIN)
  : path.join(process.env.CARGO_TARGET_DIR ?? `${root}target`, "debug");

let http, io, url;

before(async () => {
  http = createServer();
  io = new Server(http, { cors: { origin: "https://chat.example.org", credentials: true }, pingInterval: 1000 });
  io.on("connection", (socket) => {
    socket.emit("hello", "world", { you: socket.handshake.auth });
    socket.on("sum", (a, b, ack) => ack?.(a + b));
    socket.on("shout", (text) => io.emit("shouted", text));
  });
  io.of("/guarded").use((socket, next) => next(socket.handshake.auth.secret === "open" ? undefined : new Error("closed")));
  await new Promise((resume) => http.listen(0, "127.0.0.1", resume));
  url = `http://127.0.0.1:${http.address().port}`;
});

after(() => io.close());

/** Runs the client and gives its exit status and what it wrote. */
function tui(...args) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ROLLCALL_")));
  const child = spawn(path.join(folder, "rollcall-tui"), args, { env: { ...env, ROLLCALL_URL: url }, stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout.on("data", (data) => (said.out += data));
  child.stderr.on("data", (data) => (said.err += data));
  return new Promise((resume) => child.on("close", (status) => resume({ status, ...said })));
}

it("listens to any event, with all its arguments and an auth of one's own", async () => {
  const heard = await tui("listen", "--json", "--auth", '{"name":"x"}', "--count", "1");
  assert.equal(heard.status, 0, heard.err);
  const { event, args } = JSON.parse(heard.out);
  assert.deepEqual([event, args], ["hello", ["world", { you: { name: "x", client: args[1].you.client } }]]);
});

it("emits any event and shows its acknowledgement", async () => {
  const sum = await tui("send", "--event", "sum", "2", "3");
  assert.deepEqual([sum.status, sum.out.trim()], [0, "5"], sum.err);
  const silent = await tui("send", "--event", "nobody", "--timeout", "300ms");
  assert.equal(silent.status, 1);
  assert.match(silent.err, /no acknowledgement of "nobody"/);
});

it("hears what another one causes, and sees the packets", async () => {
  const wire = tui("listen", "--wire", "--event", "shouted", "--count", "1", "--first", "shout", "--", "hey");
  const { out, status, err } = await wire;
  assert.equal(status, 0, err);
  assert.match(out, /← event shouted {2}\["hey"\]/);
});

it("connects to a namespace that asks for something", async () => {
  const closed = await tui("send", "--namespace", "/guarded", "--event", "x", "--no-ack");
  assert.equal(closed.status, 2);
  assert.match(closed.err, /refused: closed/);
  const open = await tui("send", "--namespace", "/guarded", "--auth", '{"secret":"open"}', "--event", "x", "--no-ack");
  assert.equal(open.status, 0, open.err);
});

it("is examined by the doctor", async () => {
  const well = await tui("doctor", "--json", "--origin", "https://chat.example.org", "--event", "sum");
  const report = JSON.parse(well.out);
  const bad = report.checks.filter(({ status }) => status === "failed" || status === "warning");
  // `sum` is called with one argument and has no acknowledgement then.
  assert.deepEqual(bad.map(({ check }) => check), ["echo"], well.out);
  for (const name of ["polling", "sticky", "websocket", "upgrade", "cors", "namespace", "heartbeat"]) {
    assert.equal(report.checks.find(({ check }) => check === name).status, "ok", well.out);
  }
  const wrong = await tui("doctor", "--namespace", "/nowhere", "--quick");
  assert.equal(wrong.status, 1);
  assert.match(wrong.out, /Invalid namespace/);
});
