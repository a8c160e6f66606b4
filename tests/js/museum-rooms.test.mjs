// The failure museum, first hall: rooms and participants. Who should have been where, and was not.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, until } from "./harness.mjs";
import { Peer, range, seqs } from "./peer.mjs";
import { act, check, deaf, delivery, explainNow, finds, honest, metric, piece } from "./museum.mjs";

let server;
before(async () => (server = await Server.start({ env: { ROLLCALL_AUTO_PROVISION: "true" } })));
after(() => server?.close());

piece([], "(a) the client believes that it joined, and the room is empty at the broadcast: the message repairs that", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const b = await honest(t, server, bob);
  await b.must("join_conversation", { conversation_id: group.id });
  await act(server, b, "leave", { room: group.room });
  check(await explainNow(server, group, bob), { verdict: "sent", says: [/not in conversation:.*repairs that/] });

  const sent = await server.post(alice, group, "into the empty room");
  assert.deepEqual(sent.delivery, { participants: 2, online: 1, sockets: 1, handed_off: 1, failed: 0, repaired: 1 });
  assert.equal((await b.receives(group, 1))[0].id, sent.message.id);
  const { own } = await finds(server, sent.message, bob, {
    verdict: "delivered",
    says: [/path repair/, /was not in conversation:.*repaired/, /in which nobody was/],
  });
  assert.deepEqual(own.sockets.map((one) => [one.sid, one.path, one.attempts]), [[b.session.sid, "repair", 1]]);
  const report = await delivery(server, sent.message);
  const { broadcast } = report;
  assert.deepEqual([broadcast.room, broadcast.room_existed, broadcast.namespace], [group.room, false, "/"]);
  // The sender sees what an admin sees; who only received it sees none of it.
  const where = `/api/v1/messages/${sent.message.id}/delivery`;
  assert.deepEqual(await server.ask("GET", where, { token: alice.token }), report);
  assert.equal((await server.rest("GET", where, { token: bob.token })).status, 403);
  // Mended for good: the next one finds it in the room.
  const next = await server.post(alice, group, "and again");
  assert.equal(next.delivery.repaired, 0);
  await b.receives(group, 2);
  await finds(server, next.message, bob, { verdict: "delivered", says: [/path room/] });
});

piece(["wrong_namespace"], "(b) the client joined in another namespace", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  for (const namespace of ["/chat", `/${group.room}`]) {
    const error = await Peer.refused(t, server, { namespace, auth: { token: bob.token } });
    assert.match(error.message, /^not_found: /);
  }
  const { message } = await server.post(alice, group, "where are you?");
  const wrong = { verdict: "missed", cause: "wrong_namespace", failing: "connected", says: [/bob-\S+ has no socket in namespace \//, new RegExp(group.room)], remedy: /\// };
  await finds(server, message, bob, wrong);
  check(await explainNow(server, group, bob), wrong);
  // In the right one it comes.
  const b = await honest(t, server, bob, { auth: { resume: { [group.id]: 0 } } });
  assert.deepEqual(seqs(await b.receives(group, 1)), [1]);
  await finds(server, message, bob, { verdict: "delivered" });
});

piece([], "(c) the client never joins anything after connecting: it is in every room all the same", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const groups = [await server.group(alice, bob), await server.group(alice, bob)];
  const b = await honest(t, server, bob);
  groups.push(await server.group(alice, bob));
  for (const group of groups) {
    const { message, delivery } = await server.post(alice, group, "no join needed");
    assert.deepEqual([delivery.handed_off, delivery.repaired], [1, 0]);
    await b.receives(group, 1);
    await finds(server, message, bob, { verdict: "delivered", says: [/1 of 1 in conversation:/] });
  }
});

