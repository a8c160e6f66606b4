// REST: the same chat without a socket.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it } from "./harness.mjs";
import { Peer, range, seqs } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

it("register, login, me", async () => {
  const body = { username: "Walter.W-1", password: "correct horse", display_name: "Walter" };
  assert.equal((await server.rest("POST", "/api/v1/auth/register", { body })).status, 201);
  const again = await server.rest("POST", "/api/v1/auth/register", { body: { ...body, username: "walter.w-1" } });
  assert.deepEqual([again.status, again.body.code], [409, "conflict"], "names are compared in lower case");
  const { token, expires_at, user } = await server.login("walter.w-1", "correct horse");
  assert.ok(Date.parse(expires_at) > Date.now());
  assert.deepEqual({ ...user, id: "" }, { id: "", username: "walter.w-1", display_name: "Walter", role: "user" });
  const me = await server.ask("GET", "/api/v1/auth/me/", { token });
  assert.equal(me.id, user.id, "a trailing slash is ignored");
  for (const [username, password] of [["walter.w-1", "wrong horse"], ["nobody-here", "correct horse"]]) {
    const refused = await server.rest("POST", "/api/v1/auth/login", { body: { username, password } });
    assert.deepEqual([refused.status, refused.body.code], [401, "unauthorized"]);
  }
});

it("wrong accounts are refused and the field is named", async () => {
  const right = { username: "someone", password: "correct horse" };
  for (const [field, values] of Object.entries({
    username: [undefined, null, 7, "", "a", "x".repeat(33), "a b", "ä-ö", "a@b"],
    password: [undefined, null, 7, "", "short", "x".repeat(257)],
    display_name: [7, {}, "x".repeat(65)],
  })) {
    for (const value of values) {
      const answer = await server.rest("POST", "/api/v1/auth/register", { body: { ...right, [field]: value } });
      assert.deepEqual([answer.status, answer.body.code], [400, "bad_request"], `${field}=${JSON.stringify(value)}`);
      assert.ok(JSON.stringify(answer.body).includes(field), `${field}: ${JSON.stringify(answer.body)}`);
    }
  }
});

it("POST messages is send_message, and says who has confirmed", async (t) => {
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const group = await server.group(alice, bob, carol);
  const b = await Peer.connect(t, server, bob, { auth: { receipts: true } });
  const c = await Peer.connect(t, server, carol, { auth: { receipts: true } });
  b.socket.on("new_message", ({ conversation_id, seq }) => b.socket.emit("receipt", { conversation_id, received: seq }));
  const post = (query, more) =>
    server.rest("POST", `/api/v1/messages${query}`, { token: alice.token, body: { conversation_id: group.id, content: "x", ...more } });

  const sent = await post("", { client_message_id: "one" });
  assert.equal(sent.status, 201);
  assert.deepEqual(sent.body.delivery, { participants: 3, online: 2, sockets: 2, handed_off: 2, failed: 0, repaired: 0 });
  assert.deepEqual(await b.receives(group, 1), [sent.body.message]);
  const again = await post("", { client_message_id: "one" });
  assert.deepEqual([again.status, again.body.duplicate, again.body.message], [200, true, sent.body.message]);

  const waited = await post("?wait_ms=1500");
  assert.equal(waited.status, 201);
  assert.equal(waited.body.delivery.confirmed, 1);
  assert.deepEqual(waited.body.delivery.missing, [carol.id]);
  await c.receives(group, 2);

  for (const [body, status, code] of [
    [{ content: "" }, 400, "bad_request"],
    [{ content: 7 }, 400, "bad_request"],
    [{ content: "x".repeat(16_385) }, 413, "too_large"],
    [{ conversation_id: "nowhere" }, 404, "not_found"],
  ]) {
    const answer = await post("", body);
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body).slice(0, 80));
  }
  for (const body of ["", "{", "[]", "null", "7"]) {
    const answer = await server.rest("POST", "/api/v1/messages", { token: alice.token, body });
    assert.deepEqual([answer.status, answer.body.code], [400, "bad_request"], body);
  }
});

