// Behind nginx and Caddy with the configuration of deploy/: the official client over TLS, by polling, upgrade and WebSocket.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it, until } from "./harness.mjs";
import { Peer, kinds, seqs } from "./peer.mjs";
import { proxies, startProxy } from "./proxies.mjs";

const ORIGIN = "https://chat.example";
let server;
const through = {};

before(async () => {
  server = await Server.start({ env: { ALLOWED_ORIGINS: ORIGIN, ROLLCALL_TRUSTED_PROXIES: "127.0.0.1", ROLLCALL_RATE_CONNECTS: "50/s" } });
  for (const name of proxies) through[name] = await startProxy(name, server);
});
after(async () => {
  for (const proxy of Object.values(through)) await proxy.close();
  await server?.close();
});

/** As a browser at the proxy's address would connect. */
function options(proxy, kind, headers = {}) {
  return { kind, ca: proxy.ca, extraHeaders: { origin: ORIGIN, ...headers } };
}

for (const name of proxies) {
  for (const kind of kinds) {
    it(`${name}: a conversation (${kind.label})`, async (t) => {
      const proxy = through[name];
      const [alice, bob] = await server.users("alice", "bob");
      const group = await server.group(alice, bob);
      const peer = await Peer.connect(t, proxy, alice, options(proxy, kind));
      const other = await Peer.connect(t, server, bob);
      for (let n = 1; n <= 20; n++) await (n % 2 ? peer : other).send(group, `message ${n}`);
      const wanted = Array.from({ length: 20 }, (_, at) => at + 1);
      assert.deepEqual(seqs(await peer.receives(group, 20)), wanted);
      assert.deepEqual(seqs(await other.receives(group, 20)), wanted);
      const transport = kind.transport === "polling" ? "polling" : "websocket";
      await until("the transport that was meant", async () => (await peer.must("whoami", {})).transport === transport);
    });
  }

  it(`${name}: a packet as large as the server takes`, async (t) => {
    const proxy = through[name];
    const alice = await server.user("alice");
    const group = await server.group(alice);
    for (const transport of ["polling", "websocket"]) {
      const peer = await Peer.connect(t, proxy, alice, options(proxy, { version: "4.8", transport }));
      await peer.refusedCall("too_large", "send_message", { conversation_id: group.id, content: "x".repeat(1_000_000) });
    }
  });

  it(`${name}: another origin is refused, and who it was is known`, async (t) => {
    const proxy = through[name];
    const alice = await server.user("alice");
    await Peer.refused(t, proxy, { kind: { version: "4.8", transport: "polling" }, ca: proxy.ca, auth: { token: alice.token }, extraHeaders: { origin: "https://elsewhere.example" } });
    const { items } = await server.ask("GET", "/admin/api/rejected", { token: await server.adminToken() });
    assert.equal(items[0].reason, "origin");
    assert.equal(items[0].origin, "https://elsewhere.example");
  });

  it(`${name}: metrics are not for everybody, the rest is`, async () => {
    const proxy = through[name];
    assert.equal((await proxy.ask("GET", "/metrics")).status, 404);
    assert.equal((await proxy.ask("GET", "/health/ready")).status, 200);
    assert.equal((await proxy.ask("GET", "/admin/login")).status, 200);
  });
}

it("nginx: the server sees the clients' addresses and not the proxy's", async (t) => {
  const proxy = through.nginx;
  const alice = await server.user("alice");
  // As a proxy before this one would say it.
  const peer = await Peer.connect(t, proxy, alice, options(proxy, { version: "4.8", transport: "websocket" }, { "x-forwarded-for": "203.0.113.9" }));
  const socket = await server.ask("GET", `/admin/api/sockets/${peer.session.sid}`, { token: await server.adminToken() });
  assert.equal(socket.address, "203.0.113.9");
});
