// What an operator sets changes what clients meet. A server per setting, since that is what is tested.
import assert from "node:assert/strict";
import { Server, it } from "./harness.mjs";
import { Peer, open } from "./peer.mjs";

async function started(t, options) {
  const server = await Server.start(options);
  t.after(() => server.close());
  return server;
}

it("the demo has three users, a group and two direct conversations", async (t) => {
  const server = await started(t, { demo: true });
  const kinds = [];
  for (const name of ["alice", "bob", "carol"]) {
    const { token, user } = await server.login(name, "demo");
    const peer = await Peer.connect(t, server, { ...user, token });
    kinds.push(...peer.session.conversations.map((conversation) => `${conversation.kind} ${conversation.id}`));
  }
  const distinct = [...new Set(kinds)].map((kind) => kind.split(" ")[0]).sort();
  assert.deepEqual(distinct, ["direct", "direct", "group"]);
});

it("a sender beyond the rate is told when to try again, and loses nothing else", async (t) => {
  const server = await started(t, { env: { ROLLCALL_RATE_MESSAGES: "5/s" } });
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  const payload = { conversation_id: group.id, content: "x" };
  const answers = await Promise.all(Array.from({ length: 40 }, () => a.call("send_message", payload)));
  const [sent, refused] = [answers.filter((answer) => answer.ok), answers.filter((answer) => !answer.ok)];
  assert.ok(sent.length >= 5 && sent.length < 20, `${sent.length} of 40 at once went through at 5/s`);
  for (const { error } of refused) {
    assert.equal(error.code, "rate_limited");
    assert.ok(error.retry_after_ms > 0 && error.retry_after_ms <= 10_000, JSON.stringify(error));
  }
  // The limit is per user, over every way in, and others are not touched.
  const rest = await server.rest("POST", "/api/v1/messages", { token: alice.token, body: payload });
  assert.deepEqual([rest.status, rest.body.code], [429, "rate_limited"]);
  assert.ok(Number(rest.headers.get("retry-after")) >= 1);
  await b.send(group, "from bob");
  await a.receives(group, sent.length + 1);
  assert.equal((await server.history(bob, group)).length, sent.length + 1);
});

it("guessing passwords is slowed down", async (t) => {
  const server = await started(t, { env: { ROLLCALL_RATE_LOGINS: "3/m" } });
  const statuses = [];
  for (let attempt = 0; attempt < 6; attempt++) {
    const body = { username: "admin", password: `guess ${attempt}` };
    const answer = await server.rest("POST", "/api/v1/auth/login", { body });
    statuses.push(answer.status);
    if (answer.status === 429) assert.ok(Number(answer.headers.get("retry-after")) >= 1);
  }
  assert.deepEqual(statuses, [401, 401, 401, 429, 429, 429]);
});

it("connections beyond the rate of an address are refused and kept", async (t) => {
  const server = await started(t, { env: { ROLLCALL_RATE_CONNECTS: "3/s" } });
  const alice = await server.user("alice");
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const peer = new Peer(t, open(server, { auth: { token: alice.token } }));
      return peer.connected().then(() => "connected", (error) => error.message);
    }),
  );
  const connected = outcomes.filter((outcome) => outcome === "connected").length;
  assert.ok(connected >= 3 && connected < 15, `${connected} of 20 at once at 3/s`);
  const { items } = await server.ask("GET", "/admin/api/rejected", { token: await server.adminToken() });
  const kept = items.filter((item) => item.reason === "rate");
  assert.ok(kept.length > 0, JSON.stringify(items));
  assert.ok(kept[0].remedy.length > 0);
});

it("closed registration is said so", async (t) => {
  const server = await started(t, { env: { ROLLCALL_REGISTRATION: "closed" } });
  const answer = await server.rest("POST", "/api/v1/auth/register", { body: { username: "dora", password: "correct horse" } });
  assert.deepEqual([answer.status, answer.body.code], [403, "forbidden"]);
});

it("the limit of a message's content is the operator's", async (t) => {
  const server = await started(t, { env: { ROLLCALL_MAX_MESSAGE_BYTES: "100" } });
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const peer = await Peer.connect(t, server, alice);
  await peer.send(group, "x".repeat(100));
  const error = await peer.refusedCall("too_large", "send_message", { conversation_id: group.id, content: "x".repeat(101) });
  assert.match(error.message, /100/);
});

it("origins may be a JSON list or everyone, and are cleaned", async (t) => {
  const ask = async (server, origin) => {
    const answer = await server.rest("GET", "/socket.io/?EIO=4&transport=polling", { headers: { origin } });
    return [answer.status, answer.headers.get("access-control-allow-origin")];
  };
  const listed = await started(t, { env: { ALLOWED_ORIGINS: `["https://a.example.org/", " https://b.example.org:8443"]` } });
  assert.deepEqual(await ask(listed, "https://a.example.org"), [200, "https://a.example.org"]);
  assert.deepEqual(await ask(listed, "https://b.example.org:8443"), [200, "https://b.example.org:8443"]);
  assert.equal((await ask(listed, "https://b.example.org"))[0], 403);
  const open = await started(t, { env: { ALLOWED_ORIGINS: "*" } });
  const [status, allowed] = await ask(open, "https://anything.example.org");
  assert.equal(status, 200);
  assert.ok(["*", "https://anything.example.org"].includes(allowed), String(allowed));
});