it("pages of messages", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const peer = await Peer.connect(t, server, alice);
  await Promise.all(range(1, 230).map((number) => peer.send(group, `${number}`)));
  const page = (query) => server.rest("GET", `/api/v1/conversations/${group.id}/messages?${query}`, { token: alice.token });
  for (const [query, from, to, more] of [
    ["", 181, 230, true],
    ["limit=10", 221, 230, true],
    ["after_seq=0", 1, 50, true],
    ["after_seq=0&limit=9999", 1, 200, true],
    ["after_seq=200", 201, 230, false],
    ["after_seq=230", 231, 230, false],
    ["before_seq=11", 1, 10, false],
    ["before_seq=100&limit=5", 95, 99, true],
    ["before_seq=1", 1, 0, false],
  ]) {
    const { status, body } = await page(query);
    assert.equal(status, 200, query);
    assert.deepEqual(seqs(body.messages), range(from, to), query);
    assert.equal(body.more, more, query);
  }
  for (const query of ["after_seq=1&before_seq=3", "after_seq=-1", "after_seq=x", "limit=0", "limit=-1", "limit=x", "before_seq=1.5"]) {
    const { status, body } = await page(query);
    assert.deepEqual([status, body.code], [400, "bad_request"], query);
  }
});

it("conversations by REST reach sockets like those made by event", async (t) => {
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const b = await Peer.connect(t, server, bob);
  const group = await server.group(alice, bob);
  await b.hears("conversation_updated", (data) => data.id === group.id);
  const direct = { kind: "direct", participant_ids: [bob.id] };
  const made = await server.rest("POST", "/api/v1/conversations", { token: alice.token, body: direct });
  const found = await server.rest("POST", "/api/v1/conversations", { token: alice.token, body: direct });
  assert.deepEqual([made.status, found.status, made.body.id === found.body.id], [201, 200, true]);

  const list = await server.ask("GET", "/api/v1/conversations", { token: alice.token });
  assert.deepEqual(list.conversations.map((one) => one.id).sort(), [group.id, made.body.id].sort());
  assert.equal(list.more, false);
  const where = `/api/v1/conversations/${group.id}`;
  assert.equal((await server.ask("GET", where, { token: bob.token })).id, group.id);
  const added = await server.rest("POST", `${where}/participants`, { token: bob.token, body: { user_ids: [carol.id] } });
  assert.deepEqual([added.status, added.body.participants.length], [200, 3]);
  const notOwner = await server.rest("DELETE", `${where}/participants/${carol.id}`, { token: bob.token });
  assert.deepEqual([notOwner.status, notOwner.body.code], [403, "forbidden"]);
  assert.equal((await server.rest("DELETE", `${where}/participants/${bob.id}`, { token: alice.token })).status, 204);
  await b.hears("conversation_removed", (data) => data.conversation_id === group.id);
  const outside = await server.rest("GET", where, { token: bob.token });
  assert.deepEqual([outside.status, outside.body.code], [403, "not_participant"]);
  const nowhere = await server.rest("GET", "/api/v1/conversations/nowhere", { token: bob.token });
  assert.deepEqual([nowhere.status, nowhere.body.code], [404, "not_found"]);
});

it("edit, delete and delivery", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const b = await Peer.connect(t, server, bob);
  const { message } = await server.post(alice, group, "the quick brown fox");
  const where = `/api/v1/messages/${message.id}`;
  const edited = await server.ask("PATCH", where, { token: alice.token, body: { content: "the slow brown fox" } });
  assert.equal(edited.content, "the slow brown fox");
  await b.hears("message_updated", (data) => data.id === message.id);

  const delivery = await server.ask("GET", `${where}/delivery`, { token: alice.token });
  assert.equal(delivery.message.id, message.id);
  assert.equal(delivery.broadcast.room, `conversation:${group.id}`);
  const ofBob = delivery.participants.find((one) => one.user_id === bob.id);
  assert.equal(ofBob.status, "sent");
  assert.deepEqual([ofBob.sockets[0].sid, ofBob.sockets[0].path], [b.socket.id, "room"]);
  assert.equal((await server.rest("GET", `${where}/delivery`, { token: bob.token })).status, 403);

  assert.equal((await server.rest("DELETE", where, { token: bob.token })).status, 403);
  assert.equal((await server.rest("DELETE", where, { token: alice.token })).status, 204);
});

it("users are found by name", async () => {
  const [alice, bob] = await server.users("findme", "other");
  const found = await server.ask("GET", `/api/v1/users?q=${alice.username}`, { token: bob.token });
  assert.deepEqual(found.users.map((user) => user.id), [alice.id]);
});
