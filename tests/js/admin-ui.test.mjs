// Namespace /admin with the official client: what the official Admin UI says and hears.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before } from "node:test";
import { PATIENCE, Server, binary, freePort, it, until, within } from "./harness.mjs";
import { Peer, kinds, open, usual } from "./peer.mjs";
import { PlainPeer } from "./plain.mjs";

const credentials = { username: "admin", password: "admin-password" };
const servers = {};
before(async () => {
  const modes = { development: "development", production: undefined, readonly: "development,readonly", off: "off" };
  const started = Object.entries(modes).map(async ([name, mode]) => {
    servers[name] = await Server.start({ env: mode ? { ROLLCALL_ADMIN_UI: mode } : {} });
  });
  await Promise.all(started);
});
after(() => Promise.all(Object.values(servers).map((server) => server.close())));

/** An Admin UI, as far as the wire is concerned. `log` holds `{ event, args }` of everything that came, in order. */
class Ui {
  constructor(t, server, { kind = usual, auth = credentials, namespace = "/admin", ...options } = {}) {
    this.server = server;
    this.log = [];
    this.socket = open(server, { kind, namespace, auth, withCredentials: true, ...options });
    // As the official UI does it: it listens only once it is connected.
    this.socket.once("connect", () => this.socket.onAny((event, ...args) => this.log.push({ event, args })));
    this.socket.on("disconnect", (reason) => (this.gone = reason));
    t.after(() => this.socket.disconnect());
  }

  static async connect(t, server, options) {
    const ui = new Ui(t, server, options);
    const connected = new Promise((resume, reject) => {
      ui.socket.once("connect", resume);
      ui.socket.once("connect_error", (error) => reject(new Error(`connect_error: ${error.message}`)));
    });
    ui.socket.connect();
    await within("the Admin UI is connected", connected);
    await ui.hears("config");
    return ui;
  }

  static refused(t, server, options) {
    const ui = new Ui(t, server, options);
    const refused = new Promise((resume, reject) => {
      ui.socket.once("connect_error", (error) => resume(error.message));
      ui.socket.once("connect", () => reject(new Error("was let in")));
    });
    ui.socket.connect();
    return within("a connect_error", refused);
  }

  heard(event, matches = () => true) {
    return this.log.filter((entry) => entry.event === event && matches(...entry.args)).map((entry) => entry.args);
  }

  async hears(event, matches = () => true, ms = PATIENCE) {
    const what = () => `${event}; heard: ${JSON.stringify(this.log.slice(-8)).slice(0, 2_000)}`;
    return until(what, () => this.heard(event, matches)[0], ms);
  }

  call(event, ...args) {
    return within(`the answer to ${event}`, new Promise((resume) => this.socket.emit(event, ...args, resume)));
  }

  /** What the official UI would show, put together by its own rules. */
  picture() {
    const sockets = new Map();
    const rooms = new Map();
    const member = (room, id) => rooms.set(room, [...(rooms.get(room) ?? []), id]);
    const add = (socket) => {
      sockets.set(socket.nsp + socket.id, structuredClone(socket));
      for (const room of socket.rooms) if (!rooms.get(socket.nsp + room)?.includes(socket.id)) member(socket.nsp + room, socket.id);
    };
    for (const { event, args } of this.log) {
      if (event === "all_sockets") {
        sockets.clear();
        rooms.clear();
        args[0].forEach(add);
      } else if (event === "socket_connected") add(args[0]);
      else if (event === "socket_updated") Object.assign(sockets.get(args[0].nsp + args[0].id) ?? {}, args[0]);
      else if (event === "socket_disconnected") sockets.delete(args[0] + args[1]);
      // Not looked whether it is there already: neither does the UI.
      else if (event === "room_joined" && sockets.has(args[0] + args[2])) {
        member(args[0] + args[1], args[2]);
        const { rooms } = sockets.get(args[0] + args[2]);
        if (!rooms.includes(args[1])) rooms.push(args[1]);
      } else if (event === "room_left") {
        const left = (rooms.get(args[0] + args[1]) ?? []).filter((id) => id !== args[2]);
        if (left.length) rooms.set(args[0] + args[1], left);
        else rooms.delete(args[0] + args[1]);
        const socket = sockets.get(args[0] + args[2]);
        if (socket) socket.rooms = socket.rooms.filter((room) => room !== args[1]);
      }
    }
    return { sockets, rooms };
  }
}

