// Nothing a client sends is met with silence: every wrong shape gets `bad_request` that names the field.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it, within } from "./harness.mjs";
import { Peer, itWithEveryClient } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

const NOT_AN_ID = [null, true, 1.5, {}, [], "", "a b", "ä", "x".repeat(65), "a/b"];
const NOT_TEXT = [null, true, 1, {}, []];
const NOT_A_BOOLEAN = [null, 0, "true", {}, []];
const NOT_A_SEQ = [true, -1, 1.5, "1", {}, [], 1e300];
const NOT_A_LIMIT = [true, 0, -1, 1.5, "1", {}, []];
const NOT_IDS = [null, true, "a", 1, {}, [null], [{}], [1.5], ["a b"]];
// `null` stands for "not given" where a field is optional.
const optional = (values) => values.filter((value) => value !== null);

/** For each event: a payload that is right in shape, and for each field the values that are not. */
const shapes = {
  join_conversation: [{ conversation_id: "c" }, { conversation_id: NOT_AN_ID, after_seq: NOT_A_SEQ }],
  leave_conversation: [{ conversation_id: "c" }, { conversation_id: NOT_AN_ID }],
  send_message: [
    { conversation_id: "c", content: "x" },
    {
      conversation_id: NOT_AN_ID,
      content: NOT_TEXT,
      client_message_id: optional(NOT_AN_ID),
      reply_to: optional(NOT_AN_ID),
      sender_id: optional(NOT_AN_ID),
    },
  ],
  receipt: [{ conversation_id: "c", received: 1 }, { conversation_id: NOT_AN_ID, received: NOT_A_SEQ, read: NOT_A_SEQ }],
  typing: [{ conversation_id: "c", typing: true }, { conversation_id: NOT_AN_ID, typing: NOT_A_BOOLEAN }],
  sync: [{ conversation_id: "c", after_seq: 0 }, { conversation_id: NOT_AN_ID, after_seq: [null, ...NOT_A_SEQ], limit: NOT_A_LIMIT }],
  edit_message: [{ message_id: "m", content: "x" }, { message_id: NOT_AN_ID, content: NOT_TEXT }],
  delete_message: [{ message_id: "m" }, { message_id: NOT_AN_ID }],
  create_conversation: [
    { kind: "group", participant_ids: [] },
    { kind: [...NOT_TEXT, "channel"], title: optional(NOT_TEXT), participant_ids: NOT_IDS, id: optional(NOT_AN_ID) },
  ],
  add_participants: [{ conversation_id: "c", user_ids: ["u"] }, { conversation_id: NOT_AN_ID, user_ids: NOT_IDS }],
  remove_participant: [{ conversation_id: "c", user_id: "u" }, { conversation_id: NOT_AN_ID, user_id: NOT_AN_ID }],
  refresh_token: [{ token: "t" }, { token: NOT_TEXT }],
};

for (const [event, [right, fields]] of Object.entries(shapes)) {
  it(`${event}: a wrong type in any field is named`, async (t) => {
    const peer = await Peer.connect(t, server, await server.user());
    for (const [field, wrong] of Object.entries(fields)) {
      for (const value of wrong) {
        const error = await peer.refusedCall("bad_request", event, { ...right, [field]: value });
        assert.ok(error.message.includes(field), `${field}=${JSON.stringify(value)}: the field is not named in: ${error.message}`);
      }
    }
    for (const field of Object.keys(right)) {
      const { [field]: _, ...without } = right;
      const error = await peer.refusedCall("bad_request", event, without);
      assert.ok(error.message.includes(field), `${field} missing: ${error.message}`);
    }
  });
}

const EVENTS = Object.keys(shapes);
const NO_OBJECT = [null, [], [{}], "text", 7, true];

itWithEveryClient("what is no object is refused", async (t, kind) => {
  const peer = await Peer.connect(t, server, await server.user(), { kind });
  for (const event of EVENTS) {
    for (const value of NO_OBJECT) await peer.refusedCall("bad_request", event, value);
    await peer.refusedCall("bad_request", event);
  }
});

