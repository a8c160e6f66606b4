// What others do: typing, coming and going, receipts, and the heads for who has fallen silent.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it, until } from "./harness.mjs";
import { Peer, itWithEveryClient } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

itWithEveryClient("typing reaches the others and not the sending socket", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice, { kind }), await Peer.connect(t, server, bob, { kind })];
  for (const typing of [true, false]) {
    await a.must("typing", { conversation_id: group.id, typing });
    await b.hears("typing", (data) => data.typing === typing);
  }
  assert.deepEqual(b.heard("typing"), [true, false].map((typing) => ({ conversation_id: group.id, user_id: alice.id, typing })));
  await a.settled();
  assert.deepEqual(a.heard("typing"), []);
});

it("typing ends by itself after 6 s", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  await a.must("typing", { conversation_id: group.id, typing: true });
  await b.hears("typing", (data) => !data.typing, 9_000);
  const [began, ended] = b.log.filter((entry) => entry.event === "typing").map((entry) => entry.at);
  assert.ok(ended - began >= 5_500, `ended after ${ended - began} ms`);
});

it("typing ends with the connection of who typed", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  await a.must("typing", { conversation_id: group.id, typing: true });
  await b.hears("typing");
  a.close();
  await b.hears("typing", (data) => !data.typing, 7_000);
});

itWithEveryClient("presence is told within 1 s, once per user and not per socket", async (t, kind) => {
  const [alice, bob, stranger] = await server.users("alice", "bob", "stranger");
  await server.group(alice, bob);
  await server.group(alice, bob);
  const watcher = await Peer.connect(t, server, bob, { kind });
  const other = await Peer.connect(t, server, stranger, { kind });
  const of = (peer) => peer.heard("presence", (data) => data.user_id === alice.id);

  const began = Date.now();
  const tabs = [await Peer.connect(t, server, alice, { kind }), await Peer.connect(t, server, alice, { kind })];
  const online = await watcher.hears("presence", (data) => data.user_id === alice.id && data.online);
  const told = watcher.log.find((entry) => entry.data === online).at;
  assert.ok(told - began < 3_000, `told after ${told - began} ms`);
  tabs[0].close();
  await tabs[1].settled();
  const gone = Date.now();
  tabs[1].close();
  const offline = await watcher.hears("presence", (data) => data.user_id === alice.id && !data.online);
  assert.ok(watcher.log.find((entry) => entry.data === offline).at - gone < 3_000);
  assert.match(offline.last_seen, /Z$/);
  await watcher.settled();
  assert.deepEqual(of(watcher).map((data) => data.online), [true, false], "once each, though there were two sockets and two groups");
  assert.deepEqual(of(other), [], "a stranger is told nothing");
});

itWithEveryClient("receipts move cursors, only forwards, and everyone is told", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const id = { conversation_id: group.id };
  const a = await Peer.connect(t, server, alice, { kind, auth: { receipts: true } });
  const b = await Peer.connect(t, server, bob, { kind, auth: { receipts: true } });
  for (const content of ["one", "two", "three"]) await a.send(group, content);
  await b.receives(group, 3);
  const cursor = async () => {
    const { conversations } = await b.must("list_conversations", {});
    return [conversations[0].received_seq, conversations[0].read_seq, conversations[0].unread];
  };
  for (const [receipt, expected] of [
    [{ received: 2 }, [2, 0, 3]],
    [{ received: 1 }, [2, 0, 3]],
    [{ read: 1 }, [2, 1, 2]],
    [{ read: 3 }, [3, 3, 0]],
    [{ received: 99, read: 99 }, [3, 3, 0]],
    [{ received: 0, read: 0 }, [3, 3, 0]],
  ]) {
    await b.must("receipt", { ...id, ...receipt });
    // Cursors may be written in groups.
    await until(`cursor ${expected} after ${JSON.stringify(receipt)}`, async () => String(await cursor()) === String(expected));
  }
  const told = await a.hears("receipts", (data) => data.users.some((user) => user.user_id === bob.id && user.read === 3));
  assert.equal(told.conversation_id, group.id);
  assert.deepEqual(told.users.find((user) => user.user_id === bob.id), { user_id: bob.id, received: 3, read: 3 });
});

it("many receipts are told in few events", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob, { auth: { receipts: true } })];
  for (let seq = 1; seq <= 50; seq++) await a.send(group, `${seq}`);
  await b.receives(group, 50);
  const began = Date.now();
  for (let seq = 1; seq <= 50; seq++) await b.must("receipt", { conversation_id: group.id, received: seq });
  const took = Date.now() - began;
  await a.hears("receipts", (data) => data.users.some((user) => user.received === 50));
  const most = 2 + Math.ceil(took / 200);
  assert.ok(a.heard("receipts").length <= most, `${a.heard("receipts").length} events in ${took} ms, at most ${most} when gathered for 200 ms`);
});

it("heads tell of conversations that moved, also of one that the socket left", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const [stayed, left] = [await server.group(alice, bob), await server.group(alice, bob)];
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  await a.must("leave_conversation", { conversation_id: left.id });
  await b.send(stayed, "one");
  await b.send(left, "one");
  await b.send(left, "two");
  await a.hears("heads", (data) => data[left.id] === 2, 20_000);
  const { [left.id]: _, ...others } = a.heard("heads").at(-1);
  assert.ok(Object.keys(others).every((id) => id === stayed.id), "only heads that moved");
  assert.deepEqual(a.messages(left), []);
});
