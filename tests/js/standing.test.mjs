// What a participant wants to hear of, who may not be in a conversation, and who has read what.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it, until } from "./harness.mjs";
import { Peer, itWithEveryClient, range } from "./peer.mjs";
import { PlainPeer as Plain } from "./plain.mjs";

let server;
before(async () => (server = await Server.start({ env: { ROLLCALL_AUTO_PROVISION: "true" } })));
after(() => server?.close());

let count = 0;
/** A service, known by its token alone. */
function service() {
  const user = { id: `service-${++count}`, username: `service-${count}` };
  return { ...user, token: server.tokenFor(user, 3600, { role: "service" }) };
}

itWithEveryClient("muting is heard by all devices of the user, and by nobody else", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [phone, laptop, other] = [await Peer.connect(t, server, bob, { kind }), await Peer.connect(t, server, bob, { kind }), await Peer.connect(t, server, alice, { kind })];
  assert.equal(phone.session.conversations[0].muted, false);
  const { conversation } = await phone.must("mute_conversation", { conversation_id: group.id, muted: true });
  assert.equal(conversation.muted, true);
  for (const peer of [phone, laptop]) assert.equal((await peer.hears("conversation_updated", ({ muted }) => muted)).id, group.id);
  const again = await Peer.connect(t, server, bob, { kind });
  assert.equal(again.session.conversations[0].muted, true, "it is kept");
  await other.settled();
  assert.deepEqual(other.heard("conversation_updated"), []);
  // Messages still come, and still count.
  const { message } = await other.send(group, `look, @${bob.username}`);
  assert.deepEqual(await laptop.receives(group, 1), [message]);
  const [listed] = (await laptop.must("list_conversations", {})).conversations;
  assert.deepEqual([listed.unread, listed.mentions, listed.muted], [1, 1, true]);
  await laptop.must("receipt", { conversation_id: group.id, read: 1 });
  const [read] = (await phone.must("list_conversations", {})).conversations;
  assert.deepEqual([read.unread, read.mentions], [0, 0]);
  assert.equal((await phone.must("mute_conversation", { conversation_id: group.id, muted: false })).conversation.muted, false);
  for (const [code, payload] of [
    ["bad_request", { conversation_id: group.id }],
    ["bad_request", { conversation_id: group.id, muted: "yes" }],
    ["not_found", { conversation_id: "nowhere", muted: true }],
  ]) await phone.refusedCall(code, "mute_conversation", payload);
});

itWithEveryClient("who is banned is told why, leaves the room, and stays out", async (t, kind) => {
  const [owner, bob, carol] = await server.users("owner", "bob", "carol");
  const group = await server.group(owner, bob, carol);
  const id = { conversation_id: group.id };
  const [o, b, c] = [await Peer.connect(t, server, owner, { kind }), await Peer.connect(t, server, bob, { kind }), await Peer.connect(t, server, carol, { kind })];
  await b.refusedCall("forbidden", "ban_participant", { ...id, user_id: carol.id });
  const { conversation } = await o.must("ban_participant", { ...id, user_id: carol.id, reason: "advertising" });
  assert.deepEqual(conversation.participants.map((one) => [one.id, one.role]).sort(), [[owner.id, "owner"], [bob.id, "member"]].sort());
  assert.deepEqual(await c.hears("conversation_removed"), { ...id, reason: "banned", by: owner.id, note: "advertising" });
  assert.equal((await b.hears("conversation_updated")).participants.length, 2);
  assert.ok(!(await c.must("whoami", {})).rooms.includes(`conversation:${group.id}`));
  await o.send(group, "without her");
  await b.receives(group, 1);
  await c.settled();
  assert.deepEqual(c.messages(group), []);
  for (const event of ["join_conversation", "mute_conversation"]) {
    const { message } = await c.refusedCall("not_participant", event, { ...id, muted: true });
    assert.match(message, /you are banned from .*: advertising$/);
  }
  const refused = await b.refusedCall("forbidden", "add_participants", { ...id, user_ids: [carol.id] });
  assert.ok(refused.message.includes(carol.id) && refused.hint.includes("lift the ban"), JSON.stringify(refused));
  const again = await Peer.connect(t, server, carol, { kind });
  assert.deepEqual(again.session.conversations, []);

  const { bans } = await o.must("list_bans", id);
  assert.deepEqual(bans.map(({ user_id, by, reason }) => [user_id, by, reason]), [[carol.id, owner.id, "advertising"]]);
  await o.must("unban_participant", { ...id, user_id: carol.id });
  await o.refusedCall("not_found", "unban_participant", { ...id, user_id: carol.id });
  await b.must("add_participants", { ...id, user_ids: [carol.id] });
  await o.send(group, "back again");
  assert.deepEqual((await c.receives(group, 1)).map(({ content }) => content), ["back again"]);
});

it("bans outlive the server, and an admin bans where they are not", async (t) => {
  const mine = await Server.start();
  t.after(() => mine.close());
  const [owner, bob] = await mine.users("owner", "bob");
  const group = await mine.group(owner, bob);
  const admin = await mine.adminToken();
  await mine.ask("POST", `/api/v1/conversations/${group.id}/bans`, { token: admin, body: { user_id: bob.id } });
  await mine.ask("POST", `/api/v1/conversations/${group.id}/mute`, { token: owner.token, body: { muted: true } });
  await mine.kill9();
  await mine.restart();
  const added = await mine.rest("POST", `/api/v1/conversations/${group.id}/participants`, { token: owner.token, body: { user_ids: [bob.id] } });
  assert.deepEqual([added.status, added.body.code], [403, "forbidden"]);
  assert.equal((await mine.ask("GET", `/api/v1/conversations/${group.id}`, { token: owner.token })).muted, true);
});

