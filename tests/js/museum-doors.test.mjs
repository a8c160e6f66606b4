// The failure museum, second hall: who never came in, or did not stay.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, signToken, until } from "./harness.mjs";
import { Peer, open, range, seqs } from "./peer.mjs";
import { check, deaf, explainNow, finds, honest, piece } from "./museum.mjs";

let server;
// The origin with a trailing slash and spaces, as people write it into their settings.
before(async () => (server = await Server.start({ env: { ALLOWED_ORIGINS: " https://chat.example.org/ , http://localhost:3000/ " } })));
after(() => server?.close());

/** The rejected connections that match, as soon as there are some. */
async function rejected(matches) {
  return until("the rejection is kept", async () => {
    const { items } = await server.ask("GET", "/admin/api/rejected", { token: await server.adminToken() });
    const kept = items.filter(matches);
    return kept.length > 0 && kept;
  });
}

/** A handshake by hand, for what no official client of today sends. */
async function raw({ query, extraHeaders }) {
  const answer = await fetch(`${server.url}/socket.io/?${new URLSearchParams({ transport: "polling", ...query })}`, { headers: extraHeaders });
  assert.equal(answer.status, 400);
  return answer;
}

piece(["offline"], "(d) a client with the wrong Socket.IO path is offline, and the rejected connections show the right one", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const lost = new Peer(t, open(server, { path: "/ws-d/", auth: { token: bob.token } }));
  await lost.refusal();
  const [kept] = await rejected((one) => one.path.startsWith("/ws-d/"));
  assert.equal(kept.reason, "path");
  assert.match(kept.remedy, /\/socket\.io\//);
  // Its token never left the client, so nobody can know whose attempt that was.
  const { message } = await server.post(alice, group, "are you there?");
  await finds(server, message, bob, { verdict: "offline", cause: "offline", failing: "connected" });
  const right = await honest(t, server, bob, { auth: { resume: { [group.id]: 0 } } });
  await right.receives(group, 1);
  await finds(server, message, bob, { verdict: "delivered" });
});

piece(["offline"], "(e) a page of a refused origin is offline, and the rejected connections name the setting; a trailing slash in it is no fault", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const from = (origin) => ({ extraHeaders: { origin } });
  const refused = new Peer(t, open(server, { ...from("https://chat.example.net"), auth: { token: bob.token } }));
  await refused.refusal();
  const [kept] = await rejected((one) => one.origin === "https://chat.example.net");
  assert.equal(kept.reason, "origin");
  assert.match(kept.remedy, /ALLOWED_ORIGINS/);
  const { message } = await server.post(alice, group, "are you there?");
  await finds(server, message, bob, { verdict: "offline", cause: "offline", failing: "connected" });
  for (const [at, origin] of ["https://chat.example.org", "http://localhost:3000"].entries()) {
    const peer = await honest(t, server, bob, { ...from(origin), auth: { resume: { [group.id]: at } } });
    await server.post(alice, group, "now you are");
    await peer.receives(group, 2 - at);
  }
  await finds(server, message, bob, { verdict: "delivered" });
});

