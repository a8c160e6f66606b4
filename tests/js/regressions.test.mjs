// Faults that were found by reading the server with ill will, each provoked as it was then. Those that need a moment to be
// met exactly are tested beside the code.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before } from "node:test";
import { Server, it, until } from "./harness.mjs";
import { Peer, open, range, seqs } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

const isOf = (conversation) => (data) => (data.conversation_id ?? data.id) === conversation.id;

/** Sends a request, and hangs up `ms` later without waiting for the answer. */
function hangUpOn(method, where, token, ms) {
  return new Promise((resume, reject) => {
    const request = `${method} ${where} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n\r\n`;
    const socket = connect(server.port, "127.0.0.1", () => {
      socket.write(request);
      setTimeout(() => resume(socket.destroy()), ms);
    });
    socket.on("error", reject);
  });
}

it("a removal whose caller hangs up is carried out and takes effect, or was never begun", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  const removed = await Promise.all(
    range(1, 30).map(async (round) => {
      const group = await server.group(alice, bob);
      await a.send(group, "before");
      await b.receives(group, 1);
      await hangUpOn("DELETE", `/api/v1/conversations/${group.id}/participants/${bob.id}`, alice.token, round % 6);
      const mine = async () => (await server.ask("GET", "/api/v1/conversations", { token: bob.token })).conversations;
      const isGone = async () => !(await mine()).some((other) => other.id === group.id);
      // Whatever was begun is through before another change of the same conversation is.
      await a.must("add_participants", { conversation_id: group.id, user_ids: [alice.id] });
      if (!(await isGone())) return false;
      await b.hears("conversation_removed", isOf(group));
      const { delivery } = await a.send(group, "not for bob");
      assert.equal(delivery.participants, 1, "the server's own copy of the group knows");
      await b.refusedCall("not_participant", "send_message", { conversation_id: group.id, content: "x" });
      await b.settled();
      assert.deepEqual(seqs(b.messages(group)), [1]);
      return true;
    }),
  );
  assert.ok(removed.includes(true), "no request got as far as the change: the test says nothing");
});

it("leaving and joining while others talk: nothing old comes live, and nobody is repaired who was not lost", async (t) => {
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const group = await server.group(alice, bob, carol);
  const talker = await Peer.connect(t, server, alice);
  // The more sockets are handed a message before this one, the longer its state is looked at.
  await Promise.all(range(1, 120).map(() => Peer.connect(t, server, bob)));
  const tabs = await Promise.all(range(1, 6).map(() => Peer.connect(t, server, carol)));
  const repairs = async () => Number(/^rollcall_room_repairs_total (\d+)$/m.exec(await server.ask("GET", "/metrics"))[1]);
  const before = await repairs();
  let talks = true;
  const talking = (async () => {
    while (talks) await Promise.all(range(1, 4).map((number) => talker.send(group, `${number}`)));
  })();
  const end = Date.now() + 3_000;
  await Promise.all(
    tabs.map(async (tab) => {
      while (Date.now() < end) {
        await tab.must("leave_conversation", { conversation_id: group.id });
        tab.log.length = 0;
        const { last_seq } = await tab.must("join_conversation", { conversation_id: group.id });
        const live = seqs(await tab.receives(group, 2));
        assert.deepEqual(live, range(last_seq + 1, last_seq + live.length));
      }
    }),
  );
  talks = false;
  await talking;
  assert.equal((await repairs()) - before, 0, "repairs of sockets that were not lost");
  // Who left is out of the room, whatever was being handed over meanwhile.
  for (const tab of tabs) {
    await tab.must("leave_conversation", { conversation_id: group.id });
    assert.ok(!(await tab.must("whoami", {})).rooms.includes(group.room));
  }
});

it("session is the first event of every connection, and it or a later event holds every conversation", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const a = await Peer.connect(t, server, alice);
  for (let round = 0; round < 25; round++) {
    const peer = new Peer(t, open(server, { auth: { token: bob.token } }));
    const made = [];
    const makes = (async () => {
      for (let number = 0; number < 6; number++) made.push((await server.group(alice, bob)).id);
    })();
    await Promise.all([peer.connected(), makes]);
    await peer.settled();
    assert.equal(peer.log[0].event, "session", `heard first: ${JSON.stringify(peer.log[0]).slice(0, 300)}`);
    const known = new Set([...peer.session.conversations.map(({ id }) => id), ...peer.heard("conversation_updated").map(({ id }) => id)]);
    assert.deepEqual(made.filter((id) => !known.has(id)), []);
    peer.close();
  }
  a.close();
});

it("a burst of mistakes without callbacks is answered mistake by mistake", async (t) => {
  const peer = await Peer.connect(t, server, await server.user("alice"));
  // More than a socket's buffer holds, less than may wait for their turn.
  for (let number = 0; number < 600; number++) peer.socket.emit("whoami", number);
  await until(
    () => `600 errors, ${peer.heard("error").length} came`,
    () => peer.heard("error").length === 600,
  );
  assert.ok(peer.heard("error").every((error) => error.error.code === "bad_request" && error.event === "whoami"));
});

it("who types and sends is not told that they stopped typing, the others are", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  await a.must("typing", { conversation_id: group.id, typing: true });
  await a.send(group, "done");
  await b.hears("typing", (data) => !data.typing);
  await a.settled();
  assert.deepEqual(a.heard("typing"), []);
});