piece([], "(f) a conversation's id as a number and as a string is the same room", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const service = { id: `ext-${Date.now()}`, username: "backend" };
  const s = await Peer.connect(t, server, { ...service, token: server.tokenFor(service, 3600, { role: "service" }) });
  const number = Date.now();
  await s.must("create_conversation", { kind: "group", id: String(number), participant_ids: [alice.id, bob.id] });
  const [a, b] = [await honest(t, server, alice), await honest(t, server, bob)];
  const before = await metric(server, "rollcall_coerced_ids_total");
  const joined = await a.must("join_conversation", { conversation_id: number });
  assert.deepEqual([joined.room, joined.sockets_in_room], [`conversation:${number}`, 2]);
  const { message } = await a.must("send_message", { conversation_id: number, content: "from a number" });
  assert.equal(message.conversation_id, String(number));
  await b.receives({ id: String(number) }, 1);
  await finds(server, message, bob, { verdict: "delivered" });
  assert.equal(await metric(server, "rollcall_coerced_ids_total"), before + 2, "counted, for whoever wonders");
});

piece([], "(g) another conversation is open on the screen: the message counts as unread and is there on switching", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const [shown, other] = [await server.group(alice, bob), await server.group(alice, bob)];
  const b = await honest(t, server, bob);
  await server.post(alice, shown, "on the screen");
  const { message } = await server.post(alice, other, "behind it");
  assert.equal((await b.receives(other, 1))[0].id, message.id, "the client hears of both");
  const { explained } = await finds(server, message, bob, { verdict: "delivered" });
  assert.equal(explained.steps.at(-1).status, "skipped", "received, and not read");
  const unread = async () => (await b.must("list_conversations", {})).conversations.find((one) => one.id === other.id).unread;
  assert.equal(await unread(), 1);
  // Switching: the history has it, and reading it is told.
  const page = await b.must("sync", { conversation_id: other.id, after_seq: 0 });
  assert.deepEqual(page.messages.map((one) => one.id), [message.id]);
  await b.must("receipt", { conversation_id: other.id, read: message.seq });
  await finds(server, message, bob, { verdict: "read", says: [/read receipt covers everything up to #1/] });
  assert.equal(await unread(), 0);
});

piece([], "(i) a message posted over HTTP while sockets live reaches them all, and the answer says who has it", async (t) => {
  const [alice, bob, carol] = await server.users("alice", "bob", "carol");
  const group = await server.group(alice, bob, carol);
  const [a, b] = [await honest(t, server, alice), await honest(t, server, bob)];
  const silent = await deaf(t, server, carol);
  const body = { conversation_id: group.id, content: "by HTTP" };
  const { message, delivery: first } = await server.ask("POST", "/api/v1/messages?wait_ms=2500", { token: alice.token, body }, [201]);
  assert.deepEqual([first.online, first.handed_off, first.confirmed, first.missing], [3, 3, 2, [carol.id]]);
  for (const peer of [a, b, silent]) assert.equal((await peer.receives(group, 1))[0].id, message.id);
  await finds(server, message, bob, { verdict: "delivered" });
  await finds(server, message, carol, { verdict: "sent", says: [/its receipt has not come yet and is due by/] });
});

piece([], "(j) of two tabs one closes: the other one has everything, and nobody is called missing", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [closing, staying] = [await deaf(t, server, bob), await honest(t, server, bob)];
  const first = await server.post(alice, group, "to both");
  await closing.receives(group, 1);
  await staying.receives(group, 1);
  closing.close();
  const { own } = await finds(server, first.message, bob, { verdict: "delivered" });
  assert.equal(own.sockets.length, 2);
  await until("the closed tab is gone", async () => (await server.post(alice, group, "anybody?")).delivery.sockets === 1);
  const last = await server.post(alice, group, "to the one that stays");
  await staying.receives(group, last.message.seq);
  const { own: later } = await finds(server, last.message, bob, { verdict: "delivered" });
  assert.deepEqual(later.sockets.map((one) => one.sid), [staying.session.sid]);
});

piece([], "(n) the sender's own message is on each screen once", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [writing, reading] = [await honest(t, server, alice), await honest(t, server, alice)];
  const id = { client_message_id: "mine-1" };
  const { message } = await writing.send(group, "shown at once, and again when it comes back", id);
  for (const peer of [writing, reading]) {
    const [echo] = await peer.receives(group, 1);
    // What a client shows before the answer is matched by its own id, and the answer's id is the event's.
    assert.deepEqual([echo.id, echo.client_message_id], [message.id, "mine-1"]);
  }
  const again = await writing.send(group, "shown at once, and again when it comes back", id);
  assert.deepEqual([again.duplicate, again.message.id, again.delivery.handed_off], [true, message.id, 0]);
  const other = await server.post(alice, group, "over HTTP as well", id);
  assert.equal(other.duplicate, true);
  for (const peer of [writing, reading]) {
    await peer.settled();
    assert.equal(peer.messages(group).length, 1);
  }
});

