// The admin's stream of events in and out of every socket.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it, until } from "./harness.mjs";
import { Peer } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

/** Opens the stream; everything that it says is in `lines` (events) and `dropped` (counts). */
async function tap(t, query = "", token = undefined) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const answer = await fetch(`${server.url}/admin/api/traffic${query}`, {
    headers: { authorization: `Bearer ${token ?? (await server.adminToken())}` },
    signal: stop.signal,
  });
  const stream = { status: answer.status, type: answer.headers.get("content-type"), lines: [], dropped: [], raw: "", ended: false };
  if (answer.status !== 200) return { ...stream, body: await answer.json() };
  const read = async () => {
    let rest = "";
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      stream.raw += chunk;
      const records = (rest + chunk).split("\n\n");
      rest = records.pop();
      for (const record of records) {
        const field = (name) => record.match(new RegExp(`^${name}: ?(.*)$`, "m"))?.[1];
        if (!field("data")) continue;
        if (field("event") === "dropped") stream.dropped.push(JSON.parse(field("data")).count);
        else stream.lines.push(JSON.parse(field("data")));
      }
    }
  };
  stream.done = read().catch(() => {}).finally(() => (stream.ended = true));
  return stream;
}

it("shows what goes in and out, with its socket, user, room and size", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  const stream = await tap(t, `?room=conversation:${group.id}`);
  assert.deepEqual([stream.status, stream.type], [200, "text/event-stream"]);
  await a.send(group, "hello there");
  await b.receives(group, 1);
  const room = `conversation:${group.id}`;
  const found = await until("one in, two out", () => stream.lines.length >= 3 && stream.lines);
  const came = found.find((line) => line.direction === "in");
  assert.deepEqual(
    { ...came, at: "", bytes: 0, preview: "" },
    { at: "", direction: "in", event: "send_message", sid: a.session.sid, user_id: alice.id, username: alice.username, namespace: "/", room, room_name: group.title, bytes: 0, preview: "" },
  );
  assert.match(came.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(came.bytes, JSON.stringify(["send_message", { conversation_id: group.id, content: "hello there" }]).length);
  assert.match(came.preview, /hello there/);
  const out = found.filter((line) => line.direction === "out" && line.event === "new_message");
  assert.deepEqual(out.map((line) => line.sid).sort(), [a.session.sid, b.session.sid].sort());
  assert.ok(out.every((line) => line.room === room));
});

it("filters by user, socket, event and direction", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  const [byUser, byName, bySid, byEvent, inward] = await Promise.all(
    [
      `?user=${alice.id}&event=new_message`,
      `?user=${bob.username}&direction=in`,
      `?sid=${b.session.sid}&direction=out&event=new_message`,
      `?event=typing&direction=out&room=conversation:${group.id}`,
      `?direction=in&room=user:${alice.id}`,
    ].map((query) => tap(t, query)),
  );
  await a.must("typing", { conversation_id: group.id, typing: true });
  await b.hears("typing");
  await b.send(group, "one");
  await a.receives(group, 1);
  const of = (stream) => stream.lines.map((line) => [line.event, line.direction, line.sid]);
  await until("all of them", () => [byUser, byName, bySid, byEvent, inward].every((stream) => stream.lines.length > 0));
  assert.deepEqual(of(byUser), [["new_message", "out", a.session.sid]]);
  assert.deepEqual(of(byName), [["send_message", "in", b.session.sid]]);
  assert.deepEqual(of(bySid), [["new_message", "out", b.session.sid]]);
  assert.deepEqual(of(byEvent), [["typing", "out", b.session.sid]]);
  assert.deepEqual(of(inward), [["typing", "in", a.session.sid]]);
});

it("shows no secret, and shortens what is long", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const a = await Peer.connect(t, server, alice);
  const stream = await tap(t, `?sid=${a.session.sid}`);
  const fresh = server.tokenFor(alice, 7200);
  await a.must("refresh_token", { token: fresh });
  await a.call("no_such_event", { password: "hunter2-hunter2", auth: { token: fresh }, headers: { Authorization: `Bearer ${fresh}` } });
  await a.send(group, `I pasted ${fresh} here`);
  await a.send(group, "x".repeat(16_000));
  const lines = await until("all of them", () => stream.lines.filter((line) => line.event === "new_message").length === 2 && stream.lines);
  assert.ok(!stream.raw.includes(fresh.slice(-20)) && !stream.raw.includes("hunter2"), stream.raw);
  assert.ok(lines.some((line) => line.event === "no_such_event" && /redacted/.test(line.preview)));
  assert.ok(lines.every((line) => line.preview.length <= 401));
  assert.ok(lines.filter((line) => line.bytes > 16_000).length >= 2, "the true size is told");
});

it("is bounded, and tells how much it left out", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const a = await Peer.connect(t, server, alice);
  const stream = await tap(t, `?sid=${a.session.sid}&direction=in&event=typing`);
  const sent = 2_000;
  for (let n = 1; n < sent; n++) a.socket.emit("typing", { conversation_id: group.id, typing: n % 2 === 0 });
  await a.must("typing", { conversation_id: group.id, typing: false });
  // One socket may have 1,024 events waiting; what it sent beyond was refused, and was never carried out.
  const refused = a.heard("error").length;
  const seen = () => stream.lines.length + stream.dropped.reduce((sum, count) => sum + count, 0);
  await until(() => `all ${sent} told of (${refused} refused): ${seen()}`, () => seen() === sent);
  assert.ok(stream.dropped.length > 0 && stream.lines.length < sent, "some were dropped");
  assert.ok(stream.lines.length >= 200, "and some were not");
});

it("is for admins and observers", async (t) => {
  const user = await server.user("user");
  assert.equal((await tap(t, "", user.token)).status, 403);
  assert.equal((await fetch(`${server.url}/admin/api/traffic`)).status, 401);
  const wrong = await tap(t, "?direction=sideways");
  assert.deepEqual([wrong.status, wrong.body.code], [400, "bad_request"]);
  assert.equal((await tap(t, "?event=x")).status, 200);
});
