// Plain WebSockets beside Socket.IO: the same events, rooms, ledger and views, and ends that say why.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it, until } from "./harness.mjs";
import { Peer, range, seqs } from "./peer.mjs";
import { PlainPeer, where } from "./plain.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

async function trio(t, more = {}) {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const io = await Peer.connect(t, server, alice, { auth: { receipts: true } });
  const plain = await PlainPeer.connect(t, server, bob, more);
  return { alice, bob, group, io, plain };
}

it("what one kind of client says the other hears, both ways, in order", async (t) => {
  const { group, io, plain } = await trio(t);
  assert.equal(plain.log[0].event, "session");
  const sent = await io.send(group, "from Socket.IO");
  assert.deepEqual(await plain.receives(group, 1), [sent.message]);
  assert.deepEqual(sent.delivery, { participants: 2, online: 2, sockets: 2, handed_off: 2, failed: 0, repaired: 0 });
  const back = await plain.send(group, "from a plain WebSocket", { client_message_id: "p-1" });
  assert.equal((await plain.send(group, "again", { client_message_id: "p-1" })).duplicate, true);
  assert.deepEqual((await io.receives(group, 2))[1], back.message);
  await Promise.all(range(1, 100).map((number) => (number % 2 ? io : plain).send(group, `${number}`)));
  for (const peer of [io, plain]) assert.deepEqual(seqs(await peer.receives(group, 102)), range(1, 102));
});

it("every event is answered, with the id as it was given", async (t) => {
  const { group, plain, io, alice } = await trio(t);
  const believed = await plain.call("whoami", undefined, "my id");
  assert.equal(believed.transport, "plain-websocket");
  assert.deepEqual([...believed.rooms].sort(), [plain.session.sid, `conversation:${group.id}`, `user:${plain.user.id}`].sort());
  await plain.must("typing", { conversation_id: group.id, typing: true });
  assert.equal((await io.hears("typing")).user_id, plain.user.id);
  const joined = await plain.must("join_conversation", { conversation_id: group.id, after_seq: 0 });
  assert.deepEqual([joined.verified, joined.sockets_in_room], [true, 2]);
  await io.send(group, "one");
  assert.equal((await plain.must("sync", { conversation_id: group.id, after_seq: 0 })).messages.length, 1);
  const left = await plain.must("leave_conversation", { conversation_id: group.id });
  assert.equal(left.verified, true);
  await io.send(group, "not heard");
  await plain.settled();
  assert.equal(plain.messages(group).length, 1);
  await plain.refusedCall("bad_request", "jump", {});
  await plain.refusedCall("bad_request", "sync", { conversation_id: group.id, after_seq: -1 });
  await plain.refusedCall("not_found", "sync", { conversation_id: "nothing", after_seq: 0 });
  assert.equal((await plain.must("list_conversations")).conversations.length, 1);
  // Without an id a refusal arrives as `error`.
  plain.frame({ event: "jump", data: {} });
  const error = await plain.hears("error");
  assert.deepEqual([error.ok, error.error.code, error.event], [false, "bad_request", "jump"]);
  for (const [frame, field] of [["nonsense", "frame"], ["[]", "frame"], ["{}", "event"], ['{"event":"whoami","id":{}}', "id"]]) {
    plain.frame(frame);
    await plain.hears("error", (told) => told.error.message.startsWith(`${field}: `));
  }
  plain.socket.send(Buffer.from([1, 2]), { binary: true });
  await plain.hears("error", (told) => told.error.message.includes("binary"));
  assert.ok(alice);
});

it("the admin sees it among the sockets and rooms, can take it out, and the next message repairs it", async (t) => {
  const { group, io, plain, bob } = await trio(t, { headers: { "user-agent": "plain/1" }, hello: { client: "mine/1.2", receipts: true } });
  const token = await server.adminToken();
  const admin = (method, path, body) => server.ask(method, `/admin/api/${path}`, { token, body });
  const seen = await admin("GET", `sockets/${plain.session.sid}`);
  assert.deepEqual(
    [seen.transport, seen.user_id, seen.client, seen.user_agent, seen.receipts, seen.namespace],
    ["plain-websocket", bob.id, "mine/1.2", "plain/1", true, "/"],
  );
  const pinged = await until("a heartbeat was answered", async () => {
    const now = await admin("GET", `sockets/${plain.session.sid}`);
    return now.round_trip_ms !== null && now;
  });
  assert.ok(pinged.round_trip_ms < 5_000 && pinged.events_out >= 1, JSON.stringify(pinged));
  const room = `conversation:${group.id}`;
  const there = async () => (await admin("GET", `rooms/%2F/${encodeURIComponent(room)}`)).members.map((member) => member.transport).sort();
  assert.deepEqual(await there(), ["plain-websocket", "websocket"]);
  await admin("POST", `sockets/${plain.session.sid}/leave`, { room });
  assert.deepEqual(await there(), ["websocket"]);
  const sent = await io.send(group, "repaired");
  assert.equal(sent.delivery.repaired, 1);
  await plain.receives(group, 1);
  assert.deepEqual(await there(), ["plain-websocket", "websocket"]);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  assert.match(metrics, /rollcall_connections\{namespace="\/",transport="plain-websocket"\} [1-9]/);
  await admin("POST", `sockets/${plain.session.sid}/disconnect`, {});
  assert.equal((await plain.disconnected()).code, 4403);
});

