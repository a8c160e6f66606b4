// Order: as sent, the same for everyone, without gaps.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it } from "./harness.mjs";
import { Peer, itWithEveryClient, range, seqs } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

itWithEveryClient("500 messages sent without waiting arrive in the order in which they were sent", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const sender = await Peer.connect(t, server, alice, { kind });
  const receivers = [await Peer.connect(t, server, bob, { kind }), await Peer.connect(t, server, bob, { kind })];
  const contents = range(1, 500).map(String);
  const answers = await Promise.all(contents.map((content) => sender.send(group, content)));
  assert.deepEqual(answers.map((answer) => answer.message.seq), range(1, 500));
  for (const peer of [sender, ...receivers]) {
    const messages = await peer.receives(group, 500);
    assert.deepEqual(messages.map((message) => message.content), contents);
    assert.deepEqual(seqs(messages), range(1, 500));
  }
});

it("many senders at once: everyone sees one order, each sender's own order is kept, no seq is missing", async (t) => {
  const users = await server.users("a", "b", "c", "d");
  const group = await server.group(...users);
  const peers = await Promise.all(users.map((user) => Peer.connect(t, server, user)));
  await Promise.all(peers.flatMap((peer, who) => range(1, 150).map((number) => peer.send(group, `${who}:${number}`))));
  const [first, ...others] = await Promise.all(peers.map((peer) => peer.receives(group, 600, 20_000)));
  assert.deepEqual(seqs(first), range(1, 600));
  for (const messages of others) assert.deepEqual(messages, first);
  for (const who of users.keys()) {
    const mine = first.map((message) => message.content.split(":")).filter(([sender]) => Number(sender) === who);
    assert.deepEqual(mine.map(([, number]) => Number(number)), range(1, 150));
  }
});

it("different events of one socket are carried out in the order in which they were sent", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  for (let round = 1; round <= 50; round++) {
    const id = { conversation_id: group.id };
    const [left, sent, joined] = await Promise.all([
      a.must("leave_conversation", id),
      a.must("send_message", { ...id, content: `round ${round}` }),
      a.must("join_conversation", { ...id, after_seq: round - 1 }),
    ]);
    assert.equal(left.verified, true);
    assert.equal(sent.message.seq, round);
    assert.deepEqual(seqs(joined.missed), [round], "what was sent between leaving and joining was missed");
  }
  await b.receives(group, 50);
  await a.settled();
  assert.deepEqual(a.messages(group), [], "nothing came live while it had left");
});