piece(["not_participant"], "who is no participant gets nothing, and who was removed keeps what they had", async (t) => {
  const [alice, bob, stranger] = await server.users("alice", "bob", "stranger");
  const group = await server.group(alice, bob);
  const [b, s] = [await honest(t, server, bob), await honest(t, server, stranger)];
  const first = await server.post(alice, group, "before");
  await b.receives(group, 1);
  const never = { verdict: "missed", cause: "not_participant", failing: "participant", says: [/never was a participant/], remedy: /participants/ };
  await finds(server, first.message, stranger, { ...never, participant: false });
  check(await explainNow(server, group, stranger), never);
  await finds(server, first.message, bob, { verdict: "delivered" });

  await server.ask("DELETE", `/api/v1/conversations/${group.id}/participants/${bob.id}`, { token: alice.token });
  const second = await server.post(alice, group, "after");
  const removed = { verdict: "missed", cause: "not_participant", failing: "participant", says: [/left conversation .* \(after message #1\)/], remedy: /add them again/ };
  await finds(server, second.message, bob, { ...removed, participant: false });
  await finds(server, first.message, bob, { verdict: "delivered" });
  await b.settled();
  await s.settled();
  assert.deepEqual([seqs(b.messages(group)), s.messages(group)], [[1], []]);
});

piece(["joined_later"], "who joined later has the history, not the event", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice);
  const b = await honest(t, server, bob);
  const early = await server.post(alice, group, "before bob");
  await server.ask("POST", `/api/v1/conversations/${group.id}/participants`, { token: alice.token, body: { user_ids: [bob.id] } });
  const late = await server.post(alice, group, "for bob too");
  assert.deepEqual(seqs(await b.receives(group, 1)), [2], "a later receipt covers only what was for him");
  await finds(server, late.message, bob, { verdict: "delivered" });
  await finds(server, early.message, bob, {
    verdict: "missed", cause: "joined_later", failing: "participant", says: [/when message #1 .* was history already/, /joined after #1/], remedy: /history/, participant: false,
  });
  assert.equal((await server.history(bob, group)).length, 2);
});

piece(["left_before"], "who left by leave_conversation gets nothing live, and what was missed on joining again", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const b = await honest(t, server, bob);
  await b.must("leave_conversation", { conversation_id: group.id });
  const { message, delivery: counts } = await server.post(alice, group, "not live for bob");
  assert.deepEqual([counts.online, counts.handed_off, counts.repaired], [1, 0, 0]);
  const left = { verdict: "missed", cause: "left_before", failing: "in_room", says: [new RegExp(b.session.sid), /its own leave_conversation/], remedy: /join_conversation/ };
  await finds(server, message, bob, left);
  check(await explainNow(server, group, bob), left);
  await b.settled();
  assert.deepEqual(b.messages(group), []);
  const joined = await b.must("join_conversation", { conversation_id: group.id, after_seq: 0 });
  assert.deepEqual(joined.missed.map((one) => one.id), [message.id]);
  await b.must("receipt", { conversation_id: group.id, received: message.seq });
  await finds(server, message, bob, { verdict: "delivered" });
  const next = await server.post(alice, group, "live again");
  await b.receives(group, 1);
  await finds(server, next.message, bob, { verdict: "delivered" });
});

piece(["left_before"], "what came before a leave and while away is still told apart after joining again", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  // Without receipts, so that no later receipt covers everything.
  const b = await Peer.connect(t, server, bob);
  const before = await server.post(alice, group, "before");
  await b.receives(group, 1);
  await b.must("leave_conversation", { conversation_id: group.id });
  const away = await server.post(alice, group, "away");
  await b.must("join_conversation", { conversation_id: group.id });
  const after = await server.post(alice, group, "after");
  await b.receives(group, 2);
  await finds(server, before.message, bob, { verdict: "sent", says: [/gives no receipts/] });
  await finds(server, away.message, bob, { verdict: "missed", cause: "left_before", failing: "in_room" });
  await finds(server, after.message, bob, { verdict: "sent" });
});

