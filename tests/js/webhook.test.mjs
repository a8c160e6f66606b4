// Another server is told what happens: signed, in order, again and again until it takes it.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { Server, it, until } from "./harness.mjs";
import { Peer } from "./peer.mjs";

const secret = "a secret of the webhook";

/** A server that is told; `refuse` makes it answer 503. */
async function told(t) {
  const hears = { log: [], refuse: false };
  const server = createServer(async (request, answer) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    hears.log.push({ headers: request.headers, body, refused: hears.refuse });
    answer.writeHead(hears.refuse ? 503 : 204).end();
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  t.after(() => server.close());
  hears.url = `http://127.0.0.1:${server.address().port}/hook`;
  hears.taken = () => hears.log.filter((one) => !one.refused).map((one) => JSON.parse(one.body));
  return hears;
}

async function started(t, hears, env = {}) {
  const server = await Server.start({ env: { ROLLCALL_WEBHOOK_URL: hears.url, ROLLCALL_WEBHOOK_SECRET: secret, ...env } });
  t.after(() => server.close());
  return server;
}

it("every kind is told, signed, under an id of its own", async (t) => {
  const hears = await told(t);
  const server = await started(t, hears);
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const peer = await Peer.connect(t, server, bob, { auth: { receipts: true } });
  const { message } = await server.post(alice, group, "hello");
  await peer.receives(group, 1);
  await peer.must("receipt", { conversation_id: group.id, read: 1 });
  await server.ask("PATCH", `/api/v1/messages/${message.id}`, { token: alice.token, body: { content: "changed" } });
  const of = (type) => hears.taken().filter((one) => one.type === type).map((one) => one.data);
  await until(() => JSON.stringify(hears.taken()), () => ["presence", "message", "receipts", "message_updated"].every((type) => of(type).length));
  assert.deepEqual(of("message")[0].message, message);
  assert.deepEqual([of("message")[0].delivery.participants, of("message")[0].delivery.online], [2, 1]);
  assert.equal(of("message_updated")[0].message.content, "changed");
  assert.deepEqual(of("receipts").at(-1), { conversation_id: group.id, users: [{ user_id: bob.id, received: 1, read: 1 }] });
  assert.equal(of("presence")[0].user_id, bob.id);
  for (const { headers, body } of hears.log) {
    const [, at, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers["x-rollcall-signature"]);
    assert.equal(createHmac("sha256", secret).update(`${at}.${body}`).digest("hex"), signature);
    assert.ok(Math.abs(at - Date.now() / 1000) < 60);
    const { id, type, at: noted } = JSON.parse(body);
    assert.deepEqual([headers["x-rollcall-delivery"], headers["x-rollcall-event"]], [id, type]);
    assert.match(noted, /^\d{4}-.*Z$/);
  }
  assert.equal(new Set(hears.taken().map((one) => one.id)).size, hears.taken().length);
});

it("a message says whom to notify: who is away, and did not mute or is named", async (t) => {
  const hears = await told(t);
  const server = await started(t, hears, { ROLLCALL_WEBHOOK_EVENTS: "message" });
  const [alice, here, away, muted] = await server.users("alice", "here", "away", "muted");
  const group = await server.group(alice, here, away, muted);
  await Peer.connect(t, server, here);
  await server.ask("POST", `/api/v1/conversations/${group.id}/mute`, { token: muted.token, body: { muted: true } });
  for (const content of ["hello", `hello @${muted.username}, @${here.username}`]) await server.post(alice, group, content);
  await until("both messages are told", () => hears.taken().length === 2);
  const notified = hears.taken().map(({ data }) => data.notify.map(({ user_id, mentioned }) => `${user_id} ${mentioned}`).sort());
  assert.deepEqual(notified, [[`${away.id} false`], [`${away.id} false`, `${muted.id} true`].sort()]);
});

it("what is not taken comes again under the same id, and the rest behind it in order; the admin sees it", async (t) => {
  const hears = await told(t);
  const server = await started(t, hears, { ROLLCALL_WEBHOOK_EVENTS: "message" });
  const [alice] = await server.users("alice");
  const group = await server.group(alice);
  hears.refuse = true;
  for (const text of ["one", "two", "three"]) await server.post(alice, group, text);
  await until("it was refused twice", () => hears.log.length >= 2);
  const state = async () => server.ask("GET", "/admin/api/webhook", { token: await server.adminToken() });
  const waiting = await until("it is shown", async () => ((await state()).retried >= 2 ? state() : undefined));
  assert.deepEqual([waiting.url, waiting.delivered, waiting.failed, waiting.queued], [hears.url, 0, 0, 3]);
  assert.match(waiting.last_error, /503/);
  hears.refuse = false;
  await until("all came", () => hears.taken().length === 3, 20_000);
  assert.deepEqual(hears.taken().map((one) => one.data.message.content), ["one", "two", "three"]);
  assert.equal(hears.taken()[0].id, JSON.parse(hears.log[0].body).id);
  // Counted once our last answer is back there.
  const counted = async () => (await (await fetch(`${server.url}/metrics`)).text()).includes('rollcall_webhook_requests_total{result="delivered"} 3');
  await until("all are counted", counted);
  const done = await state();
  assert.deepEqual([done.delivered, done.queued, done.dropped], [3, 0, 0]);
  assert.ok(done.last_success_at);
});

it("no message waits for a webhook that cannot be reached", async (t) => {
  const server = await started(t, { url: "http://127.0.0.1:9/nobody" });
  const [alice] = await server.users("alice");
  const group = await server.group(alice);
  const began = Date.now();
  for (let n = 0; n < 20; n++) await server.post(alice, group, `${n}`);
  assert.ok(Date.now() - began < 5_000);
  const how = await server.terminate();
  assert.deepEqual([how.code, how.ms < 15_000], [0, true]);
});