it("a plain WebSocket mutes, bans and is banned like any other", async (t) => {
  const [owner, bob] = await server.users("owner", "bob");
  const group = await server.group(owner, bob);
  const [o, b] = [await Plain.connect(t, server, owner), await Plain.connect(t, server, bob)];
  assert.equal((await b.must("mute_conversation", { conversation_id: group.id, muted: true })).conversation.muted, true);
  await o.must("ban_participant", { conversation_id: group.id, user_id: bob.id });
  assert.deepEqual(await b.hears("conversation_removed"), { conversation_id: group.id, reason: "banned", by: owner.id });
});

it("files are refused with what to do instead", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const peer = await Peer.connect(t, server, alice);
  const payload = { conversation_id: group.id, content: "look" };
  for (const more of [{ attachments: [{ name: "a.png", url: "https://example.org/a.png" }] }, { file: "aGVsbG8=" }, { content: { text: "look" } }, { file: Buffer.from("hello") }]) {
    const error = await peer.refusedCall("bad_request", "send_message", { ...payload, ...more });
    assert.match(error.hint ?? "", /upload .* send a link/, JSON.stringify(error));
  }
  await peer.must("send_message", { ...payload, attachments: [] });
});

it("a service hears the receipts that it asked for, also of a crowd", async (t) => {
  const shop = service();
  const s = await Peer.connect(t, server, shop);
  const [alice, bob] = await server.users("alice", "bob");
  const others = range(1, 58).map((n) => ({ id: `crowd-${n}` }));
  for (const { id } of others) await server.ask("POST", "/api/v1/users", { token: shop.token, body: { id } });
  const people = [alice, bob, ...others];
  const id = `crowd-${count}-${Date.now()}`;
  await s.must("create_conversation", { kind: "group", id, participant_ids: people.map((user) => user.id) });
  const foreign = await server.group(alice, bob);
  // In a crowd the device that said it is not told of it.
  const [a, elsewhere] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, alice)];
  await a.refusedCall("forbidden", "watch_receipts", { conversation_ids: [id] });
  await s.refusedCall("bad_request", "watch_receipts", {});
  await s.refusedCall("not_found", "watch_receipts", { conversation_ids: ["nowhere"] });

  const of = (conversation) => s.heard("receipts", (told) => told.conversation_id === conversation).flatMap((told) => told.users);
  await server.post(alice, { id }, "to all");
  await server.post(bob, foreign, "to one");
  const confirm = (conversation_id, read) => a.must("receipt", { conversation_id, read });
  assert.deepEqual(await s.must("watch_receipts", { created: true }), { ok: true, watching: 0, created: true });
  await confirm(id, 1);
  await until("the service hears of its own conversation", () => of(id).length);
  assert.deepEqual(of(id), [{ user_id: alice.id, received: 1, read: 1 }]);
  assert.deepEqual(await s.must("watch_receipts", { conversation_ids: [foreign.id] }), { ok: true, watching: 1, created: true });
  await confirm(foreign.id, 1);
  await until("the service hears of a foreign one", () => of(foreign.id).length);

  assert.deepEqual(await s.must("watch_receipts", { conversation_ids: [foreign.id], created: true, watch: false }), { ok: true, watching: 0, created: false });
  await server.post(bob, foreign, "unwatched");
  await server.post(alice, { id }, "unwatched");
  const before = [of(id).length, of(foreign.id).length];
  await confirm(id, 2);
  await confirm(foreign.id, 2);
  await elsewhere.hears("receipts", ({ conversation_id, users }) => conversation_id === id && users.some(({ read }) => read === 2));
  await elsewhere.hears("receipts", ({ conversation_id, users }) => conversation_id === foreign.id && users.some(({ read }) => read === 2));
  await s.settled();
  assert.deepEqual([of(id).length, of(foreign.id).length], before);
  const { users } = await server.ask("GET", `/api/v1/conversations/${id}/receipts`, { token: shop.token });
  assert.equal(users.length, 60);
  assert.deepEqual(users.find((user) => user.user_id === alice.id), { user_id: alice.id, received: 2, read: 2 });
});

it("a service makes users known, and reads for them by REST; their sockets hear it", async (t) => {
  const shop = service();
  const id = `customer-${Date.now()}`;
  const made = await server.rest("POST", "/api/v1/users", { token: shop.token, body: { id, username: "Zoe", display_name: "Zoë" } });
  assert.equal(made.status, 201);
  const again = await server.rest("POST", "/api/v1/users", { token: shop.token, body: { id, username: "else" } });
  assert.deepEqual([again.status, again.body], [200, made.body]);
  const zoe = { ...made.body, token: server.tokenFor(made.body) };
  const alice = await server.user("alice");
  const group = await server.group(alice, zoe);
  await server.post(alice, group, `@${zoe.username}, look`);
  const peer = await Peer.connect(t, server, zoe);
  assert.deepEqual([peer.session.conversations[0].unread, peer.session.conversations[0].mentions], [1, 1]);
  const seen = await server.ask("POST", `/api/v1/conversations/${group.id}/receipts`, { token: shop.token, body: { user_id: zoe.id, read: 1 } });
  assert.deepEqual([seen.unread, seen.mentions, seen.read_seq], [0, 0, 1]);
  const told = await peer.hears("receipts");
  assert.deepEqual(told, { conversation_id: group.id, users: [{ user_id: zoe.id, received: 1, read: 1 }] });
});
