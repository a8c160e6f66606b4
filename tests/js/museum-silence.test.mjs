// The failure museum, a slow room: a client that has everything and says nothing. One piece, since it takes most of a minute.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, until } from "./harness.mjs";
import { Peer } from "./peer.mjs";
import { check, deaf, explainNow, finds, honest, metric, piece } from "./museum.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

piece(["no_receipt"], "(h) a client without a listener is sent to again after 5, 15 and 35 s, and called unconfirmed after 45", async (t) => {
  const [alice, bob, carol, dora] = await server.users("alice", "bob", "carol", "dora");
  const group = await server.group(alice, bob, carol, dora);
  // Bob's client promised receipts and listens to nothing; carol's promised none; dora's confirms.
  const [b, c, d] = [await deaf(t, server, bob), await Peer.connect(t, server, carol), await honest(t, server, dora)];
  const sentAt = Date.now();
  const { message } = await server.post(alice, group, "does anybody listen?");
  const waiting = { verdict: "sent", says: [new RegExp(b.session.sid), /receipt has not come yet/] };
  await finds(server, message, bob, waiting);

  await b.receives(group, 4, 45_000);
  const arrivals = b.log.filter((entry) => entry.event === "new_message");
  for (const [at, seconds] of [0, 5, 15, 35].entries()) {
    assert.equal(arrivals[at].data.id, message.id);
    const late = arrivals[at].at - sentAt - seconds * 1_000;
    assert.ok(late > -300 && late < 3_000, `attempt ${at + 1} came ${late} ms after ${seconds} s`);
  }
  await finds(server, message, bob, waiting);
  const silent = {
    verdict: "unconfirmed", cause: "no_receipt", failing: "confirmed",
    says: [new RegExp(`${b.session.sid} \\(museum/1\\)`), /attempts: 4/, /never confirmed; the connection is alive/], remedy: /Does the page listen to new_message and send receipt\?/,
  };
  const { own } = await finds(server, message, bob, { ...silent, within: 20_000 });
  const waited = Date.now() - sentAt;
  assert.ok(waited >= 44_500 && waited < 50_000, `called unconfirmed after ${waited} ms`);
  assert.deepEqual(own.sockets.map((one) => [one.sid, one.attempts, one.confirmed_at]), [[b.session.sid, 4, null]]);
  check(await explainNow(server, group, bob), { verdict: "unconfirmed", cause: "no_receipt", failing: "confirmed", says: [/handed earlier messages/] });
  await until("the gauge shows it", async () => (await metric(server, "rollcall_deliveries_unconfirmed")) === 1);

  // Nobody else was bothered.
  await finds(server, message, carol, { verdict: "sent", says: [/gives no receipts/] });
  await finds(server, message, dora, { verdict: "delivered" });
  for (const peer of [c, d]) {
    await peer.settled();
    assert.equal(peer.messages(group).length, 1);
  }
  // A word from the client, and all is well.
  await b.must("receipt", { conversation_id: group.id, received: message.seq });
  await finds(server, message, bob, { verdict: "delivered", says: [/attempts: 4/] });
  await b.settled();
  assert.equal(b.messages(group).length, 4, "and not once more");
}, { timeout: 80_000 });
