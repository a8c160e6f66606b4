// What operators do beside a running server: accounts and tokens taken away, copies made, conversations moved.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { Server, binary, it, until } from "./harness.mjs";
import { Peer, seqs } from "./peer.mjs";
import { PlainPeer } from "./plain.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

/** Runs a command on that data; resolves to `{ code, out, err }`. */
function rollcall(dataDir, args, input = "") {
  const env = { PATH: process.env.PATH, ROLLCALL_DATA_DIR: dataDir, JWT_SECRET: server.secret };
  return new Promise((resume) => {
    const child = execFile(binary(), args, { env, maxBuffer: 1 << 26 }, (error, out, err) => resume({ code: error?.code ?? 0, out, err }));
    child.stdin.end(input);
  });
}

async function does(dataDir, args, input) {
  const done = await rollcall(dataDir, args, input);
  assert.equal(done.code, 0, `${args.join(" ")}: ${done.err}`);
  return done.out;
}

function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), "rollcall-upkeep-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

it("a user who is disabled by the command line is out within seconds, whatever they came by", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [io, plain, other] = [await Peer.connect(t, server, alice), await PlainPeer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  await does(server.dataDir, ["user", "disable", alice.username]);
  assert.equal(await io.disconnected(), "io server disconnect");
  assert.equal((await plain.disconnected()).code, 4403);
  assert.equal((await server.rest("GET", "/api/v1/auth/me", { token: alice.token })).body.code, "unauthorized");
  await other.send(group, "still here");
  await does(server.dataDir, ["user", "disable", alice.username, "--undo"]);
  await Peer.connect(t, server, alice);
});

it("a service's token is made, used, listed and taken back", async (t) => {
  await does(server.dataDir, ["user", "add", "shop", "--role", "service"]);
  const made = await does(server.dataDir, ["user", "token", "make", "shop", "--name", "the web shop"]);
  const token = made.trim().split("\n").at(-1);
  const id = made.split(" ")[1];
  const [alice] = await server.users("alice");
  const service = await Peer.connect(t, server, { token });
  assert.equal(service.session.user.role, "service");
  const body = { kind: "group", id: "order-1", participant_ids: [alice.id] };
  const order = await server.ask("POST", "/api/v1/conversations", { token, body }, [201]);
  await server.ask("POST", "/api/v1/messages", { token, body: { conversation_id: order.id, sender_id: alice.id, content: "by a service" } }, [201]);
  assert.match(await does(server.dataDir, ["user", "token", "list"]), new RegExp(`${id}.*good.*the web shop`));
  await does(server.dataDir, ["user", "token", "revoke", id]);
  await service.disconnected();
  const refused = await server.rest("GET", "/api/v1/auth/me", { token });
  assert.deepEqual([refused.status, refused.body.code], [401, "unauthorized"]);
  assert.match(refused.body.detail, /taken back/);
});

it("a backup of a running server is whole, and a server on it begins a new epoch", async (t) => {
  const own = await Server.start();
  t.after(() => own.close());
  const [alice, bob] = await own.users("alice", "bob");
  const group = await own.group(alice, bob);
  const peer = await Peer.connect(t, own, alice);
  for (let n = 0; n < 50; n++) await peer.send(group, `${n}`);
  const to = path.join(folder(t), "copy.db");
  const writing = Promise.all(Array.from({ length: 100 }, (_, n) => peer.send(group, `meanwhile ${n}`)));
  assert.match(await does(own.dataDir, ["backup", to]), /one consistent state/);
  await writing;
  assert.equal(statSync(to).mode & 0o777, 0o600);
  const again = await rollcall(own.dataDir, ["backup", to]);
  assert.equal(again.code, 1);
  assert.match(again.err, /exists/i);

  await own.terminate();
  for (const tail of ["", "-wal", "-shm"]) rmSync(path.join(own.dataDir, `rollcall.db${tail}`), { force: true });
  renameSync(to, path.join(own.dataDir, "rollcall.db"));
  await own.restart();
  const kept = await own.history(alice, group);
  assert.deepEqual(seqs(kept), kept.map((_, at) => at + 1), "no gap");
  assert.ok(kept.length >= 50);
  const back = await Peer.connect(t, own, alice, { auth: { resume: { [group.id]: 150 }, epoch: peer.session.epoch } });
  assert.notEqual(back.session.epoch, peer.session.epoch);
  assert.deepEqual(back.session.resume[group.id], { recovered: false, messages: 0, reason: "epoch_changed" });
  const { epoch } = back.session;
  await own.terminate();
  await own.restart();
  assert.equal((await Peer.connect(t, own, alice)).session.epoch, epoch, "once");
});