for (const kind of kinds) {
  it(`an admin signs in, is told of everything, and need not sign in again (${kind.label})`, async (t) => {
    const server = servers.development;
    const alice = await server.user("alice");
    const peer = await Peer.connect(t, server, alice, { kind });
    const ui = await Ui.connect(t, server, { kind });
    const [session] = await ui.hears("session");
    assert.match(session, /^[0-9a-f]{16,}$/);
    const [{ supportedFeatures }] = await ui.hears("config");
    assert.deepEqual(
      [...supportedFeatures].sort(),
      ["AGGREGATED_EVENTS", "ALL_EVENTS", "DISCONNECT", "JOIN", "LEAVE", "MDISCONNECT", "MJOIN", "MLEAVE"],
    );
    const [all] = await ui.hears("all_sockets");
    const shown = all.find((socket) => socket.id === peer.session.sid);
    assert.deepEqual([shown.nsp, shown.data.username, shown.rooms.sort()], ["/", alice.username, [peer.session.sid, `user:${alice.id}`].sort()]);
    const own = all.find((socket) => socket.id === ui.socket.id);
    assert.deepEqual([own.nsp, own.rooms], ["/admin", [ui.socket.id]]);
    assert.equal(all.at(-1).nsp, "/admin", "chat comes first: the UI opens with the first namespace");
    for (const socket of all) {
      const { id, clientId, transport, handshake } = socket;
      assert.equal(clientId, id.slice(0, 12));
      assert.ok(["polling", "websocket"].includes(transport));
      assert.equal(typeof handshake.address, "string");
      assert.ok(Math.abs(Date.now() - handshake.issued) < 600_000 && handshake.headers && handshake.query && handshake.url);
      assert.equal(handshake.headers.cookie, undefined);
    }
    const again = await Ui.connect(t, server, { kind, auth: { sessionId: session } });
    await again.hears("all_sockets");
    assert.deepEqual(again.heard("session"), [], "nobody is given a second session for the first");
  });
}

it("whoever is refused hears exactly `invalid credentials`", async (t) => {
  const server = servers.production;
  const user = await server.user("user");
  for (const auth of [
    null,
    {},
    { username: "admin", password: "wrong-password" },
    { username: "nobody", password: "admin-password" },
    { username: "admin" },
    { password: "admin-password" },
    { username: 7, password: ["admin-password"] },
    { username: user.username, password: "correct horse" },
    { sessionId: null },
    { sessionId: "0123456789abcdef" },
    { sessionId: { $ne: null } },
    { token: await server.adminToken() },
  ]) {
    assert.equal(await Ui.refused(t, server, { auth }), "invalid credentials", JSON.stringify(auth));
  }
  assert.equal(await Ui.refused(t, servers.off, {}).then((message) => message.startsWith("not_found:")), true);
});

it("one that is pointed at the chat is told where it belongs, and so is whoever looks", async (t) => {
  const server = servers.production;
  for (const auth of [credentials, { sessionId: null }]) {
    const message = await Ui.refused(t, server, { namespace: "/", auth });
    assert.match(message, /^unauthorized: .*the namespace is \/admin/, JSON.stringify(auth));
  }
  const { items } = await server.ask("GET", "/admin/api/rejected", { token: await server.adminToken() });
  const [newest] = items;
  assert.deepEqual([newest.reason, newest.detail.includes("Admin UI")], ["namespace", true], JSON.stringify(newest));
  assert.ok(newest.remedy.includes("/admin"));
});

