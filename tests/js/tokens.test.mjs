// Who may connect, for how long, and what a refusal says.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it, signToken } from "./harness.mjs";
import { Peer, itWithEveryClient } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

const now = () => Math.floor(Date.now() / 1000);

itWithEveryClient("a bad token is refused with its code first", async (t, kind) => {
  const alice = await server.user("alice");
  const claims = { sub: alice.id, name: alice.username, role: "user", exp: now() + 60 };
  const none = signToken(claims, "", { alg: "none", typ: "JWT" }).replace(/[^.]*$/, "");
  for (const [what, token, code] of [
    ["nothing", undefined, "unauthorized"],
    ["null", null, "unauthorized"],
    ["empty", "", "unauthorized"],
    ["no token", "rubbish", "unauthorized"],
    ["another key", signToken(claims, "another key of at least thirty-two bytes"), "unauthorized"],
    ["alg none", none, "unauthorized"],
    ["cut off", alice.token.slice(0, -4), "unauthorized"],
    ["a stranger", signToken({ ...claims, sub: "stranger" }, server.secret), "unauthorized"],
    ["expired", signToken({ ...claims, exp: now() - 5 }, server.secret), "token_expired"],
    ["a number", 7, "bad_request"],
  ]) {
    const error = await Peer.refused(t, server, { kind, auth: { token } });
    assert.match(error.message, new RegExp(`^${code}: .`), what);
  }
});

it("a token without exp or sub is refused", async (t) => {
  const alice = await server.user("alice");
  for (const claims of [{ sub: alice.id, name: "x", role: "user" }, { name: "x", role: "user", exp: now() + 60 }, {}]) {
    const error = await Peer.refused(t, server, { auth: { token: signToken(claims, server.secret) } });
    assert.match(error.message, /^unauthorized: /);
  }
});

it("a token claims at most the stored role", async (t) => {
  const alice = await server.user("alice");
  const peer = await Peer.connect(t, server, { ...alice, token: server.tokenFor(alice, 60, { role: "admin" }) });
  assert.equal(peer.session.user.role, "user");
  const refused = await server.rest("GET", "/admin/api/overview", { token: server.tokenFor(alice, 60, { role: "admin" }) });
  assert.equal(refused.status, 403);
});

itWithEveryClient("a socket is told before its token expires, and disconnected when it does", async (t, kind) => {
  const alice = await server.user("alice");
  const token = server.tokenFor(alice, 4);
  const peer = await Peer.connect(t, server, { ...alice, token }, { kind });
  const { expires_at } = await peer.hears("token_expiring", () => true, 3_000);
  assert.ok(Math.abs(Date.parse(expires_at) - (Date.now() + 4_000)) < 4_000, expires_at);
  await peer.disconnected(9_000);
  assert.ok(Date.now() >= Date.parse(expires_at) - 50, "not before");
});

itWithEveryClient("refresh_token carries the socket on", async (t, kind) => {
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const peer = await Peer.connect(t, server, { ...alice, token: server.tokenFor(alice, 4) }, { kind });
  const told = await peer.hears("token_expiring");
  const fresh = now() + 600;
  const { expires_at } = await peer.must("refresh_token", { token: server.tokenFor(alice, 600) });
  assert.ok(Math.abs(Date.parse(expires_at) / 1000 - fresh) <= 2, expires_at);
  // Past the first token's end the connection still lives.
  await new Promise((resume) => setTimeout(resume, Date.parse(told.expires_at) + 1_500 - Date.now()));
  assert.equal(peer.gone, undefined);
  await peer.send(group, "still here");
});

it("refresh_token takes only a good token of the same user", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const peer = await Peer.connect(t, server, alice);
  await peer.refusedCall("unauthorized", "refresh_token", { token: bob.token });
  await peer.refusedCall("unauthorized", "refresh_token", { token: "rubbish" });
  await peer.refusedCall("token_expired", "refresh_token", { token: server.tokenFor(alice, -5) });
  await peer.settled();
});

it("REST takes the same tokens and refuses the same ones", async () => {
  const alice = await server.user("alice");
  const me = await server.ask("GET", "/api/v1/auth/me", { token: server.tokenFor(alice) });
  assert.equal(me.id, alice.id);
  assert.equal((await server.rest("GET", `/api/v1/auth/me?token=${alice.token}`)).status, 200);
  for (const [token, code] of [
    [undefined, "unauthorized"],
    ["rubbish", "unauthorized"],
    [server.tokenFor(alice, -5), "token_expired"],
  ]) {
    const answer = await server.rest("GET", "/api/v1/auth/me", { token });
    assert.deepEqual([answer.status, answer.body.code], [401, code]);
  }
});
