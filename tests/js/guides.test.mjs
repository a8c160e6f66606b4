// The programs of docs/clients, taken out of their pages and run against a real server.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { after, before } from "node:test";
import { Server, it, within } from "./harness.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

/** The one program of a page: its block that is marked `run`. */
function program(page, language) {
  const text = readFileSync(path.join(here, "../../docs/clients", page), "utf8");
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language} run\n([^]*?)^\`\`\`$`, "gm"))];
  assert.equal(blocks.length, 1, `${page} has one program to run`);
  return blocks[0][1];
}

/** Runs it between two new users; resolves to what it printed. */
async function run(t, name, text, command) {
  const [alice, bob] = await server.users("alice", "bob");
  // Within this folder, so that it finds the packages.
  const folder = mkdtempSync(path.join(here, ".guide-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, name);
  writeFileSync(file, text);
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ROLLCALL_URL: server.url, ROLLCALL_USER: alice.username, ROLLCALL_PASSWORD: "correct horse", ROLLCALL_PEER: bob.username };
  const child = spawn(command[0], [...command.slice(1), file], { env, stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (out += chunk));
  const code = await within(`${name} ends`, new Promise((ended) => child.on("close", ended)), 30_000).catch((error) => assert.fail(`${error.message}: ${out}`));
  assert.equal(code, 0, out);
  const { conversations } = await server.ask("GET", "/api/v1/conversations", { token: bob.token });
  assert.equal(conversations[0].last_message.sender_id, alice.id, "the message is there");
  return out;
}

it("JavaScript", async (t) => {
  const out = await run(t, "guide.mjs", program("javascript.md", "js"), [process.execPath]);
  assert.match(out, /saved as #1, handed to 1 sockets/);
  assert.match(out, /#1 alice: hello from JavaScript/);
});

it("plain WebSocket", async (t) => {
  const out = await run(t, "guide.mjs", program("plain-websocket.md", "js"), [process.execPath]);
  assert.match(out, /saved as #1, handed to 1 sockets/);
  assert.match(out, /#1 alice: hello from a plain WebSocket/);
});

it("curl", async (t) => {
  const out = await run(t, "guide.sh", program("curl.md", "bash"), ["bash"]);
  assert.match(out, /saved as #1, handed to 0 sockets, confirmed by 0/);
  assert.match(out, /#1 alice: hello from curl\nhello from curl/);
});