it("conversations are exported as lines and imported into another database", async (t) => {
  const [alice, bob, eve] = await server.users("alice", "bob", "eve");
  const [group, other] = [await server.group(alice, bob), await server.group(eve)];
  const texts = ["first", "a\0b \u2028 👩‍👩‍👧‍👦 \"quoted\"", "third"];
  for (const text of texts) await server.post(alice, group, text);
  const { message } = await server.post(bob, group, "gone", { client_message_id: "k" });
  await server.ask("DELETE", `/api/v1/messages/${message.id}`, { token: bob.token });
  await server.post(eve, other, "elsewhere");
  const before = await server.history(alice, group);
  const lines = await does(server.dataDir, ["export", "--conversation", group.id]);
  assert.ok(!lines.includes("elsewhere") && !lines.includes("password"));
  assert.deepEqual(lines.trim().split("\n").map((line) => JSON.parse(line).type), ["export", "user", "user", "conversation", ...before.map(() => "message")]);

  const own = await Server.start();
  t.after(() => own.close());
  assert.match(await does(own.dataDir, ["import"], lines), /imported 1 conversations with 4 messages/);
  const twice = await rollcall(own.dataDir, ["import"], lines);
  assert.deepEqual([twice.code, /is there already/.test(twice.err)], [1, true], twice.err);
  const token = own.tokenFor(alice);
  assert.deepEqual(await own.history({ token }, group), before);
  const repeat = await own.post({ token: own.tokenFor(bob) }, group, "gone", { client_message_id: "k" });
  assert.equal(repeat.duplicate, true, "idempotence survives the move");
  assert.equal((await own.post({ token }, group, "next")).message.seq, 5);

  const everything = await does(server.dataDir, ["export"]);
  assert.ok(everything.includes("elsewhere"));
  for (const [bad, why] of [["{}", /line 1/], ['{"type":"message"}', /line 1/], [lines.replace('"seq":2', '"seq":9'), /does not follow/]]) {
    const empty = folder(t);
    const done = await rollcall(empty, ["import"], bad);
    assert.deepEqual([done.code, why.test(done.err)], [1, true], done.err);
    if (bad.includes("conversation")) assert.match(await does(empty, ["import"], lines), /imported 1 conversations/, "nothing of it was taken in");
  }
  assert.equal((await rollcall(server.dataDir, ["export", "--conversation", "nothing"])).code, 1);
});

it("what is imported beside a running server is in use at once, with mutes, bans and mentions", async (t) => {
  const [alice, bob, eve] = await server.users("alice", "bob", "eve");
  const group = await server.group(alice, bob);
  await server.post(alice, group, `for @${bob.username}`);
  await server.ask("POST", `/api/v1/conversations/${group.id}/mute`, { token: bob.token, body: { muted: true } });
  await server.ask("POST", `/api/v1/conversations/${group.id}/bans`, { token: alice.token, body: { user_id: eve.id, reason: "spam" } });
  const lines = await does(server.dataDir, ["export", "--conversation", group.id]);
  const own = await Server.start();
  t.after(() => own.close());
  // The people are there before their conversation.
  await does(own.dataDir, ["import"], lines.split("\n").filter((line) => /"type":"(export|user)"/.test(line)).join("\n"));
  const peer = await Peer.connect(t, own, { token: own.tokenFor(bob) });
  assert.deepEqual(peer.session.conversations, []);
  await does(own.dataDir, ["import"], lines);
  const told = await peer.hears("conversation_updated");
  assert.deepEqual([told.id, told.last_seq, told.unread, told.mentions, told.muted], [group.id, 1, 1, 1, true]);
  const token = own.tokenFor(alice);
  await own.post({ token }, group, "live");
  assert.deepEqual(seqs(await peer.receives(group, 1)), [2], "without connecting again");
  const { bans } = await own.ask("GET", `/api/v1/conversations/${group.id}/bans`, { token });
  assert.deepEqual(bans.map(({ user_id, by, reason }) => [user_id, by, reason]), [[eve.id, alice.id, "spam"]]);
});

it("messages are emptied for their age, and nothing else about them changes", async (t) => {
  const own = await Server.start();
  t.after(() => own.close());
  const [alice, bob] = await own.users("alice", "bob");
  const group = await own.group(alice, bob);
  for (const text of ["one", "two", "three"]) await own.post(alice, group, text);
  const lines = (await does(own.dataDir, ["export"])).trim().split("\n").map((line) => JSON.parse(line));
  // The first two are from long ago.
  for (const line of lines) if (line.type === "message" && line.seq < 3) line.created_at = "2020-01-01T00:00:00.000Z";
  const moved = await Server.start({ env: { ROLLCALL_RETENTION_DAYS: "30" } });
  t.after(() => moved.close());
  await does(moved.dataDir, ["import"], lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await moved.terminate();
  await moved.restart();
  const token = moved.tokenFor(alice);
  const shown = async () => (await moved.history({ token }, group)).map((message) => message.content);
  await until("they are emptied", async () => (await shown())[0] === "");
  assert.deepEqual(await shown(), ["", "", "three"]);
  const back = await Peer.connect(t, moved, { token }, { auth: { resume: { [group.id]: 0 } } });
  assert.deepEqual(seqs(await back.receives(group, 3)), [1, 2, 3]);
  assert.equal((await moved.ask("GET", "/api/v1/search?q=one", { token })).messages.length, 0);
  assert.ok(existsSync(moved.dataDir) && readFileSync(moved.logFile));
});