it("an observer looks at everything and changes nothing", async (t) => {
  const server = servers.development;
  const auth = { username: "watcher", password: "the watcher's password" };
  const args = ["user", "add", auth.username, "--role", "observer", "--password-stdin"];
  execFileSync(binary(), args, { env: { ...process.env, ROLLCALL_DATA_DIR: server.dataDir }, input: auth.password });
  const user = await server.user("user");
  const peer = await Peer.connect(t, server, user);
  const ui = await Ui.connect(t, server, { auth });
  const [{ supportedFeatures }] = await ui.hears("config");
  assert.deepEqual([...supportedFeatures].sort(), ["AGGREGATED_EVENTS", "ALL_EVENTS"]);
  await ui.hears("all_sockets", (all) => all.some((socket) => socket.id === peer.session.sid));
  for (const command of [["_disconnect", "/", true, peer.session.sid], ["join", "/", "lobby", peer.session.sid], ["leave", "/", peer.session.sid, peer.session.sid]]) {
    const answer = await ui.call(...command);
    assert.deepEqual([answer.ok, answer.error?.code], [false, "forbidden"], JSON.stringify(command));
  }
  assert.deepEqual((await peer.must("whoami", {})).rooms.sort(), [peer.session.sid, `user:${user.id}`].sort());
  const { token } = await server.login(auth.username, auth.password);
  const traffic = await fetch(`${server.url}/admin/api/traffic?sid=${peer.session.sid}`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(traffic.status, 200);
  await peer.must("whoami", {});
  const reader = traffic.body.pipeThrough(new TextDecoderStream()).getReader();
  t.after(() => reader.cancel());
  let seen = "";
  await until("the observer sees the event", async () => (seen += (await reader.read()).value ?? "").includes("whoami"));
  for (const [what, body] of [[`sockets/${peer.session.sid}/disconnect`, {}], ["probe", { room: peer.session.sid }]]) {
    assert.equal((await server.rest("POST", `/admin/api/${what}`, { token, body })).status, 403, what);
  }
});

it("it comes back by itself after the server was started anew, and shows what is by then", async (t) => {
  const server = await Server.start({ env: { ROLLCALL_ADMIN_UI: "development" } });
  t.after(() => server.close());
  const user = await server.user("user");
  await Peer.connect(t, server, user);
  // As the official UI does it once it was connected: it gives what was typed, again and again.
  const ui = await Ui.connect(t, server, { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
  const [session] = await ui.hears("session");
  await ui.hears("all_sockets");
  await server.kill9();
  await until("it noticed", () => ui.gone);
  ui.log.length = 0;
  await server.restart();
  const peer = await Peer.connect(t, server, user);
  await ui.hears("all_sockets");
  const [again] = await ui.hears("session");
  assert.notEqual(again, session);
  await until("it shows who is there", () => {
    const sids = [...ui.picture().sockets.values()].map((socket) => socket.id).sort();
    return JSON.stringify(sids) === JSON.stringify([peer.session.sid, ui.socket.id].sort());
  });
  await ui.hears("server_stats", (stats) => stats.namespaces[0].socketsCount === 1);
  // A page that was loaded anew has only the session, which ended with the process: it asks for the password.
  assert.equal(await Ui.refused(t, server, { auth: { sessionId: session } }), "invalid credentials");
});

it("attempts to sign in are limited, sessions are not", async (t) => {
  const server = await Server.start({ env: { ROLLCALL_RATE_LOGINS: "3/h" } });
  t.after(() => server.close());
  const ui = await Ui.connect(t, server);
  const [sessionId] = await ui.hears("session");
  for (let n = 0; n < 2; n++) assert.equal(await Ui.refused(t, server, { auth: { ...credentials, password: "wrong" } }), "invalid credentials");
  assert.equal(await Ui.refused(t, server), "invalid credentials", "right, but too often");
  await Ui.connect(t, server, { auth: { sessionId } });
  const metrics = (await server.rest("GET", "/metrics")).body;
  assert.match(metrics, /rollcall_rate_limited_total\{limit="logins"\} [1-9]/);
});

it("in production it is told figures and nothing else, and may act", async (t) => {
  const server = servers.production;
  const alice = await server.user("alice");
  const ui = await Ui.connect(t, server);
  const peer = await Peer.connect(t, server, alice);
  const [{ supportedFeatures }] = await ui.hears("config");
  assert.ok(supportedFeatures.includes("AGGREGATED_EVENTS") && !supportedFeatures.includes("ALL_EVENTS"));
  const [stats] = await ui.hears("server_stats", (stats) => stats.namespaces[0].socketsCount >= 1 && stats.aggregatedEvents.length > 0);
  assert.deepEqual(stats.namespaces.map(({ name }) => name), ["/", "/admin"]);
  assert.ok(stats.clientsCount >= 2 && stats.pollingClientsCount === 0 && stats.uptime > 0 && stats.pid > 0);
  assert.ok(stats.serverId.startsWith(stats.hostname));
  const types = new Set();
  await until("bytes and connections", () => {
    for (const [{ aggregatedEvents }] of ui.heard("server_stats")) {
      for (const { timestamp, type, count } of aggregatedEvents) {
        assert.ok(timestamp % 1_000 === 0 && count > 0);
        types.add(type);
      }
    }
    return ["rawConnection", "bytesIn", "bytesOut"].every((type) => types.has(type));
  });
  assert.deepEqual(await ui.call("_disconnect", "/", false, peer.session.sid), { ok: true, sockets: 1 });
  assert.equal(await peer.disconnected(), "io server disconnect");
  await ui.hears("server_stats", ({ aggregatedEvents }) =>
    aggregatedEvents.some(({ type, subType }) => type === "rawDisconnection" && subType === "server namespace disconnect"));
  assert.deepEqual([...new Set(ui.log.map(({ event }) => event))].sort(), ["config", "server_stats", "session"]);
});

it("every change is told once, and the picture is right in the end", async (t) => {
  const server = servers.development;
  const [alice, bob] = await server.users("alice", "bob");
  const ui = await Ui.connect(t, server);
  await ui.hears("all_sockets");
  const group = await server.group(alice, bob);
  const room = `conversation:${group.id}`;
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob, { kind: kinds.find(({ transport }) => transport === "upgrade") })];
  const late = await Ui.connect(t, server);
  await a.must("leave_conversation", { conversation_id: group.id });
  await a.must("join_conversation", { conversation_id: group.id });
  b.socket.disconnect();
  for (const one of [ui, late]) {
    await one.hears("socket_disconnected", (nsp, sid) => sid === b.session.sid);
    await until("nobody is left as a ghost, nobody is there twice", () => {
      const { sockets, rooms } = one.picture();
      return (
        sockets.has(`/${a.session.sid}`) && !sockets.has(`/${b.session.sid}`) &&
        JSON.stringify(rooms.get(`/${room}`)) === JSON.stringify([a.session.sid]) &&
        ![...rooms.values()].flat().includes(b.session.sid) &&
        JSON.stringify(rooms.get(`/${a.session.sid}`)) === JSON.stringify([a.session.sid])
      );
    });
  }
  const [nsp, sid, reason, at] = ui.heard("socket_disconnected", (_, sid) => sid === b.session.sid)[0];
  assert.deepEqual([nsp, sid, reason], ["/", b.session.sid, "client namespace disconnect"]);
  assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const [gone, left] = ["socket_disconnected", "room_left"].map((event) => ui.log.findIndex((entry) => entry.event === event && entry.args.includes(b.session.sid)));
  assert.ok(gone < left, "first that it went, then its rooms");
  assert.ok(ui.heard("room_left", (_, name, sid) => sid === a.session.sid && name === room).length >= 1, "what happened in between is told too");
});

it("a plain WebSocket is shown like any other, and can be sent away", async (t) => {
  const server = servers.development;
  const alice = await server.user("alice");
  const ui = await Ui.connect(t, server);
  const peer = await PlainPeer.connect(t, server, alice);
  const [shown] = await ui.hears("socket_connected", ({ id }) => id === peer.session.sid);
  assert.deepEqual([shown.nsp, shown.transport, shown.data.plain_websocket], ["/", "websocket", true]);
  assert.ok(shown.handshake.headers && shown.handshake.query && shown.handshake.issued > 0);
  assert.deepEqual(await ui.call("_disconnect", "/", false, peer.session.sid), { ok: true, sockets: 1 });
  await peer.disconnected();
  await ui.hears("socket_disconnected", (nsp, sid) => sid === peer.session.sid);
});

it("an upgrade of the transport is told", async (t) => {
  const server = servers.development;
  const alice = await server.user("alice");
  const ui = await Ui.connect(t, server);
  await ui.hears("all_sockets");
  const peer = await Peer.connect(t, server, alice, { kind: { version: "4.8", transport: "upgrade" } });
  await until("the UI shows it as websocket", () => ui.picture().sockets.get(`/${peer.session.sid}`)?.transport === "websocket");
});

it("what goes by is told with its arguments, shortened and without secrets, its own namespace left out", async (t) => {
  const server = servers.development;
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const ui = await Ui.connect(t, server);
  const peer = await Peer.connect(t, server, alice);
  const fresh = server.tokenFor(alice, 7_200);
  await peer.must("refresh_token", { token: fresh });
  await peer.send(group, `hello ${"x".repeat(5_000)}`);
  const [nsp, sid, args, at] = await ui.hears("event_received", (_, sid, [name]) => sid === peer.session.sid && name === "send_message");
  assert.deepEqual([nsp, sid, args[1].conversation_id], ["/", peer.session.sid, group.id]);
  assert.ok(args[1].content.startsWith("hello") && args[1].content.length < 300);
  assert.ok(Date.parse(at) > 0);
  await ui.hears("event_sent", (_, sid, [name]) => sid === peer.session.sid && name === "new_message");
  const [, , [, shown]] = await ui.hears("event_received", (_, sid, [name]) => sid === peer.session.sid && name === "refresh_token");
  assert.equal(shown.token, "[redacted]");
  await ui.call("join", "/admin", "a room", ui.socket.id);
  const said = JSON.stringify(ui.log);
  assert.ok(!said.includes(fresh.slice(-20)) && !said.includes("admin-password"));
  assert.ok(ui.heard("event_received").concat(ui.heard("event_sent")).every(([nsp]) => nsp === "/"));
});

it("a flood of events is bounded, and it is said how many are not shown", async (t) => {
  const server = servers.development;
  const alice = await server.user("alice");
  const group = await server.group(alice);
  const ui = await Ui.connect(t, server);
  const peer = await Peer.connect(t, server, alice);
  for (let n = 0; n < 1_000; n++) peer.socket.emit("typing", { conversation_id: group.id, typing: n % 2 === 0 });
  await peer.settled();
  const [, , [words]] = await ui.hears("event_sent", (_, sid, [words]) => sid === "rollcall" && /not shown/.test(words));
  assert.match(words, /^\d+ events are not shown/);
  assert.ok(ui.heard("event_received").length < 600, `${ui.heard("event_received").length} were shown`);
});

it("commands act on a socket by its SID, on a room, and are written down", async (t) => {
  const server = servers.development;
  const [alice, bob] = await server.users("alice", "bob");
  const ui = await Ui.connect(t, server);
  const [a, b] = [await Peer.connect(t, server, alice), await Peer.connect(t, server, bob)];
  const room = `test-room-${a.session.sid}`;
  assert.deepEqual(await ui.call("join", "/", room, a.session.sid), { ok: true, sockets: 1 });
  await ui.hears("room_joined", (nsp, name, sid) => nsp === "/" && name === room && sid === a.session.sid);
  assert.ok((await a.must("whoami")).rooms.includes(room));
  assert.deepEqual(await ui.call("join", "/", room, [a.session.sid, `user:${bob.id}`]), { ok: true, sockets: 2 });
  assert.ok((await b.must("whoami")).rooms.includes(room));
  assert.deepEqual(await ui.call("leave", "/", room, a.session.sid), { ok: true, sockets: 1 });
  assert.ok(!(await a.must("whoami")).rooms.includes(room));
  // Without an acknowledgement, as the official UI sends it.
  ui.socket.emit("leave", "/", room, b.session.sid);
  await ui.hears("room_left", (nsp, name, sid) => name === room && sid === b.session.sid);
  await ui.call("join", "/", room, b.session.sid);
  ui.socket.emit("_disconnect", "/", false, room);
  assert.equal(await b.disconnected(), "io server disconnect");
  assert.equal(a.gone, undefined);
  ui.socket.emit("_disconnect", "/", true, a.session.sid);
  assert.equal(await a.disconnected(), "io server disconnect");
  const { items } = await server.ask("GET", "/admin/api/audit?page_size=200", { token: await server.adminToken() });
  const written = items.filter((item) => item.actor === "admin" && (item.target.includes(a.session.sid) || item.detail.includes(a.session.sid)));
  assert.ok(["join", "leave", "disconnect"].every((action) => written.some((item) => item.action === action)), JSON.stringify(written));
});

it("the same connection in both namespaces is closed in both", async (t) => {
  const server = servers.development;
  const alice = await server.user("alice");
  const ui = await Ui.connect(t, server);
  const peer = await Peer.connect(t, server, alice);
  const second = peer.socket.io.socket("/admin", { auth: credentials });
  t.after(() => second.disconnect());
  second.connect();
  await within("connected twice", new Promise((resume) => second.once("connect", resume)));
  await ui.hears("socket_connected", (socket) => socket.nsp === "/admin" && socket.id === second.id);
  assert.equal((await ui.call("_disconnect", "/", true, peer.session.sid)).ok, true);
  await peer.disconnected();
  await until("the other namespace too", () => second.disconnected);
});

it("a command that is wrong, unknown or not allowed does nothing, and is answered", async (t) => {
  const server = servers.development;
  const alice = await server.user("alice");
  const [peer, ui] = [await Peer.connect(t, server, alice), await Ui.connect(t, server)];
  for (const [code, ...command] of [
    ["bad_request", "emit", "/", null, "new_message", { content: "forged" }],
    ["bad_request", "join", "/", "", peer.session.sid],
    ["bad_request", "join", "/", "room", []],
    ["bad_request", "nonsense"],
    ["not_found", "join", "/chat", "room", peer.session.sid],
  ]) {
    const answer = await ui.call(...command);
    assert.deepEqual([answer.ok, answer.error?.code], [false, code], JSON.stringify([command, answer]));
  }
  const locked = await Ui.connect(t, servers.readonly);
  const [{ supportedFeatures }] = await locked.hears("config");
  assert.deepEqual([...supportedFeatures].sort(), ["AGGREGATED_EVENTS", "ALL_EVENTS"]);
  const there = await Peer.connect(t, servers.readonly, await servers.readonly.user("carol"));
  for (const command of [["_disconnect", "/", true, there.session.sid], ["join", "/", "room", there.session.sid], ["leave", "/", `user:${there.user.id}`]]) {
    assert.equal((await locked.call(...command)).error.code, "forbidden");
  }
  locked.socket.emit("join", "/", "room", there.session.sid);
  await locked.hears("error", ({ ok, event }) => ok === false && event === "join");
  assert.deepEqual((await there.must("whoami")).rooms.sort(), [there.session.sid, `user:${there.user.id}`].sort());
  await peer.settled();
});

it("its sockets are listed under /admin and count in no figure of chat", async (t) => {
  const server = await Server.start({ env: { ROLLCALL_ADMIN_UI: "development" } });
  t.after(() => server.close());
  const [alice, token] = [await server.user("alice"), await server.adminToken()];
  const ui = await Ui.connect(t, server, { namespace: "//admin" });
  await Peer.connect(t, server, alice);
  await ui.hears("all_sockets");
  const ask = (where) => server.ask("GET", `/admin/api/${where}`, { token });
  const namespaces = (await ask("namespaces")).items;
  assert.deepEqual(namespaces.map(({ name, sockets }) => [name, sockets]).sort(), [["/", 1], ["/admin", 1]]);
  assert.deepEqual((await ask("rooms?namespace=/admin")).items.map(({ name, kind }) => [name, kind]), [[ui.socket.id, "socket"]]);
  const socket = await ask(`sockets/${ui.socket.id}`);
  assert.deepEqual([socket.namespace, socket.username], ["/admin", "admin"]);
  assert.deepEqual((await ask(`rooms/%2Fadmin/${ui.socket.id}`)).members.map(({ sid }) => sid), [ui.socket.id]);
  const metrics = (await server.rest("GET", "/metrics")).body;
  assert.match(metrics, /rollcall_connections\{namespace="\/admin",transport="websocket"\} 1/);
  assert.match(metrics, /rollcall_connections\{namespace="\/",transport="websocket"\} 1/);
  assert.match(metrics, /rollcall_users_online 1/);
  assert.match(metrics, /rollcall_connections_opened_total\{transport="websocket"\} 1/);
  await server.ask("POST", `/admin/api/sockets/${ui.socket.id}/disconnect`, { token, body: {} });
  await until("the UI is told to go", () => ui.gone);
  // It is told before the server is through with it.
  await until("nothing is left of it", async () => (await ask("sockets")).items.every(({ namespace }) => namespace !== "/admin"));
});

it("with a listener of its own the namespace is there and nowhere else, and chat is not there", async (t) => {
  const port = await freePort();
  const server = await Server.start({ env: { ROLLCALL_ADMIN_BIND: `127.0.0.1:${port}`, ROLLCALL_ADMIN_UI: "development" } });
  t.after(() => server.close());
  const operators = { url: `http://127.0.0.1:${port}` };
  for (const kind of kinds.filter(({ version }) => version === "4.8")) {
    const ui = await Ui.connect(t, operators, { kind });
    await ui.hears("all_sockets");
  }
  assert.match(await Ui.refused(t, server), /^not_found: .*ROLLCALL_ADMIN_BIND/);
  const alice = await server.user("alice");
  const error = await Peer.refused(t, operators, { auth: { token: alice.token } });
  assert.match(error.message, /^not_found: /);
  await Peer.connect(t, server, alice);
});

it("many come and go at once, and the picture is the truth", async (t) => {
  const server = servers.development;
  const users = await server.users(...Array.from({ length: 5 }, (_, n) => `u${n}`));
  const groups = await Promise.all(users.map((user) => server.group(user, ...users.filter((other) => other !== user))));
  const ui = await Ui.connect(t, server);
  const rounds = Array.from({ length: 40 }, async (_, n) => {
    const user = users[n % users.length];
    const peer = await Peer.connect(t, server, user, { kind: kinds[n % kinds.length] });
    for (let k = 0; k < 3; k++) {
      const id = { conversation_id: groups[(n + k) % groups.length].id };
      await peer.must("leave_conversation", id);
      if (k % 2) await peer.must("join_conversation", id);
    }
    if (n % 3 === 0) peer.socket.disconnect();
    if (n % 3 === 1) peer.socket.io.engine.close();
  });
  await Promise.all(rounds);
  const token = await server.adminToken();
  let difference;
  await until(() => `the picture is the truth: ${difference}`, async () => {
    const { items } = await server.ask("GET", "/admin/api/sockets?page_size=200", { token });
    const truth = items.flatMap(({ namespace, sid, rooms }) => rooms.map((room) => `${namespace} ${room} ${sid}`)).sort();
    const { rooms } = ui.picture();
    const seen = [...rooms].flatMap(([room, sids]) => sids.map((sid) => {
      const namespace = room.startsWith("/admin") ? "/admin" : "/";
      return `${namespace} ${room.slice(namespace.length)} ${sid}`;
    })).sort();
    difference = `${truth.filter((one) => !seen.includes(one))} missing, ${seen.filter((one) => !truth.includes(one))} too much, ${seen.length - new Set(seen).size} twice`;
    return JSON.stringify(truth) === JSON.stringify(seen);
  }, 20_000);
});
