// The failure museum, another slow room: a client that stops reading for good. One piece, since it takes more than half a minute.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server } from "./harness.mjs";
import { Peer, range, seqs } from "./peer.mjs";
import { finds, honest, piece } from "./museum.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

piece(["buffer_full"], "(p) a client that takes nothing for 30 s is closed as slow, and has everything after coming back", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await honest(t, server, bob)];
  b.socket.io.engine.transport.ws._socket.pause();
  // More than the buffers hold, and no more than what a resume brings.
  const count = 950;
  for (let sent = 0; sent < count; sent += 50) {
    await Promise.all(range(1, 50).map(() => a.send(group, "x".repeat(16_000))));
  }
  const last = (await a.receives(group, count)).at(-1);
  await finds(server, last, bob, {
    verdict: "missed", cause: "buffer_full", says: [/its buffer is full since/], failing: "handed_over",
  });
  const closed = async () => (await server.post(alice, group, "is bob there?")).delivery.online === 1;
  const deadline = Date.now() + 45_000;
  while (!(await closed())) {
    assert.ok(Date.now() < deadline, "closed as slow");
    await new Promise((resume) => setTimeout(resume, 1_000));
  }
  await finds(server, last, bob, {
    verdict: "missed", cause: "buffer_full", says: [new RegExp(b.session.sid), /took too slowly what it was sent.*\(slow\)/], failing: "handed_over", remedy: /comes back and resumes/,
  });
  b.close();
  const all = (await server.history(bob, group)).length;
  assert.ok(all <= 1_000, `${all} messages`);
  const back = await honest(t, server, bob, { auth: { resume: { [group.id]: 0 } } });
  assert.deepEqual(seqs(await back.receives(group, all, 30_000)), range(1, all));
  const { own } = await finds(server, last, bob, { verdict: "delivered" });
  assert.equal(own.sockets.find((one) => one.sid === back.session.sid)?.path, "resume", JSON.stringify(own));
}, { timeout: 90_000 });
