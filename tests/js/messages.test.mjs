// A message goes to everyone, once, as it was written, with the numbers of its delivery.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it } from "./harness.mjs";
import { Peer, itWithEveryClient, seqs } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

itWithEveryClient("a message reaches every socket of every participant, the sender's own included", async (t, kind) => {
  const [alice, bob, carol, outsider] = await server.users("alice", "bob", "carol", "outsider");
  const group = await server.group(alice, bob, carol);
  const peers = [];
  for (const user of [alice, alice, bob, bob]) peers.push(await Peer.connect(t, server, user, { kind }));
  const other = await Peer.connect(t, server, outsider, { kind });

  const answer = await peers[0].send(group, "hello", { client_message_id: "m-1" });
  assert.equal(answer.duplicate, false);
  assert.deepEqual(answer.delivery, { participants: 3, online: 2, sockets: 4, handed_off: 4, failed: 0, repaired: 0 });
  const { message } = answer;
  assert.match(message.id, /^[A-Za-z0-9_.:-]{1,64}$/);
  assert.match(message.created_at, TIME);
  assert.deepEqual(message, {
    id: message.id,
    conversation_id: group.id,
    seq: 1,
    sender_id: alice.id,
    sender_name: "alice",
    content: "hello",
    created_at: message.created_at,
    client_message_id: "m-1",
    reply_to: null,
    edited_at: null,
    deleted_at: null,
  });
  for (const peer of peers) assert.deepEqual(await peer.receives(group, 1), [message]);
  await other.settled();
  assert.deepEqual(other.heard("new_message"), []);
});

itWithEveryClient("the same client_message_id again returns the stored message and sends nothing", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [sender, receiver] = [await Peer.connect(t, server, alice, { kind }), await Peer.connect(t, server, bob, { kind })];
  const first = await sender.send(group, "once", { client_message_id: "same" });
  const again = await Promise.all(Array.from({ length: 20 }, () => sender.send(group, "other words", { client_message_id: "same" })));
  for (const answer of again) {
    assert.equal(answer.duplicate, true);
    assert.deepEqual(answer.message, first.message);
    assert.deepEqual(answer.delivery, { participants: 2, online: 2, sockets: 2, handed_off: 0, failed: 0, repaired: 0 });
  }
  const rest = await server.rest("POST", "/api/v1/messages", {
    token: alice.token,
    body: { conversation_id: group.id, content: "by REST", client_message_id: "same" },
  });
  assert.equal(rest.status, 200);
  assert.equal(rest.body.duplicate, true);
  await sender.send(group, "next");
  assert.deepEqual(seqs(await receiver.receives(group, 2)), [1, 2]);
});

it("twenty at once with one client_message_id are one message", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const tabs = await Promise.all(Array.from({ length: 4 }, () => Peer.connect(t, server, alice)));
  const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => tabs[at % 4].send(group, "racing", { client_message_id: "race" })));
  assert.equal(answers.filter((answer) => !answer.duplicate).length, 1);
  assert.equal(new Set(answers.map((answer) => answer.message.id)).size, 1);
  assert.equal((await server.history(alice, group)).length, 1);
});

it("client_message_id is per sender and per conversation", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const [one, two] = [await server.group(alice, bob), await server.group(alice, bob)];
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  const same = { client_message_id: "same" };
  const answers = [await a.send(one, "a", same), await b.send(one, "b", same), await a.send(two, "c", same)];
  assert.deepEqual(answers.map((answer) => answer.duplicate), [false, false, false]);
});

itWithEveryClient("numbers are taken for ids", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const peer = await Peer.connect(t, server, alice, { kind });
  const { message } = await peer.send(group, "x", { client_message_id: 42 });
  assert.equal(message.client_message_id, "42");
  assert.equal((await peer.send(group, "x", { client_message_id: "42" })).duplicate, true);
  // A number that is nobody's conversation is looked for, not refused as a shape.
  await peer.refusedCall("not_found", "send_message", { conversation_id: 42, content: "x" });
});

