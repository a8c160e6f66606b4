// Requests that mean Socket.IO but miss are told what is wrong and what is right; every answer bears CORS headers.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before } from "node:test";
import { Server, it, until, within } from "./harness.mjs";
import { Peer, itWithEveryClient, kinds, open } from "./peer.mjs";

let server, alice;
before(async () => {
  server = await Server.start();
  alice = await server.user("alice");
});
after(() => server?.close());

const GOOD = "https://chat.example.org";
const BAD = "https://evil.example.net";

/** The rejections that the admin API has kept and that match. */
async function rejected(matches) {
  const { items } = await server.ask("GET", "/admin/api/rejected", { token: await server.adminToken() });
  return items.filter(matches);
}

/** A WebSocket upgrade by hand, with any headers; resolves with the status of the answer. */
function upgrade(path, headers = {}) {
  const answer = new Promise((resume, reject) => {
    const asked = request(server.url + path, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        ...headers,
      },
    });
    asked.on("upgrade", (response, socket) => (socket.destroy(), resume({ status: 101, headers: response.headers })));
    asked.on("response", (response) => {
      let body = "";
      response.on("data", (part) => (body += part));
      response.on("end", () => resume({ status: response.statusCode, headers: response.headers, body }));
    });
    asked.on("error", reject);
    asked.end();
  });
  return within(`an answer to the upgrade of ${path}`, answer);
}

itWithEveryClient("an unknown namespace is refused with the known ones", async (t, kind) => {
  for (const namespace of ["/chat", "/Admin", "/a/b?x=1"]) {
    const error = await Peer.refused(t, server, { kind, namespace, auth: { token: alice.token } });
    assert.match(error.message, /^not_found: /, namespace);
  }
  const [kept] = await rejected((item) => item.reason === "namespace");
  assert.ok(kept.detail.length > 0 && kept.remedy.length > 0, JSON.stringify(kept));
  assert.equal(kept.user_id, alice.id, "the token told whose attempt it was");
});

it("a bad token is kept among the rejected", async (t) => {
  await Peer.refused(t, server, { auth: { token: "rubbish" } });
  const [kept] = await until("the rejection is kept", async () => {
    const found = await rejected((item) => item.reason === "token");
    return found.length > 0 && found;
  });
  assert.match(kept.at, /Z$/);
  assert.equal(kept.address.includes("127.0.0.1"), true, kept.address);
  assert.ok(kept.remedy.length > 0);
});

it("EIO=3 is told that it is too old", async () => {
  for (const transport of ["polling", "websocket"]) {
    const where = `/socket.io/?EIO=3&transport=${transport}`;
    const answer = transport === "polling" ? await server.rest("GET", where) : await upgrade(where);
    assert.equal(answer.status, 400, transport);
    assert.match(JSON.stringify(answer.body), /EIO=4|Engine\.IO 4/i, transport);
  }
  const kept = await rejected((item) => item.reason === "protocol");
  assert.ok(kept.length >= 2 && kept[0].remedy.length > 0, JSON.stringify(kept));
});

it("EIO= on another path is told the right one", async () => {
  for (const path of ["/ws/", "/socketio/", "/api/socket.io/", "/", "/chat"]) {
    const where = `${path}?EIO=4&transport=polling`;
    const answer = await server.rest("GET", where);
    assert.equal(answer.status, 404, where);
    assert.ok(JSON.stringify(answer.body).includes("/socket.io/"), `${where}: ${JSON.stringify(answer.body)}`);
    assert.equal((await upgrade(`${path}?EIO=4&transport=websocket`)).status, 404, where);
  }
  const kept = await rejected((item) => item.reason === "path");
  assert.deepEqual(new Set(kept.map((item) => item.path.split("?")[0])), new Set(["/ws/", "/socketio/", "/api/socket.io/", "/", "/chat"]));
  assert.ok(kept.every((item) => item.remedy.includes("/socket.io/")));
});

for (const kind of kinds) {
  it(`a client with a wrong path is not left without a word (${kind.label})`, async (t) => {
    const peer = new Peer(t, open(server, { kind, path: "/wrong/", auth: { token: alice.token } }));
    await peer.refusal();
  });
}

