// Joining and leaving, and conversations that come, change and go.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it } from "./harness.mjs";
import { Peer, itWithEveryClient, seqs } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

itWithEveryClient("after leaving nothing comes live; joining brings what was missed, then live again", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const id = { conversation_id: group.id };
  const [a, b] = [await Peer.connect(t, server, alice, { kind }), await Peer.connect(t, server, bob, { kind })];
  await b.send(group, "one");
  await a.receives(group, 1);

  const left = await a.must("leave_conversation", id);
  assert.deepEqual([left.room, left.verified], [`conversation:${group.id}`, true]);
  const { delivery } = await b.send(group, "two");
  assert.deepEqual([delivery.sockets, delivery.handed_off, delivery.repaired], [2, 1, 0], "a socket that left is not repaired");
  const believed = await a.must("whoami", {});
  assert.ok(!believed.rooms.includes(`conversation:${group.id}`));
  assert.equal(believed.conversations[0].in_room, false);
  assert.deepEqual(seqs(a.messages(group)), [1]);

  const joined = await a.must("join_conversation", { ...id, after_seq: 1 });
  assert.deepEqual(
    { ...joined, missed: seqs(joined.missed) },
    { ok: true, room: `conversation:${group.id}`, namespace: "/", sid: a.socket.id, verified: true, sockets_in_room: 2, last_seq: 2, missed: [2], more: false },
  );
  await b.send(group, "three");
  assert.deepEqual(seqs(await a.receives(group, 2)), [1, 3], "the missed are in the acknowledgement, only live ones are events");
});

it("leaving one's own way is for one socket, and a new connection joins again", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const tabs = [await Peer.connect(t, server, alice), await Peer.connect(t, server, alice)];
  await tabs[0].must("leave_conversation", { conversation_id: group.id });
  await server.post(bob, group, "one");
  await tabs[1].receives(group, 1);
  await tabs[0].settled();
  assert.deepEqual(tabs[0].messages(group), []);
  const again = await Peer.connect(t, server, alice);
  await server.post(bob, group, "two");
  assert.deepEqual(seqs(await again.receives(group, 1)), [2]);
});

it("who left may still send, and does not get it back", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  await a.must("leave_conversation", { conversation_id: group.id });
  await a.must("leave_conversation", { conversation_id: group.id });
  await a.send(group, "from outside the room");
  await b.receives(group, 1);
  await a.settled();
  assert.deepEqual(a.messages(group), []);
});

it("joining twice joins once", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const peer = await Peer.connect(t, server, alice);
  for (let round = 0; round < 2; round++) {
    const joined = await peer.must("join_conversation", { conversation_id: group.id });
    assert.deepEqual([joined.verified, joined.sockets_in_room, joined.missed, joined.more], [true, 1, [], false]);
  }
  await peer.send(group, "once");
  await peer.settled();
  assert.equal(peer.messages(group).length, 1);
});

it("join_conversation says when there is more than it brought", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  await Promise.all(Array.from({ length: 250 }, (_, at) => b.send(group, `${at}`)));
  const joined = await a.must("join_conversation", { conversation_id: group.id, after_seq: 0 });
  assert.equal(joined.last_seq, 250);
  assert.equal(joined.more, joined.missed.length < 250);
  assert.deepEqual(seqs(joined.missed), joined.missed.map((_, at) => at + 1));
  assert.deepEqual((await a.must("join_conversation", { conversation_id: group.id, after_seq: 240 })).missed.length, 10);
});

itWithEveryClient("a new conversation reaches its participants' sockets at once", async (t, kind) => {
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const [a, b, c] = await Promise.all([alice, bob, carol].map((user) => Peer.connect(t, server, user, { kind })));
  const { conversation } = await a.must("create_conversation", { kind: "group", title: "plans", participant_ids: [bob.id] });
  assert.equal(conversation.kind, "group");
  assert.equal(conversation.title, "plans");
  assert.equal(conversation.room, `conversation:${conversation.id}`);
  assert.deepEqual(conversation.participants.map((participant) => [participant.id, participant.online]).sort(), [[alice.id, true], [bob.id, true]].sort());
  assert.equal((await b.hears("conversation_updated")).id, conversation.id);
  const { delivery } = await a.send(conversation, "hello");
  assert.deepEqual([delivery.handed_off, delivery.repaired], [2, 0], "they were in the room before the first message");
  await b.receives(conversation, 1);
  await c.settled();
  assert.deepEqual([c.heard("conversation_updated"), c.heard("new_message")], [[], []]);
});

itWithEveryClient("a direct conversation that exists is returned", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const [a, b] = [await Peer.connect(t, server, alice, { kind }), await Peer.connect(t, server, bob, { kind })];
  const first = (await a.must("create_conversation", { kind: "direct", participant_ids: [bob.id] })).conversation;
  assert.equal(first.participants.length, 2);
  for (const [peer, ids] of [
    [a, [bob.id]],
    [b, [alice.id]],
    [a, [alice.id, bob.id]],
  ]) {
    assert.equal((await peer.must("create_conversation", { kind: "direct", participant_ids: ids })).conversation.id, first.id);
  }
  const answers = await Promise.all(range10(() => a.must("create_conversation", { kind: "direct", participant_ids: [bob.id] })));
  assert.deepEqual(new Set(answers.map((answer) => answer.conversation.id)), new Set([first.id]));
});