const texts = {
  NUL: "a\u0000b",
  emoji: "👩‍👩‍👧‍👦 😀🏳️‍🌈",
  "right to left": "שלום \u202Eabc\u202C مرحبا",
  "zero width": "zero\u200Bwidth\u200D\uFEFF",
  "not normalized": "e\u0301 \u00E9",
  HTML: `<script>alert("x")</script><b onclick='y'>&amp;</b>`,
  "line ends": " \t a\r\n\u2028\u2029 ",
  JSON: `{"a":["\\u0000","\\"]}`,
  "4 bytes": "𝕏".repeat(4096),
  "exactly the limit": "x".repeat(16_384),
};
for (const [name, text] of Object.entries(texts)) {
  itWithEveryClient(`text is kept as it was written: ${name}`, async (t, kind) => {
    const [alice, bob] = await server.users("alice", "bob");
    const group = await server.group(alice, bob);
    const [sender, receiver] = [await Peer.connect(t, server, alice, { kind }), await Peer.connect(t, server, bob, { kind })];
    assert.equal((await sender.send(group, text)).message.content, text);
    assert.equal((await receiver.receives(group, 1))[0].content, text);
    assert.equal((await server.history(bob, group))[0].content, text);
  });
}

it("a message answers another of the same conversation only", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const [one, two] = [await server.group(alice, bob), await server.group(alice, bob)];
  const peer = await Peer.connect(t, server, alice);
  const { message } = await peer.send(one, "question");
  assert.equal((await peer.send(one, "answer", { reply_to: message.id })).message.reply_to, message.id);
  await peer.refusedCall("bad_request", "send_message", { conversation_id: two.id, content: "x", reply_to: message.id });
});

itWithEveryClient("an edit and a deletion reach everyone", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice, { kind }), await Peer.connect(t, server, bob, { kind })];
  const { message } = await a.send(group, "frist");
  const edited = (await a.must("edit_message", { message_id: message.id, content: "first" })).message;
  assert.match(edited.edited_at, TIME);
  assert.deepEqual({ ...edited, edited_at: null }, { ...message, content: "first" });
  assert.deepEqual(await b.hears("message_updated"), edited);

  await b.refusedCall("forbidden", "edit_message", { message_id: message.id, content: "mine now" });
  await b.refusedCall("forbidden", "delete_message", { message_id: message.id });
  const gone = (await a.must("delete_message", { message_id: message.id })).message;
  assert.equal(gone.content, "");
  assert.match(gone.deleted_at, TIME);
  for (const peer of [a, b]) assert.deepEqual(await peer.hears("message_updated", (data) => data.deleted_at), gone);
  assert.deepEqual(await server.history(bob, group), [gone]);
});

it("the owner of a group may delete what others wrote", async (t) => {
  const [owner, bob] = await server.users("owner", "bob");
  const group = await server.group(owner, bob);
  const [o, b] = [await Peer.connect(t, server, owner), await Peer.connect(t, server, bob)];
  const { message } = await b.send(group, "rude");
  await o.refusedCall("forbidden", "edit_message", { message_id: message.id, content: "polite" });
  assert.equal((await o.must("delete_message", { message_id: message.id })).message.content, "");
});

it("who is no participant may neither send nor read", async (t) => {
  const [alice, outsider] = await server.users("alice", "outsider");
  const group = await server.group(alice);
  const { message } = await server.post(alice, group, "secret");
  const peer = await Peer.connect(t, server, outsider);
  const id = { conversation_id: group.id };
  for (const [event, payload] of [
    ["send_message", { ...id, content: "x" }],
    ["join_conversation", id],
    ["leave_conversation", id],
    ["sync", { ...id, after_seq: 0 }],
    ["typing", { ...id, typing: true }],
    ["receipt", { ...id, received: 1 }],
    ["add_participants", { ...id, user_ids: [outsider.id] }],
    ["remove_participant", { ...id, user_id: alice.id }],
    ["edit_message", { message_id: message.id, content: "x" }],
    ["delete_message", { message_id: message.id }],
  ]) {
    await peer.refusedCall("not_participant", event, payload);
  }
  for (const [event, payload] of [
    ["send_message", { conversation_id: "nowhere", content: "x" }],
    ["join_conversation", { conversation_id: "nowhere" }],
    ["sync", { conversation_id: "nowhere", after_seq: 0 }],
    ["edit_message", { message_id: "nothing", content: "x" }],
    ["delete_message", { message_id: "nothing" }],
  ]) {
    await peer.refusedCall("not_found", event, payload);
  }
  assert.equal((await server.history(alice, group)).length, 1);
});
