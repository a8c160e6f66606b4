// How a server ends: asked to, it drains and says so; killed, it has lost nothing that it had answered.
import assert from "node:assert/strict";
import { Server, it, until } from "./harness.mjs";
import { Peer, itWithEveryClient, range, seqs } from "./peer.mjs";

async function started(t, options) {
  const server = await Server.start(options);
  t.after(() => server.close());
  return server;
}

itWithEveryClient("SIGTERM: everyone is told, what is under way is answered, exit 0 within 15 s", async (t, kind) => {
  const server = await started(t);
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice, { kind }), await Peer.connect(t, server, bob, { kind })];
  await a.send(group, "before");
  const underWay = range(1, 50).map((number) => a.call("send_message", { conversation_id: group.id, content: `${number}` }).catch(() => undefined));
  const stopped = server.terminate();
  for (const peer of [a, b]) {
    const told = await peer.hears("server_shutdown");
    assert.ok(Number.isInteger(told.retry_after_ms) && told.retry_after_ms > 0, JSON.stringify(told));
    await peer.disconnected(16_000);
  }
  const how = await stopped;
  assert.deepEqual([how.code, how.signal], [0, null], server.output());
  assert.ok(how.ms < 15_000, `${how.ms} ms`);

  await server.restart();
  const saved = new Set((await server.history(alice, group)).map((message) => message.content));
  const answers = await Promise.all(underWay.map((call) => Promise.race([call, undefined])));
  for (const [at, answer] of answers.entries()) {
    if (answer?.ok) assert.ok(saved.has(`${at + 1}`), `answered and not saved: ${at + 1}`);
    else if (answer) assert.equal(answer.error.code, "shutting_down");
  }
});

it("after SIGTERM nobody new gets in", async (t) => {
  const server = await started(t);
  const alice = await server.user("alice");
  const peer = await Peer.connect(t, server, alice);
  const stopped = server.terminate();
  await peer.hears("server_shutdown");
  await Peer.refused(t, server, { auth: { token: alice.token } });
  await stopped;
});

it("clients come back after a restart and resume by their seqs", async (t) => {
  const server = await started(t);
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const peer = await Peer.connect(t, server, alice);
  await server.post(bob, group, "one");
  await peer.receives(group, 1);
  await server.terminate();
  await server.restart();
  await server.post(bob, group, "two");
  const back = await Peer.connect(t, server, alice, { auth: { resume: { [group.id]: 1 }, epoch: peer.session.epoch } });
  assert.equal(back.session.epoch, peer.session.epoch, "the epoch is the database's, not the process's");
  assert.deepEqual(back.session.resume, { [group.id]: { recovered: true, messages: 1 } });
  assert.deepEqual(seqs(await back.receives(group, 1)), [2]);
});

it(
  "kill -9 under load: no answered message is lost, doubled or renumbered",
  async (t) => {
    const server = await started(t);
    const users = await server.users("a", "b", "c", "d");
    const group = await server.group(...users);
    const answered = new Map();
    for (let round = 1; round <= 3; round++) {
      const peers = await Promise.all(users.map((user) => Peer.connect(t, server, user)));
      let number = 0;
      let sending = true;
      const load = peers.map(async (peer, who) => {
        while (sending) {
          const content = `${round}:${who}:${++number}`;
          await new Promise((resume) => {
            peer.socket.once("disconnect", resume);
            peer.socket.emit("send_message", { conversation_id: group.id, content, client_message_id: content }, (answer) => {
              peer.socket.off("disconnect", resume);
              if (answer?.ok) answered.set(content, answer.message);
              resume();
            });
            if (!peer.socket.connected) resume();
          });
          if (!peer.socket.connected) return;
        }
      });
      const goal = answered.size + 200;
      await until("200 answered messages", () => answered.size >= goal, 20_000);
      await server.kill9();
      sending = false;
      await Promise.all(load);
      const heard = new Map(peers.flatMap((peer) => peer.messages(group)).map((message) => [message.id, message]));
      await server.restart();

      const stored = await server.history(users[0], group);
      assert.deepEqual(seqs(stored), range(1, stored.length), "no gap");
      const byContent = new Map(stored.map((message) => [message.content, message]));
      assert.equal(byContent.size, stored.length, "nothing doubled");
      for (const [content, message] of answered) assert.deepEqual(byContent.get(content), message, "answered, so saved as it was answered");
      for (const message of heard.values()) assert.deepEqual(byContent.get(message.content), message, "told to somebody, so saved");
      // A sender that got no answer sends again, and there is still one of it.
      const back = await Peer.connect(t, server, users[0]);
      const last = stored.at(-1);
      if (last.sender_id === users[0].id) {
        assert.equal((await back.send(group, last.content, { client_message_id: last.client_message_id })).duplicate, true);
      }
      back.close();
    }
  },
  { timeout: 120_000 },
);