it("two who begin a direct conversation at the same moment share one", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  const answers = await Promise.all([
    ...range10(() => a.must("create_conversation", { kind: "direct", participant_ids: [bob.id] })),
    ...range10(() => b.must("create_conversation", { kind: "direct", participant_ids: [alice.id] })),
  ]);
  assert.equal(new Set(answers.map((answer) => answer.conversation.id)).size, 1);
});

const range10 = (make) => Array.from({ length: 10 }, make);

it("a direct conversation has exactly two and never changes", async (t) => {
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const peer = await Peer.connect(t, server, alice);
  for (const ids of [[], [alice.id], [bob.id, carol.id]]) {
    await peer.refusedCall("bad_request", "create_conversation", { kind: "direct", participant_ids: ids });
  }
  const { conversation } = await peer.must("create_conversation", { kind: "direct", participant_ids: [bob.id] });
  await peer.refusedCall("conflict", "add_participants", { conversation_id: conversation.id, user_ids: [carol.id] });
  await peer.refusedCall("conflict", "remove_participant", { conversation_id: conversation.id, user_id: bob.id });
  await peer.refusedCall("conflict", "remove_participant", { conversation_id: conversation.id, user_id: alice.id });
});

it("unknown people are not found, an id of one's own is for services", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const peer = await Peer.connect(t, server, alice);
  await peer.refusedCall("not_found", "create_conversation", { kind: "group", participant_ids: ["nobody"] });
  await peer.refusedCall("not_found", "add_participants", { conversation_id: group.id, user_ids: ["nobody"] });
  await peer.refusedCall("forbidden", "create_conversation", { kind: "group", participant_ids: [], id: "mine" });
  await peer.refusedCall("forbidden", "send_message", { conversation_id: group.id, content: "x", sender_id: "somebody" });
});

itWithEveryClient("who is added is told, joined and gets the next message", async (t, kind) => {
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const group = await server.group(alice, bob);
  const [a, b, c] = await Promise.all([alice, bob, carol].map((user) => Peer.connect(t, server, user, { kind })));
  // Any participant adds, not only the owner.
  const { conversation } = await b.must("add_participants", { conversation_id: group.id, user_ids: [carol.id] });
  assert.equal(conversation.participants.length, 3);
  for (const peer of [a, b, c]) {
    const told = await peer.hears("conversation_updated", (data) => data.id === group.id && data.participants.length === 3);
    assert.ok(told.participants.some((participant) => participant.id === carol.id));
  }
  const { delivery } = await a.send(group, "welcome");
  assert.deepEqual([delivery.handed_off, delivery.repaired], [3, 0]);
  await c.receives(group, 1);
  assert.ok((await c.must("whoami", {})).rooms.includes(`conversation:${group.id}`));
  // Adding again changes nothing.
  await b.must("add_participants", { conversation_id: group.id, user_ids: [carol.id] });
});

itWithEveryClient("who is removed is told, leaves the room and gets nothing more", async (t, kind) => {
  const [owner, bob, carol] = await server.users("owner", "bob", "carol");
  const group = await server.group(owner, bob, carol);
  const [o, b, c] = await Promise.all([owner, bob, carol].map((user) => Peer.connect(t, server, user, { kind })));
  await b.refusedCall("forbidden", "remove_participant", { conversation_id: group.id, user_id: carol.id });
  const { conversation } = await o.must("remove_participant", { conversation_id: group.id, user_id: carol.id });
  assert.equal(conversation.participants.length, 2);
  assert.deepEqual(await c.hears("conversation_removed"), { conversation_id: group.id, reason: "removed", by: owner.id });
  await b.hears("conversation_updated", (data) => data.participants.length === 2);
  const { delivery } = await o.send(group, "without carol");
  assert.deepEqual([delivery.participants, delivery.handed_off], [2, 2]);
  await b.receives(group, 1);
  const believed = await c.must("whoami", {});
  assert.ok(!believed.rooms.includes(`conversation:${group.id}`));
  assert.deepEqual(c.messages(group), []);
  await c.refusedCall("not_participant", "send_message", { conversation_id: group.id, content: "x" });
  await c.refusedCall("not_participant", "sync", { conversation_id: group.id, after_seq: 0 });
  // Anyone removes themself.
  await b.must("remove_participant", { conversation_id: group.id, user_id: bob.id });
  assert.deepEqual(await b.hears("conversation_removed"), { conversation_id: group.id, reason: "left" });
  await o.refusedCall("not_found", "remove_participant", { conversation_id: group.id, user_id: "nobody" });
});

it("list_conversations is what session said", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const groups = [await server.group(alice, bob), await server.group(bob, alice)];
  await server.post(bob, groups[0], "x");
  const peer = await Peer.connect(t, server, alice);
  for (const payload of [[], [{}], [null]]) {
    const { ok, conversations } = await peer.call("list_conversations", ...payload);
    assert.equal(ok, true);
    assert.deepEqual(conversations, peer.session.conversations);
  }
});
