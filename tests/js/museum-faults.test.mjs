// The failure museum, third hall: the server and its database fail. A server per piece, since it is what breaks.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { Server, until, within } from "./harness.mjs";
import { Peer, range, seqs } from "./peer.mjs";
import { check, deaf, explain, explainNow, finds, honest, piece } from "./museum.mjs";

async function started(t, options) {
  const server = await Server.start(options);
  t.after(() => server.close());
  return server;
}

/** What is to go wrong inside the server. */
function faults(wanted) {
  const binary = process.env.ROLLCALL_BIN ?? "";
  assert.ok(!binary.includes("/release/"), "a release build has no faults: these pieces need a debug build");
  return { ROLLCALL_FAULTS: wanted };
}

function database(server) {
  const name = readdirSync(server.dataDir).find((file) => /\.(db|sqlite3?)$/.test(file));
  assert.ok(name, `a database in ${readdirSync(server.dataDir)}`);
  return path.join(server.dataDir, name);
}

/** Runs SQL on the server's database file as another process, then `then` (Python), and answers when `ready` is printed. */
async function sql(t, server, statements, { hold = false } = {}) {
  const script = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
for statement in sys.argv[2:]:
    db.execute(statement)
print("ready", flush=True)
${hold ? "sys.stdin.read()" : ""}
db.close()`;
  const child = spawn("python3", ["-c", script, database(server), ...statements], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const ended = new Promise((resume) => child.once("exit", resume));
  const ready = new Promise((resume, reject) => {
    child.stdout.once("data", resume);
    child.once("error", reject);
    ended.then((code) => (code === 0 ? resume() : reject(new Error(`the SQL ended with ${code}`))));
  });
  await within("the SQL is done", ready);
  const release = async () => {
    child.stdin.end();
    await within("the lock is gone", ended);
  };
  if (!hold) await release();
  return release;
}

piece(["offline"], "(l) a server that was restarted in order says the same about the messages of before", async (t) => {
  const server = await started(t);
  const [alice, bob, carol, dora, erik] = await server.users("alice", "bob", "carol", "dora", "erik");
  const group = await server.group(alice, bob, carol, dora, erik);
  // One who has it, one who read it, one whose client gives no receipts, one who was away; and one who left by herself.
  const [b, c, d] = [await honest(t, server, bob), await honest(t, server, carol), await Peer.connect(t, server, dora)];
  const { message } = await server.post(alice, group, "before the restart");
  for (const peer of [b, c, d]) await peer.receives(group, 1);
  await c.must("receipt", { conversation_id: group.id, read: 1 });
  await d.must("leave_conversation", { conversation_id: group.id });
  const left = await server.post(alice, group, "not for dora's screen");
  const same = async () => {
    await finds(server, message, bob, { verdict: "delivered" });
    await finds(server, message, carol, { verdict: "read" });
    await finds(server, message, dora, { verdict: "sent", says: [/gives no receipts/] });
    await finds(server, message, erik, { verdict: "offline", cause: "offline", failing: "connected" });
    await finds(server, left.message, bob, { verdict: "delivered" });
    await finds(server, left.message, dora, { verdict: "missed", cause: "left_before", failing: "in_room" });
  };
  await same();
  await server.terminate();
  await server.restart();
  await same();
  const back = await honest(t, server, erik, { auth: { resume: { [group.id]: 0 } } });
  assert.deepEqual(seqs(await back.receives(group, 2)), [1, 2]);
  await finds(server, message, erik, { verdict: "delivered" });
});

piece([], "what somebody had before they were removed is still known after a restart", async (t) => {
  const server = await started(t);
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const group = await server.group(alice, bob, carol);
  const [b, c] = [await honest(t, server, bob), await honest(t, server, carol)];
  const { message } = await server.post(alice, group, "before they go");
  for (const peer of [b, c]) await peer.receives(group, 1);
  await c.must("receipt", { conversation_id: group.id, read: 1 });
  await finds(server, message, bob, { verdict: "delivered" });
  for (const user of [bob, carol]) await server.ask("DELETE", `/api/v1/conversations/${group.id}/participants/${user.id}`, { token: alice.token });
  for (const _ of ["before", "after the restart"]) {
    await finds(server, message, bob, { verdict: "delivered" });
    await finds(server, message, carol, { verdict: "read" });
    await server.kill9();
    await server.restart();
  }
});

piece(["node_lost"], "the process is killed between the hand-over and the receipt", async (t) => {
  const server = await started(t);
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const group = await server.group(alice, bob, carol);
  const b = await deaf(t, server, bob);
  const c = await honest(t, server, carol);
  const before = (await server.post(alice, group, "seen by carol")).message;
  await until("carol's receipt is known", async () => (await explain(server, { message_id: before.id, user_id: carol.id })).verdict === "delivered");
  // Cursors are stored in batches, a few times a second; a connection history as well. `whoami` reads them back.
  await c.settled();
  await until("bob's arrival is on record", async () => (await explain(server, { message_id: before.id, user_id: bob.id })).verdict === "sent");
  const { message } = await server.post(alice, group, "the last words");
  await b.receives(group, 2);
  await server.kill9();
  await server.restart();
  const lost = { verdict: "missed", cause: "node_lost", says: [/bob-\S+'s connection was lost with node \S+, which died/], remedy: /resumes/ };
  await finds(server, message, bob, { ...lost, failing: "handed_over" });
  await finds(server, before, carol, { verdict: "delivered" });
  // Whoever has not come back yet was not simply offline.
  const after = await server.post(alice, group, "is anybody back?");
  await finds(server, after.message, bob, { ...lost, failing: "connected" });
  check(await explainNow(server, group, bob), { ...lost, failing: "connected" });
  const back = await honest(t, server, bob, { auth: { resume: { [group.id]: 0 } } });
  assert.deepEqual(seqs(await back.receives(group, 3)), [1, 2, 3]);
  for (const one of [before, message, after.message]) await finds(server, one, bob, { verdict: "delivered" });
});

piece(["not_broadcast"], "the process dies between the commit and the broadcast: it is known, and made up for", async (t) => {
  const server = await started(t, { env: faults("crash_after_commit=2") });
  const [alice, bob, carol, dora] = await server.users("alice", "bob", "carol", "dora");
  const group = await server.group(alice, bob, carol, dora);
  // One who gives receipts, one who gives none, one who is away.
  const [b, c] = [await honest(t, server, bob), await Peer.connect(t, server, carol)];
  const first = (await server.post(alice, group, "before")).message;
  for (const peer of [b, c]) await peer.receives(group, 1);
  await finds(server, first, bob, { verdict: "delivered" });
  await b.settled();
  await assert.rejects(server.post(alice, group, "saved, and never sent"), "nobody answers any more");
  assert.equal((await within("the process is dead", server.exited)).signal, "SIGABRT");
  delete server.env.ROLLCALL_FAULTS;
  await server.restart();
  const [, message] = await server.history(alice, group);
  assert.equal(message.content, "saved, and never sent");
  const unsent = { verdict: "missed", cause: "not_broadcast", says: [/message #2 was saved at .*the server stopped at .* before it was broadcast/i, /none was made/], remedy: /not lost.*makes up for it/ };
  for (const user of [bob, carol]) await finds(server, message, user, { ...unsent, failing: "broadcast" });
  const away = { ...unsent, failing: "connected" };
  await finds(server, message, dora, away);
  const lost = { cause: "node_lost", says: [/connection was lost with node \S+, which died \(last heard of at/] };
  await finds(server, first, bob, { verdict: "delivered" });
  await finds(server, first, carol, { verdict: "sent", says: [/gives no receipts/] });
  check(await explainNow(server, group, bob), { verdict: "missed", ...lost, failing: "connected" });
  // It comes with what was missed.
  const back = [await honest(t, server, bob, { auth: { resume: { [group.id]: 1 } } }), await Peer.connect(t, server, carol, { auth: { resume: { [group.id]: 1 } } })];
  for (const peer of back) assert.deepEqual(seqs(await peer.receives(group, 1)), [2]);
  await finds(server, message, bob, { verdict: "delivered", says: [/path resume/] });
  await finds(server, message, carol, { verdict: "sent" });
  await finds(server, message, dora, away);
  // And goes on from there, also after a stop in order.
  const next = (await server.post(alice, group, "and on")).message;
  await back[0].receives(group, 2);
  await finds(server, next, bob, { verdict: "delivered" });
  await server.terminate();
  await server.restart();
  await finds(server, next, dora, { verdict: "offline", cause: "offline", failing: "connected" });
  await finds(server, message, dora, away);
});

piece(["not_in_room"], "joining the room fails: the message waits, and the next join brings it", async (t) => {
  // What opens the session, and what the first two messages try.
  const server = await started(t, { env: faults("fail_join=3") });
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const b = await honest(t, server, bob);
  for (const seq of [1, 2]) {
    const { message, delivery: counts } = await server.post(alice, group, "to nobody's room");
    assert.deepEqual([message.seq, counts.sockets, counts.handed_off, counts.failed, counts.repaired], [seq, 1, 0, 1, 0]);
    await finds(server, message, bob, {
      verdict: "missed", cause: "not_in_room", failing: "in_room", says: [new RegExp(`${b.session.sid} \\(museum/1\\), which was not in room ${group.room}, and joining it to the room failed`)], remedy: /emit join_conversation/,
    });
  }
  await b.settled();
  assert.deepEqual(b.messages(group), []);
  // The remedy: the client joins, and what it missed comes.
  const joined = await b.must("join_conversation", { conversation_id: group.id });
  assert.equal(joined.verified, true);
  assert.deepEqual(seqs(await b.receives(group, 2)), [1, 2]);
  await server.post(alice, group, "as ever");
  assert.deepEqual(seqs(await b.receives(group, 3)), [1, 2, 3]);
  for (const message of await server.history(alice, group)) await finds(server, message, bob, { verdict: "delivered" });
});

piece([], "what waited for a full buffer, or for a join, is told apart after a restart", async (t) => {
  const server = await started(t, { env: faults("fail_join=2") });
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const group = await server.group(alice, bob);
  // Without receipts: nothing else tells what they have.
  const b = await Peer.connect(t, server, bob);
  const first = (await server.post(alice, group, "waits for a join")).message;
  await finds(server, first, bob, { verdict: "missed", cause: "not_in_room", failing: "in_room" });
  await server.post(alice, group, "repairs it");
  assert.deepEqual(seqs(await b.receives(group, 2)), [1, 2]);
  const other = await server.group(alice, carol);
  const c = await Peer.connect(t, server, carol);
  const line = c.socket.io.engine.transport.ws._socket;
  line.pause();
  let last;
  for (let sent = 0; sent < 1_200; sent += 100) {
    const posts = await Promise.all(range(1, 100).map(() => server.post(alice, other, "x".repeat(16_000))));
    last = posts.map((one) => one.message).sort((one, two) => one.seq - two.seq).at(-1);
  }
  await finds(server, last, carol, { verdict: "missed", cause: "buffer_full", failing: "handed_over" });
  line.destroy();
  b.close();
  await until("both are gone", async () => (await explainNow(server, other, carol)).cause === "offline" && (await explainNow(server, group, bob)).cause === "offline");
  await server.terminate();
  await server.restart();
  await finds(server, first, bob, { verdict: "sent", says: [/by resume/] });
  const after = await explain(server, { message_id: last.id, user_id: carol.id });
  assert.equal(after.verdict, "missed", JSON.stringify(after));
  assert.ok(["buffer_full", "disconnected_during"].includes(after.cause), JSON.stringify(after));
}, { timeout: 90_000 });

piece([], "a hand-over is lost on the way: it is made again, and arrives", async (t) => {
  const server = await started(t, { env: faults("drop_handover=1") });
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const b = await honest(t, server, bob);
  const { message, delivery: counts } = await server.post(alice, group, "lost at first");
  assert.equal(counts.handed_off, 1, "as far as the server can know");
  await finds(server, message, bob, { verdict: "sent", says: [/its receipt has not come yet/] });
  assert.deepEqual(b.messages(group), []);
  assert.deepEqual(seqs(await b.receives(group, 1)), [1]);
  const { own } = await finds(server, message, bob, { verdict: "delivered" });
  assert.deepEqual(own.sockets.map((one) => one.attempts), [2]);
});

piece(["not_saved"], "(m) the database refuses: nothing is sent, the sender is told, and it works again", async (t) => {
  const server = await started(t);
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await honest(t, server, bob)];
  const release = await sql(t, server, ["BEGIN EXCLUSIVE"], { hold: true });
  const refused = { conversation_id: group.id, content: "into the locked database", client_message_id: "locked-1" };
  const error = await within("a refusal", a.refusedCall("storage_unavailable", "send_message", refused), 20_000);
  assert.ok(error.message.length > 0);
  const ready = await server.rest("GET", "/health/ready");
  assert.equal(ready.status, 503, JSON.stringify(ready.body));
  await release();
  const asked = { conversation_id: group.id, client_message_id: "locked-1" };
  const lost = { verdict: "missed", cause: "not_saved", failing: "saved", says: [/alice-\S+ was not saved at .*storage_unavailable/, /nothing was sent to anyone/], remedy: /same client_message_id/ };
  check(await explain(server, asked), lost);
  check(await explain(server, { ...asked, user_id: bob.id }), lost);
  await b.settled();
  assert.deepEqual(b.messages(group), [], "what is not saved is sent to nobody");
  // The remedy: the same again.
  const { message, duplicate } = await until("the store takes messages again", async () => {
    const answer = await a.call("send_message", refused);
    return answer.ok && answer;
  });
  assert.deepEqual([message.seq, duplicate], [1, false]);
  assert.deepEqual(seqs(await b.receives(group, 1)), [1]);
  await finds(server, message, bob, { verdict: "delivered" });
  assert.equal((await explain(server, { ...asked, user_id: bob.id })).verdict, "delivered", "asked by the sender's own id it is the saved one now");
});

piece(["not_saved"], "a message that breaks a rule is refused, and found by the sender's own id", async (t) => {
  const server = await started(t, { env: { ROLLCALL_RATE_MESSAGES: "3/s" } });
  const [alice, bob, stranger] = await server.users("alice", "bob", "stranger");
  const group = await server.group(alice, bob);
  const [a, s] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, stranger)];
  const payload = (client_message_id, content = "x") => ({ conversation_id: group.id, content, client_message_id });
  await a.refusedCall("too_large", "send_message", payload("large", "x".repeat(20_000)));
  await s.refusedCall("not_participant", "send_message", payload("strange"));
  const many = await Promise.all(range(1, 30).map((number) => a.call("send_message", payload(`many-${number}`))));
  const limited = many.findIndex((answer) => answer.error?.code === "rate_limited") + 1;
  assert.ok(limited > 0);
  for (const [id, code, remedy] of [["large", /too_large/, /split it/], ["strange", /not_participant/, /same client_message_id/], [`many-${limited}`, /rate_limited/, /wait retry_after_ms/]]) {
    const told = await explain(server, { conversation_id: group.id, client_message_id: id });
    check(told, { verdict: "missed", cause: "not_saved", failing: "saved", says: [code], remedy });
  }
});

piece(["buffer_full"], "(p) a client that reads nothing gets everything later, once and in order; the others wait for nobody", async (t) => {
  const server = await started(t);
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const group = await server.group(alice, bob, carol);
  const [a, c] = [await Peer.connect(t, server, alice), await honest(t, server, carol)];
  const b = await honest(t, server, bob);
  const line = b.socket.io.engine.transport.ws._socket;
  line.pause();
  // More than the buffers of the kernel and of the socket hold.
  const [count, large] = [1_200, "x".repeat(16_000)];
  let last;
  for (let sent = 0; sent < count; sent += 100) {
    const answers = await Promise.all(range(1, 100).map(() => a.send(group, large)));
    last = answers.at(-1).message;
  }
  assert.deepEqual(seqs(await c.receives(group, count)), range(1, count));
  const slow = { verdict: "missed", cause: "buffer_full", says: [new RegExp(b.session.sid), /its buffer is full since/, /in the store/], remedy: /as it drains/ };
  await finds(server, last, bob, { ...slow, failing: "handed_over" });
  check(await explainNow(server, group, bob), { ...slow, failing: "handed_over" });
  await finds(server, last, carol, { verdict: "delivered" });
  line.resume();
  assert.deepEqual(seqs(await b.receives(group, count, 30_000)), range(1, count));
  const { own } = await finds(server, last, bob, { verdict: "delivered" });
  assert.deepEqual(own.sockets.map((one) => [one.sid, one.path]), [[b.session.sid, "resume"]]);
}, { timeout: 90_000 });