it("its receipts count like any other", async (t) => {
  const { group, io, plain, alice } = await trio(t, { hello: { receipts: true } });
  const { message } = await io.send(group, "confirm me");
  await plain.receives(group, 1);
  await plain.must("receipt", { conversation_id: group.id, read: message.seq });
  await io.hears("receipts", (told) => told.users.some((user) => user.user_id === plain.user.id && user.read === 1));
  const fate = async () => {
    const report = await server.ask("GET", `/api/v1/messages/${message.id}/delivery`, { token: alice.token });
    return report.participants.find((one) => one.user_id === plain.user.id);
  };
  const bob = await until("it is read", async () => ((await fate()).status === "read" ? fate() : undefined));
  assert.deepEqual([bob.sockets[0].sid, bob.sockets[0].path], [plain.session.sid, "room"]);
});

it("it resumes with `hello`, without a gap or a double", async (t) => {
  const { group, io, plain, bob } = await trio(t);
  await io.send(group, "one");
  await plain.receives(group, 1);
  plain.close();
  await until("it is gone", async () => !(await server.ask("GET", `/admin/api/sockets?q=${bob.username}`, { token: await server.adminToken() })).total);
  await io.send(group, "two");
  await io.send(group, "three");
  const back = await PlainPeer.connect(t, server, bob, { hello: { resume: { [group.id]: 1 }, epoch: plain.session.epoch } });
  assert.deepEqual(back.session.resume, { [group.id]: { recovered: true, messages: 2 } });
  await io.send(group, "four");
  assert.deepEqual(seqs(await back.receives(group, 3)), [2, 3, 4]);
});

it("without `hello` the session comes all the same; a late one, or one with mistakes, is refused", async (t) => {
  const [alice] = await server.users("alice");
  const quiet = await PlainPeer.connect(t, server, alice, { hello: null });
  const late = await quiet.refusedCall("bad_request", "hello", { receipts: true });
  assert.match(late.message, /^hello: /);
  const hasty = new PlainPeer(t, where(server, alice.token));
  hasty.socket.once("open", () => hasty.frame({ event: "whoami", id: 1 }));
  await until("an answer", () => hasty.replies.has("1"));
  assert.equal(hasty.log[0].event, "session");
  const wrong = new PlainPeer(t, where(server, alice.token));
  wrong.socket.once("open", () => wrong.frame({ event: "hello", data: { receipts: "yes" }, id: 7 }));
  await until("a refusal", () => wrong.replies.has("7"));
  assert.equal(wrong.replies.get("7").error.code, "bad_request");
});

it("who may not come in is told so before the upgrade, and is kept among the rejected", async (t) => {
  const [alice] = await server.users("alice");
  const expired = server.tokenFor(alice, -10);
  for (const [url, options, status, code] of [
    [where(server), {}, 401, "unauthorized"],
    [where(server, "nonsense"), {}, 401, "unauthorized"],
    [where(server, expired), {}, 401, "token_expired"],
    [where(server, alice.token), { origin: "https://evil.example" }, 403, "forbidden"],
  ]) {
    const refused = await PlainPeer.refused(t, url, options);
    assert.deepEqual([refused.status, refused.body.code], [status, code], JSON.stringify(refused.body));
    assert.equal(refused.headers["content-type"], "application/problem+json");
  }
  const rejected = await server.ask("GET", "/admin/api/rejected", { token: await server.adminToken() });
  const here = rejected.items.filter((one) => one.path.startsWith("/api/v1/ws/chat"));
  assert.deepEqual(here.map((one) => one.reason), ["origin", "token", "token", "token"]);
  assert.ok(here.every((one) => !JSON.stringify(one).includes(alice.token)));
  const allowed = new PlainPeer(t, where(server), { origin: "https://chat.example.org", headers: { authorization: `Bearer ${alice.token}` } });
  await allowed.hears("session");
  const plainly = await server.rest("GET", "/api/v1/ws/chat", { token: alice.token });
  assert.deepEqual([plainly.status, plainly.body.code], [426, "bad_request"]);
});

