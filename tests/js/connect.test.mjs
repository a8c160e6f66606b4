// What a client is told when it connects, and that nothing it says at once is lost.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it, within } from "./harness.mjs";
import { Peer, itWithEveryClient, open } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

itWithEveryClient("session tells who, where and which conversations", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  await server.post(bob, group, "hello");
  const peer = await Peer.connect(t, server, alice, { kind });
  const { session } = peer;

  assert.equal(peer.log[0].event, "session", "session comes before anything else");
  assert.equal(session.sid, peer.socket.id);
  assert.equal(session.namespace, "/");
  assert.match(session.node_id, /^[A-Za-z0-9_.:-]{1,64}$/);
  assert.match(session.epoch, /^[A-Za-z0-9_.:-]{1,64}$/);
  assert.match(session.server_time, TIME);
  assert.deepEqual(session.user, { id: alice.id, username: alice.username, display_name: "alice", role: "user" });
  assert.deepEqual(session.resume, {});
  const [mine] = session.conversations;
  assert.equal(session.conversations.length, 1);
  assert.equal(mine.id, group.id);
  assert.equal(mine.kind, "group");
  assert.equal(mine.title, "a group");
  assert.equal(mine.room, `conversation:${group.id}`);
  assert.deepEqual([mine.last_seq, mine.received_seq, mine.read_seq, mine.unread], [1, 0, 0, 1]);
  assert.equal(mine.last_message.content, "hello");
  const byName = Object.fromEntries(mine.participants.map((participant) => [participant.username, participant]));
  assert.deepEqual(Object.keys(byName).sort(), [alice.username, bob.username].sort());
  assert.deepEqual(byName[alice.username], { id: alice.id, username: alice.username, display_name: "alice", online: true, role: "owner" });
  assert.equal(byName[bob.username].online, false);
});

itWithEveryClient("the socket sits in the rooms of its user, itself and each conversation", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const groups = [await server.group(alice, bob), await server.group(bob, alice)];
  const peer = await Peer.connect(t, server, alice, { kind });
  const believed = await peer.must("whoami", {});
  const rooms = [`user:${alice.id}`, peer.socket.id, ...groups.map((group) => `conversation:${group.id}`)];
  assert.deepEqual([...believed.rooms].sort(), rooms.sort());
  assert.equal(believed.sid, peer.socket.id);
  assert.equal(believed.namespace, "/");
  assert.equal(believed.node_id, peer.session.node_id);
  assert.equal(believed.user.id, alice.id);
  assert.deepEqual(
    believed.conversations.map(({ id, in_room, last_seq, received_seq }) => ({ id, in_room, last_seq, received_seq })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    groups.map(({ id }) => ({ id, in_room: true, last_seq: 0, received_seq: 0 })).sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
  // An upgrade happens soon after the connection, at no fixed time.
  const expected = kind.transport === "polling" ? ["polling"] : kind.transport === "websocket" ? ["websocket"] : ["polling", "websocket"];
  assert.ok(expected.includes(believed.transport), believed.transport);
});

it("an upgraded connection is known as one", async (t) => {
  const peer = await Peer.connect(t, server, await server.user(), { kind: { version: "4.8", transport: "upgrade" } });
  const { engine } = peer.socket.io;
  if (engine.transport.name !== "websocket") {
    await within("the upgrade", new Promise((resume) => engine.once("upgrade", resume)));
  }
  assert.equal((await peer.must("whoami", {})).transport, "websocket");
});

itWithEveryClient("an event emitted in on(connect) is never lost", async (t, kind) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const rounds = kind.transport === "websocket" ? 200 : 40;
  const answered = await Promise.all(
    Array.from({ length: 10 }, async (_, lane) => {
      for (let round = lane; round < rounds; round += 10) {
        const socket = open(server, { kind, auth: { token: alice.token } });
        t.after(() => socket.disconnect());
        const answer = new Promise((resume, reject) => {
          socket.on("connect_error", reject);
          socket.on("connect", () => socket.emit("join_conversation", { conversation_id: group.id }, resume));
        });
        socket.connect();
        const { ok, verified, sid } = await within(`round ${round}: an answer to the first event`, answer);
        assert.deepEqual([ok, verified, sid], [true, true, socket.id]);
        socket.disconnect();
      }
      return true;
    }),
  );
  assert.equal(answered.length, 10);
});

it("a token is taken from auth, from the header and from the query", async (t) => {
  const alice = await server.user("alice");
  const ways = {
    auth: { auth: { token: alice.token } },
    header: { extraHeaders: { authorization: `Bearer ${alice.token}` } },
    query: { query: { token: alice.token } },
  };
  for (const [name, options] of Object.entries(ways)) {
    const peer = new Peer(t, open(server, options));
    await peer.connected();
    assert.equal(peer.session.user.id, alice.id, name);
  }
});

it("two sockets of a user have sids of their own and share the user's room", async (t) => {
  const alice = await server.user("alice");
  const tabs = [await Peer.connect(t, server, alice), await Peer.connect(t, server, alice)];
  const [one, two] = await Promise.all(tabs.map((tab) => tab.must("whoami", {})));
  assert.notEqual(one.sid, two.sid);
  for (const believed of [one, two]) assert.ok(believed.rooms.includes(`user:${alice.id}`));
});