it("a refused origin is refused over both transports, an allowed one is not", async () => {
  const polling = (origin) => server.rest("GET", "/socket.io/?EIO=4&transport=polling", { headers: origin ? { origin } : {} });
  const socket = (origin) => upgrade("/socket.io/?EIO=4&transport=websocket", origin ? { origin } : {});
  for (const ask of [polling, socket]) {
    assert.ok([200, 101].includes((await ask(GOOD)).status), `${ask.name} ${GOOD}`);
    assert.ok([200, 101].includes((await ask(server.url)).status), `${ask.name} own`);
    assert.ok([200, 101].includes((await ask(undefined)).status), `${ask.name} without an origin: no browser`);
    for (const origin of [BAD, "null", "https://chat.example.org.evil.net", "http://chat.example.org", "https://chat.example.org:8443"]) {
      const answer = await ask(origin);
      assert.equal(answer.status, 403, `${ask.name} ${origin}`);
      assert.ok(String(JSON.stringify(answer.body)).includes("ALLOWED_ORIGINS"), `${ask.name} ${origin} names the setting: ${JSON.stringify(answer.body)}`);
    }
  }
  const kept = await rejected((item) => item.reason === "origin" && item.origin === BAD);
  assert.equal(kept.length, 2);
  assert.match(kept[0].remedy, /ALLOWED_ORIGINS/);
});

itWithEveryClient("an official client with a refused origin gets a connect_error", async (t, kind) => {
  const peer = new Peer(t, open(server, { kind, extraHeaders: { origin: BAD }, auth: { token: alice.token } }));
  await peer.refusal();
});

it("polling answers bear CORS headers for an allowed origin", async () => {
  const answer = await server.rest("GET", "/socket.io/?EIO=4&transport=polling", { headers: { origin: GOOD } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("access-control-allow-origin"), GOOD);
  assert.match(answer.headers.get("vary") ?? "", /origin/i);
  const preflight = await server.rest("OPTIONS", "/socket.io/?EIO=4&transport=polling", {
    headers: { origin: GOOD, "access-control-request-method": "POST", "access-control-request-headers": "content-type,authorization" },
  });
  assert.ok([200, 204].includes(preflight.status), String(preflight.status));
  assert.equal(preflight.headers.get("access-control-allow-origin"), GOOD);
  assert.match(preflight.headers.get("access-control-allow-methods"), /POST/);
});

it("every REST answer, errors included, bears CORS headers and a request id", async () => {
  const headers = { origin: GOOD };
  for (const [method, where, status] of [
    ["GET", "/api/v1/auth/me", 401],
    ["GET", "/api/v1/nothing/here", 404],
    ["POST", "/api/v1/auth/login", 400],
    ["PUT", "/api/v1/messages", 405],
    ["GET", "/health", 200],
    ["GET", "/health/websocket", 200],
  ]) {
    const body = method === "POST" ? "{" : undefined;
    const answer = await server.rest(method, where, { headers, body });
    assert.equal(answer.status, status, `${method} ${where}`);
    assert.equal(answer.headers.get("access-control-allow-origin"), GOOD, `${method} ${where}`);
    assert.ok(answer.headers.get("x-request-id"), `${method} ${where}`);
    if (status >= 400) {
      assert.match(answer.headers.get("content-type"), /^application\/problem\+json/, `${method} ${where}`);
      assert.ok(answer.body.code, `${method} ${where}`);
    }
  }
  const preflight = await server.rest("OPTIONS", "/api/v1/messages", {
    headers: { ...headers, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type" },
  });
  assert.ok([200, 204].includes(preflight.status));
  assert.equal(preflight.headers.get("access-control-allow-origin"), GOOD);
  assert.match(preflight.headers.get("access-control-allow-headers"), /authorization|\*/i);
  const foreign = await server.rest("GET", "/api/v1/auth/me", { headers: { origin: BAD } });
  assert.equal(foreign.headers.get("access-control-allow-origin"), null, "another origin gets no leave to read");
});

it("health tells the process, the parts, and where Socket.IO is", async () => {
  assert.equal((await server.rest("GET", "/health")).status, 200);
  assert.equal((await server.rest("GET", "/health/ready")).status, 200);
  const { body } = await server.rest("GET", "/health/websocket");
  assert.equal(body.status, "configured");
  assert.equal(body.websocket_endpoint, "/socket.io/");
  assert.equal(body.config.path, "/socket.io");
  assert.deepEqual([...body.config.cors_origins].sort(), [GOOD, server.url].sort());
  assert.deepEqual([...body.config.transports].sort(), ["polling", "websocket"]);
});
