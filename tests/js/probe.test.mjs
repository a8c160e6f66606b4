// The admin's probe: a test broadcast that the sockets of a room acknowledge.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it, until } from "./harness.mjs";
import { Peer, itWithEveryClient } from "./peer.mjs";
import { PlainPeer } from "./plain.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

async function probe(body, expected = 200, token = undefined) {
  const answer = await server.rest("POST", "/admin/api/probe", { token: token ?? (await server.adminToken()), body });
  assert.equal(answer.status, expected, JSON.stringify(answer.body));
  return answer.body;
}

/** Answers probes as the contract says. */
function answers(peer) {
  peer.socket.on("probe", (data, answer) => answer({ sid: peer.socket.id }));
  return peer;
}

itWithEveryClient("who answers is told with the time that it took, who does not is told too", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const room = `conversation:${group.id}`;
  const [a, silent, b] = [
    answers(await Peer.connect(t, server, alice, { kind })),
    await Peer.connect(t, server, alice, { kind }),
    answers(await Peer.connect(t, server, bob, { kind })),
  ];
  const report = await probe({ room, timeout_ms: 1_500 });
  assert.deepEqual(Object.keys(report).sort(), ["namespace", "probe_id", "results", "room"]);
  assert.deepEqual([report.room, report.namespace], [room, "/"]);
  const of = (peer) => report.results.find((result) => result.sid === peer.session.sid);
  assert.equal(report.results.length, 3);
  for (const [peer, user] of [[a, alice], [b, bob]]) {
    assert.deepEqual([of(peer).result, of(peer).user_id], ["answered", user.id]);
    assert.ok(of(peer).ms >= 0 && of(peer).ms <= 1_500, `${of(peer).ms} ms`);
  }
  assert.equal(of(silent).result, "no_answer");
  assert.ok(!("ms" in of(silent)));
  assert.deepEqual(silent.heard("probe"), [{ probe_id: report.probe_id, room }], "it was asked");
});

it("an empty answer is an answer, and one that goes away has failed", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  a.socket.on("probe", (data, answer) => answer());
  b.socket.on("probe", () => b.socket.disconnect());
  const { results } = await probe({ room: `conversation:${group.id}`, timeout_ms: 1_000 });
  const result = (peer) => results.find((one) => one.sid === peer.session.sid).result;
  assert.deepEqual([result(a), result(b)], ["answered", "failed"]);
});

it("a plain WebSocket is asked by a frame with an id, and answers it", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, silent] = [await PlainPeer.connect(t, server, alice), await PlainPeer.connect(t, server, bob)];
  a.socket.on("message", (text) => {
    const { event, data, id } = JSON.parse(text);
    if (event === "probe") a.frame({ reply_to: id, data: { sid: a.session.sid, probe_id: data.probe_id } });
  });
  const { results } = await probe({ room: `conversation:${group.id}`, timeout_ms: 1_000 });
  const result = (peer) => results.find((one) => one.sid === peer.session.sid).result;
  assert.deepEqual([result(a), result(silent)], ["answered", "no_answer"]);
  silent.frame({ reply_to: "too late", data: {} });
  await silent.settled();
  assert.deepEqual(silent.heard("error"), []);
});

it("users' and sockets' rooms can be probed, and a conversation's room that is empty", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  assert.deepEqual((await probe({ room: `conversation:${group.id}` })).results, []);
  const a = answers(await Peer.connect(t, server, alice));
  for (const room of [`user:${alice.id}`, a.session.sid]) {
    assert.deepEqual((await probe({ room, namespace: "/" })).results.map((one) => [one.sid, one.result]), [[a.session.sid, "answered"]]);
  }
});

it("a room that is nothing is 404 with names that may have been meant", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  await Peer.connect(t, server, alice);
  const problem = await probe({ room: `conversation_${group.id}` }, 404);
  assert.equal(problem.code, "not_found");
  assert.ok(problem.similar_rooms.includes(`conversation:${group.id}`), JSON.stringify(problem));
  await probe({ room: `conversation:${group.id}`, namespace: "/chat" }, 404);
});