piece(["offline"], "who was not there gets it on coming back with resume", async (t) => {
  const [alice, bob, away] = await server.users("alice", "bob", "away");
  const group = await server.group(alice, bob, away);
  const before = await honest(t, server, bob);
  before.close();
  await until("bob is gone", async () => (await explainNow(server, group, bob)).verdict === "offline");
  const { message } = await server.post(alice, group, "while you were out");
  const out = { verdict: "offline", cause: "offline", failing: "connected", remedy: /auth\.resume/ };
  await finds(server, message, bob, { ...out, says: [/had no connection when message #1 was saved/, /the last connection ended at .* closed by the client/] });
  await finds(server, message, away, { ...out, says: [/no socket in namespace \//] });

  // Back without resume: it exists, and did not come; the remedy says what the client must do.
  const careless = await honest(t, server, bob);
  await finds(server, message, bob, { ...out, says: [/connected again at .* and have not confirmed it/], remedy: /Connect with auth\.resume/ });
  careless.close();
  const back = await honest(t, server, bob, { auth: { resume: { [group.id]: 0 } } });
  assert.deepEqual(seqs(await back.receives(group, 1)), [1]);
  const { own } = await finds(server, message, bob, { verdict: "delivered" });
  assert.ok(own.sockets.some((one) => one.sid === back.session.sid && one.path === "resume" && one.confirmed_at), JSON.stringify(own));
});

piece(["disconnected_during"], "the connection breaks between the hand-over and the receipt: it comes again on coming back", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const b = await deaf(t, server, bob);
  // A dead line: what is written to it stays unread, and nobody says goodbye.
  const line = b.socket.io.engine.transport.ws._socket;
  line.pause();
  const { message } = await server.post(alice, group, "into the dead line");
  line.destroy();
  await finds(server, message, bob, {
    verdict: "missed", cause: "disconnected_during", failing: "confirmed", says: [new RegExp(b.session.sid), /before any receipt/, /museum\/1/], remedy: /auth\.resume/,
  });
  const back = await honest(t, server, bob, { auth: { resume: { [group.id]: 0 } } });
  assert.deepEqual(seqs(await back.receives(group, 1)), [1]);
  const { own } = await finds(server, message, bob, { verdict: "delivered" });
  assert.deepEqual(Object.fromEntries(own.sockets.map((one) => [one.sid, one.path])), { [b.session.sid]: "room", [back.session.sid]: "resume" });
});

piece(["unknown"], "what is no longer on record is called unknown, and blames nobody", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  // Without receipts, long enough connected to have been meant.
  const b = await Peer.connect(t, server, bob);
  await new Promise((resume) => setTimeout(resume, 5_500));
  const { message } = await server.post(alice, group, "long ago");
  await b.receives(group, 1);
  await finds(server, message, bob, { verdict: "sent" });
  // A page that leaves and joins with every click: only the last few times are remembered.
  for (const _ of range(1, 8)) {
    await b.must("leave_conversation", { conversation_id: group.id });
    await b.must("join_conversation", { conversation_id: group.id });
  }
  await finds(server, message, bob, { verdict: "missed", cause: "unknown", says: [/nothing on record says why/], remedy: /resumes or syncs/ });
});