it("a token that ends closes it with 4401, unless a fresh one comes in time", async (t) => {
  const [alice] = await server.users("alice");
  const peer = await PlainPeer.connect(t, server, { ...alice, token: server.tokenFor(alice, 3) });
  await peer.hears("token_expiring");
  const refreshed = await peer.must("refresh_token", { token: server.tokenFor(alice, 5) });
  assert.ok(refreshed.expires_at);
  const { code, reason } = await peer.disconnected(15_000);
  assert.equal(code, 4401);
  assert.match(reason, /token/);
});

it("a frame that is too large closes it with 4413; a long content is only refused; what is no WebSocket ends with 1002", async (t) => {
  const { group, plain, bob } = await trio(t);
  await plain.refusedCall("too_large", "send_message", { conversation_id: group.id, content: "x".repeat(900_000) });
  plain.frame({ event: "send_message", data: { conversation_id: group.id, content: "x".repeat(3_000_000) } });
  assert.equal((await plain.disconnected()).code, 4413);
  const more = await PlainPeer.connect(t, server, bob);
  // A frame of a kind that does not exist.
  more.socket._socket.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]));
  assert.equal((await more.disconnected()).code, 1002);
});

it("a hundred refused events in ten seconds close it with 4429", async (t) => {
  const { plain } = await trio(t);
  for (let n = 0; n < 120; n++) plain.frame({ event: "jump", data: {} });
  assert.equal((await plain.disconnected()).code, 4429);
});

it("too many connections of an address are refused with 429, before the upgrade", async (t) => {
  const busy = await Server.start({ env: { ROLLCALL_RATE_CONNECTS: "3/h" } });
  t.after(() => busy.close());
  const alice = await busy.user("alice");
  for (let n = 0; n < 3; n++) await PlainPeer.connect(t, busy, alice);
  const { status, headers, body } = await PlainPeer.refused(t, where(busy, alice.token));
  assert.deepEqual([status, body.code], [429, "rate_limited"]);
  assert.ok(Number(headers["retry-after"]) > 60, JSON.stringify(headers));
  assert.ok(body.retry_after_ms > 60_000 && body.hint, JSON.stringify(body));
});

it("messages too fast are refused with when to come back, and one refused is not sent", async (t) => {
  const strict = await Server.start({ env: { ROLLCALL_RATE_MESSAGES: "2/h" } });
  t.after(() => strict.close());
  const alice = await strict.user("alice");
  const group = await strict.group(alice);
  const plain = await PlainPeer.connect(t, strict, alice);
  for (const content of ["one", "two"]) await plain.send(group, content);
  const error = await plain.refusedCall("rate_limited", "send_message", { conversation_id: group.id, content: "three" });
  assert.ok(error.retry_after_ms > 60_000 && error.hint, JSON.stringify(error));
  const rest = await strict.rest("POST", "/api/v1/messages", { token: alice.token, body: { conversation_id: group.id, content: "four" } });
  assert.deepEqual([rest.status, Number(rest.headers.get("retry-after")) > 60], [429, true]);
  assert.deepEqual((await strict.history(alice, group)).map(({ content }) => content), ["one", "two"]);
});

it("one that stops reading is fed when it reads again, and has lost nothing", async (t) => {
  const { group, io, plain } = await trio(t);
  plain.socket.pause();
  const text = "x".repeat(10_000);
  for (let sent = 0; sent < 400; sent += 100) await Promise.all(range(1, 100).map(() => io.send(group, text)));
  plain.socket.resume();
  assert.deepEqual(seqs(await plain.receives(group, 400, 30_000)), range(1, 400));
}, { timeout: 90_000 });

it("a server that stops says so and closes it with 1001", async (t) => {
  const other = await Server.start();
  t.after(() => other.close());
  const [alice] = await other.users("alice");
  const peer = await PlainPeer.connect(t, other, alice);
  const stopped = other.terminate();
  await peer.hears("server_shutdown");
  assert.equal((await peer.disconnected()).code, 1001);
  assert.equal((await stopped).code, 0);
});