itWithEveryClient("an unknown event is answered", async (t, kind) => {
  const peer = await Peer.connect(t, server, await server.user(), { kind });
  for (const event of ["join", "sendMessage", "new_message", "ping", "", "__proto__", "x".repeat(5_000), "événement"]) {
    await peer.refusedCall("bad_request", event, {});
  }
  peer.socket.emit("join_room", { room: "x" });
  const error = await peer.hears("error", (data) => data.event === "join_room");
  assert.equal(error.error.code, "bad_request");
  assert.ok(error.error.message.includes("join_room"));
});

itWithEveryClient("without a callback a failure arrives as event error", async (t, kind) => {
  const peer = await Peer.connect(t, server, await server.user(), { kind });
  for (const event of EVENTS) {
    peer.socket.emit(event, {});
    const error = await peer.hears("error", (data) => data.event === event);
    assert.equal(error.ok, false);
    assert.equal(error.error.code, "bad_request");
    assert.ok(error.error.message);
  }
  // A success without a callback is no error.
  peer.socket.emit("whoami", {});
  await peer.settled();
  assert.equal(peer.heard("error").length, EVENTS.length);
});

it("binary payloads are refused, not fatal", async (t) => {
  const peer = await Peer.connect(t, server, await server.user());
  for (const payload of [Buffer.from("x"), { conversation_id: "c", content: Buffer.from([0, 255]) }]) {
    await peer.refusedCall("bad_request", "send_message", payload);
  }
  await peer.settled();
});

it("more than one argument is answered too", async (t) => {
  const peer = await Peer.connect(t, server, await server.user());
  const answer = await peer.call("send_message", "conversation", "content");
  assert.equal(answer.ok, false);
  assert.equal(answer.error.code, "bad_request");
});

it("unknown fields are ignored", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const peer = await Peer.connect(t, server, alice);
  await peer.send(group, "x", { colour: "red", __proto__: null, constructor: 1 });
});

it("blank content is refused", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const peer = await Peer.connect(t, server, alice);
  for (const content of ["", " ", "\n\t ", "\u00A0\u3000"]) {
    const error = await peer.refusedCall("bad_request", "send_message", { conversation_id: group.id, content });
    assert.ok(error.message.includes("content"), error.message);
  }
  assert.deepEqual(await server.history(alice, group), []);
});

itWithEveryClient("a lone surrogate is refused", async (t, kind) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const peer = await Peer.connect(t, server, alice, { kind });
  // JSON.stringify writes it as an escape that is no character.
  for (const content of ["\uD800", "a\uDC00b", "\uD800\uD800"]) {
    await peer.refusedCall("bad_request", "send_message", { conversation_id: group.id, content });
  }
  await peer.send(group, "and it goes on");
});

itWithEveryClient("content beyond the limit is too large", async (t, kind) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const peer = await Peer.connect(t, server, alice, { kind });
  for (const content of ["x".repeat(16_385), "ä".repeat(8_193), "x".repeat(900_000)]) {
    await peer.refusedCall("too_large", "send_message", { conversation_id: group.id, content });
  }
  const { message } = await peer.send(group, "x".repeat(16_384));
  await peer.refusedCall("too_large", "edit_message", { message_id: message.id, content: "x".repeat(16_385) });
});

itWithEveryClient("a packet of more than 1 MiB closes its connection and no other", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const loud = await Peer.connect(t, server, alice, { kind });
  const calm = await Peer.connect(t, server, bob, { kind });
  loud.socket.emit("send_message", { conversation_id: group.id, content: "x".repeat(1_100_000) });
  await loud.disconnected();
  await calm.send(group, "still here");
  assert.equal((await calm.receives(group, 1))[0].content, "still here");
  assert.equal((await server.history(bob, group)).length, 1);
});

it("deeply nested JSON ends in an answer or a closed connection, and others go on", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const odd = await Peer.connect(t, server, alice);
  const calm = await Peer.connect(t, server, bob);
  let nested = [];
  for (let depth = 0; depth < 4_000; depth++) nested = [nested];
  const answer = new Promise((resume) => odd.socket.emit("send_message", { conversation_id: group.id, content: nested }, resume));
  const outcome = await within("an answer or a closed connection", Promise.race([answer, odd.disconnected().then(() => "closed")]));
  if (outcome !== "closed") assert.equal(outcome.error.code, "bad_request");
  await calm.send(group, "still here");
});
