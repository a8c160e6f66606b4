// Foreign tokens, and services that speak for users.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it } from "./harness.mjs";
import { Peer } from "./peer.mjs";

let server;
before(async () => (server = await Server.start({ env: { ROLLCALL_AUTO_PROVISION: "true" } })));
after(() => server?.close());

let count = 0;
/** Somebody whom another issuer of our key knows and this server does not, yet. */
function foreign(role = "user") {
  const user = { id: `ext-${++count}`, username: `${role}-${count}` };
  return { ...user, token: server.tokenFor(user, 3600, { role }) };
}

it("a valid foreign token makes its user", async (t) => {
  const dora = foreign();
  const peer = await Peer.connect(t, server, dora);
  assert.deepEqual(peer.session.user.id, dora.id);
  assert.equal(peer.session.user.role, "user");
  assert.equal((await server.ask("GET", "/api/v1/auth/me", { token: dora.token })).username, dora.username);
});

it("many first connections of one foreign user at once make one user", async (t) => {
  const dora = foreign();
  const peers = await Promise.all(Array.from({ length: 8 }, () => Peer.connect(t, server, dora)));
  assert.deepEqual(new Set(peers.map((peer) => peer.session.user.id)), new Set([dora.id]));
});

it("a service sends for a user, in conversations with ids of its own", async (t) => {
  const [alice, bob, outsider] = await server.users("alice", "bob", "outsider");
  const service = await Peer.connect(t, server, foreign("service"));
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  const id = `order-${Date.now()}`;
  const { conversation } = await service.must("create_conversation", { kind: "group", id, participant_ids: [alice.id, bob.id] });
  assert.equal(conversation.id, id);
  assert.deepEqual(conversation.participants.map((one) => one.id).sort(), [alice.id, bob.id].sort(), "the service does not become a participant");
  await service.refusedCall("conflict", "create_conversation", { kind: "group", id, participant_ids: [alice.id, bob.id] });

  const { message } = await service.send(conversation, "on behalf", { sender_id: alice.id });
  assert.equal(message.sender_id, alice.id);
  for (const peer of [a, b]) assert.deepEqual(await peer.receives(conversation, 1), [message]);
  await service.refusedCall("not_participant", "send_message", { conversation_id: id, content: "x", sender_id: outsider.id });
});

it("a service may use numbers as ids throughout", async (t) => {
  const [alice] = await server.users("alice");
  const service = await Peer.connect(t, server, foreign("service"));
  const number = 4_200_000 + count;
  await service.must("create_conversation", { kind: "group", id: number, participant_ids: [alice.id] });
  const peer = await Peer.connect(t, server, alice);
  const joined = await peer.must("join_conversation", { conversation_id: number });
  assert.equal(joined.room, `conversation:${number}`);
  await peer.must("send_message", { conversation_id: number, content: "by number" });
  assert.equal((await peer.receives({ id: `${number}` }, 1))[0].conversation_id, `${number}`);
});