it("waits no longer than told, and never longer than five seconds", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  await Peer.connect(t, server, alice);
  const room = `conversation:${group.id}`;
  const timed = async (more) => {
    const began = Date.now();
    const { results } = await probe({ room, ...more });
    assert.deepEqual(results.map((one) => one.result), ["no_answer"]);
    return Date.now() - began;
  };
  const short = await timed({ timeout_ms: 200 });
  assert.ok(short >= 195 && short < 3_000, `${short} ms`);
  const long = await timed({ timeout_ms: 60_000 });
  assert.ok(long >= 4_900 && long < 9_000, `${long} ms`);
});

it("a browser without scripts is answered with a page", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const room = `conversation:${group.id}`;
  const [a, silent] = [answers(await Peer.connect(t, server, alice)), await Peer.connect(t, server, bob)];
  const signedIn = await fetch(`${server.url}/admin/login`, {
    method: "POST",
    body: new URLSearchParams({ username: "admin", password: "admin-password" }),
    redirect: "manual",
  });
  const headers = { cookie: signedIn.headers.get("set-cookie").split(";")[0] };
  const form = String((await server.rest("GET", `/admin/probe?room=${encodeURIComponent(room)}`, { headers })).body);
  const [action, csrf_token] = [form.match(/id="probe-form" method="post" action="([^"]*)"/)[1], form.match(/name="csrf_token" value="([^"]*)"/)[1]];
  const send = (fields) => fetch(server.url + action, { method: "POST", headers, body: new URLSearchParams(fields), redirect: "manual" });
  const answer = await send({ csrf_token, room, namespace: "/", timeout_ms: "500" });
  const page = await answer.text();
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "text/html; charset=utf-8"], page.slice(0, 500));
  assert.match(page, /1 of 2 sockets answered, the slowest after /);
  const rows = [...page.matchAll(/<td data-label="Result">.*?<\/tr>/gs)].map(([row]) => row);
  assert.ok(rows[0].includes("no answer") && rows[0].includes(silent.session.sid), rows[0]);
  assert.ok(rows[1].includes("> answered") && rows[1].includes(a.session.sid), rows[1]);
  // What is wrong is a page too; and no other site's form gets this far.
  const wrong = await send({ csrf_token, room: "nothing-like-it" });
  assert.deepEqual([wrong.status, wrong.headers.get("content-type")], [404, "text/html; charset=utf-8"]);
  assert.equal((await send({ room })).status, 403);
});

it("what is wrong is said, and only admins probe", async () => {
  const user = await server.user("user");
  for (const body of [{}, { room: "" }, { room: 7 }, { room: "x", timeout_ms: 0 }, { room: "x", timeout_ms: "soon" }, [], "{", { room: "x".repeat(300) }]) {
    assert.equal((await probe(body, 400)).code, "bad_request", JSON.stringify(body));
  }
  await probe({ room: "x" }, 403, user.token);
  assert.equal((await server.rest("POST", "/admin/api/probe", { body: { room: "x" } })).status, 401);
});

it("is written down, and seen in the traffic", async (t) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const a = answers(await Peer.connect(t, server, alice));
  const room = `conversation:${group.id}`;
  const stop = new AbortController();
  t.after(() => stop.abort());
  const headers = { authorization: `Bearer ${await server.adminToken()}` };
  const traffic = await fetch(`${server.url}/admin/api/traffic?event=probe&room=${room}`, { headers, signal: stop.signal });
  await probe({ room });
  const { items } = await server.ask("GET", "/admin/api/audit", { token: await server.adminToken() });
  const entry = items.find((item) => item.action === "probe" && item.target === room);
  assert.deepEqual([entry?.actor, /1 socket/.test(entry?.detail)], ["admin", true], JSON.stringify(items.slice(0, 3)));
  const reader = traffic.body.getReader();
  let seen = "";
  await until("the probe in the traffic", async () => {
    seen += Buffer.from((await reader.read()).value).toString();
    return seen.includes(a.session.sid);
  });
});