piece(["handshake_rejected"], "(d, e) a client whose token comes with the address is known also at a wrong door: path, origin, protocol", async (t) => {
  const doors = [
    ["path", { path: "/ws-known/" }, /came on \/ws-known\//, /\/socket\.io\//],
    ["origin", { extraHeaders: { origin: "https://known.example.net" } }, /known\.example\.net/, /ALLOWED_ORIGINS/],
    ["protocol", { query: { EIO: "3" } }, /EIO=3/, /version 3 or 4/],
  ];
  for (const [reason, wrong, says, remedy] of doors) {
    const [alice, bob] = await server.users("alice", "bob");
    const group = await server.group(alice, bob);
    const { message } = await server.post(alice, group, "are you there?");
    await finds(server, message, bob, { verdict: "offline", cause: "offline", failing: "connected" });
    // The token in the query, in the header, and one that has expired: it still says whose it was.
    const { query = {}, extraHeaders = {} } = wrong;
    const asQuery = (token) => ({ ...wrong, query: { ...query, token } });
    const asHeader = { ...wrong, extraHeaders: { ...extraHeaders, authorization: `Bearer ${bob.token}` } };
    for (const options of [asQuery(bob.token), asHeader, asQuery(server.tokenFor(bob, -120))]) {
      const protocol = reason === "protocol" ? await raw(options) : undefined;
      protocol ?? (await Peer.refused(t, server, options));
    }
    const turned = { verdict: "missed", cause: "handshake_rejected", failing: "connected", says: [new RegExp(`was refused \\(3 times for ${reason}`), says], remedy };
    await finds(server, message, bob, turned);
    check(await explainNow(server, group, bob), turned);
    const kept = await rejected((one) => one.user_id === bob.id);
    assert.deepEqual(kept.map((one) => one.reason), [reason, reason, reason]);
    assert.ok(!JSON.stringify(kept).includes(bob.token), "the token is not kept");
    // A token that somebody else signed names nobody.
    await Peer.refused(t, server, { path: "/ws-forged/", query: { token: signToken({ sub: alice.id }, "another key of more than 32 bytes, which is not ours") } });
    const forged = await rejected((one) => one.path.startsWith("/ws-forged/"));
    assert.equal(forged[0].user_id, undefined);
    const right = await honest(t, server, bob, { auth: { resume: { [group.id]: 0 } } });
    await right.receives(group, 1);
    await finds(server, message, bob, { verdict: "delivered" });
  }
});

piece(["handshake_rejected"], "(o) an expired token is refused, explained, and mended by a fresh one", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const { message } = await server.post(alice, group, "while you hold an old token");
  for (const _ of range(1, 3)) {
    const error = await Peer.refused(t, server, { auth: { token: server.tokenFor(bob, -120) } });
    assert.match(error.message, /^token_expired: /);
  }
  const old = { verdict: "missed", cause: "handshake_rejected", failing: "connected", says: [/was refused \(.*3 times.*token|was refused \(.*token.*3 times/, /expired/], remedy: /sign|token/i };
  await finds(server, message, bob, old);
  check(await explainNow(server, group, bob), old);
  const fresh = await honest(t, server, bob, { auth: { resume: { [group.id]: 0 } } });
  assert.deepEqual(seqs(await fresh.receives(group, 1)), [1]);
  await finds(server, message, bob, { verdict: "delivered" });
  assert.equal((await explainNow(server, group, bob)).verdict, "sent", "a good connection ends it");
});

piece(["handshake_rejected", "disconnected_during"], "(o) a token that ends under the connection closes it; the client is told, and may come back", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const short = server.tokenFor(bob, 2);
  const b = await deaf(t, server, { ...bob, token: short });
  await b.hears("token_expiring");
  const first = await server.post(alice, group, "just before");
  await b.disconnected();
  await finds(server, first.message, bob, { verdict: "missed", cause: "disconnected_during", failing: "confirmed", says: [/its token ended/], remedy: /refresh_token/ });
  // The page tries again with what it has.
  await Peer.refused(t, server, { auth: { token: short } });
  const second = await server.post(alice, group, "just after");
  await finds(server, second.message, bob, { verdict: "missed", cause: "handshake_rejected", failing: "connected", says: [/expired/] });
  const fresh = await honest(t, server, bob, { auth: { resume: { [group.id]: 0 } } });
  assert.deepEqual(seqs(await fresh.receives(group, 2)), [1, 2]);
  for (const { message } of [first, second]) await finds(server, message, bob, { verdict: "delivered" });
});

piece(["reconnect_loop"], "(k) a client that connects again and again and never stays", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  // An exception in a listener that tears the connection down, each time that something comes.
  const tried = [];
  for (const _ of range(1, 5)) {
    const b = await deaf(t, server, bob);
    tried.push(await server.post(alice, group, "breaks the page"));
    await b.receives(group, 1);
    b.close();
    await until("it is gone", async () => (await explainNow(server, group, bob)).verdict !== "sent");
  }
  const between = await server.post(alice, group, "in between");
  const loop = { verdict: "missed", cause: "reconnect_loop", failing: "connected", says: [/connected 5 times between .* and no connection lasted 10 s/, /closed by the client/], remedy: /exception in a listener/ };
  for (const { message } of [tried.at(-1), between]) await finds(server, message, bob, loop);
  check(await explainNow(server, group, bob), loop);
  // Once it stays it has everything.
  const steady = await honest(t, server, bob, { auth: { resume: { [group.id]: 0 } } });
  assert.deepEqual(seqs(await steady.receives(group, 6)), range(1, 6));
  for (const { message } of [...tried, between]) await finds(server, message, bob, { verdict: "delivered" });
});
