// The admin's pages and their JSON over the real server: what they say is true, stays text, and holds no secret.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { Server, it, until } from "./harness.mjs";
import { Peer, usual } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

async function admin(where, method = "GET", body = undefined) {
  return server.ask(method, `/admin/api/${where}`, { token: await server.adminToken(), body });
}

/** Every item of a list, page by page. */
async function all(list, query = "") {
  const items = [];
  for (let page = 1; ; page++) {
    const answer = await admin(`${list}?page_size=200&page=${page}${query}`);
    items.push(...answer.items);
    if (items.length >= answer.total || answer.items.length === 0) return items;
  }
}

/** A generator of random numbers that gives the same ones for the same seed. */
function random(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

it(
  "after 1,000 random connects, joins, leaves and kills the admin says what is true",
  async (t) => {
    const pick = random(Number(process.env.ROLLCALL_SEED ?? 20261121));
    const users = await server.users("a", "b", "c", "d", "e", "f");
    const groups = [];
    for (let n = 0; n < 5; n++) groups.push(await server.group(...users.filter((_, at) => at === 0 || (at + n) % 3)));
    const members = new Map(groups.map((group) => [group.id, new Set(group.participants.map((one) => one.id))]));
    /** sid -> { peer, rooms } as the truth is to be. */
    const live = new Map();
    const own = (peer) => [peer.session.sid, `user:${peer.user.id}`];
    const theirs = (user) => groups.filter((group) => members.get(group.id).has(user.id)).map((group) => `conversation:${group.id}`);
    const oneOf = (list) => list[pick(list.length)];
    const act = {
      async connect() {
        if (live.size >= 60) return act.kill();
        const user = oneOf(users);
        const kind = pick(5) === 0 ? { version: "4.8", transport: "polling" } : usual;
        const peer = await Peer.connect(t, server, user, { kind });
        live.set(peer.session.sid, { peer, rooms: new Set([...own(peer), ...theirs(user)]) });
      },
      async join() {
        const { peer, rooms } = oneOf([...live.values()]);
        const group = oneOf(groups);
        const answer = await peer.call("join_conversation", { conversation_id: group.id });
        assert.equal(answer.ok, members.get(group.id).has(peer.user.id));
        if (answer.ok) rooms.add(`conversation:${group.id}`);
      },
      async leave() {
        const { peer, rooms } = oneOf([...live.values()]);
        const group = oneOf(groups);
        const answer = await peer.call("leave_conversation", { conversation_id: group.id });
        if (answer.ok) rooms.delete(`conversation:${group.id}`);
      },
      async byAdmin() {
        const { peer, rooms } = oneOf([...live.values()]);
        const room = oneOf(["lobby", "stage", ...[...rooms].filter((name) => /^(conversation:|lobby|stage)/.test(name))]);
        const what = rooms.has(room) ? "leave" : "join";
        await admin(`sockets/${peer.session.sid}/${what}`, "POST", { room });
        if (what === "join") rooms.add(room);
        else rooms.delete(room);
      },
      async kill() {
        const [sid, { peer }] = oneOf([...live]);
        live.delete(sid);
        if (pick(3) === 0) await admin(`sockets/${sid}/disconnect`, "POST", {});
        else if (pick(2) === 0) peer.close();
        else peer.socket.io.engine.close();
      },
    };
    for (let n = 0; n < 1_000; n++) {
      const names = live.size < 3 ? ["connect"] : ["connect", "join", "join", "leave", "byAdmin", "kill"];
      await act[oneOf(names)]();
    }
    const truth = [...live].map(([sid, { rooms }]) => [sid, [...rooms].sort()]).sort();
    const seen = async () => (await all("sockets")).map((socket) => [socket.sid, [...socket.rooms].sort()]).sort();
    await until("the closed sockets are gone", async () => (await seen()).length === truth.length);
    assert.deepEqual(await seen(), truth);
    const counts = {};
    for (const [, rooms] of truth) for (const room of rooms) counts[room] = (counts[room] ?? 0) + 1;
    const rooms = Object.fromEntries((await all("rooms")).map((room) => [room.name, room.sockets]));
    assert.deepEqual(rooms, counts);
    // They are counted as they come and go, and not by looking at each.
    const [chat] = (await admin("namespaces")).items;
    assert.deepEqual([chat.name, chat.rooms], ["/", Object.keys(counts).length]);
    const conversations = Object.keys(counts).filter((name) => name.startsWith("conversation:")).length;
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    assert.match(metrics, new RegExp(`^rollcall_rooms\\{namespace="/"\\} ${conversations}$`, "m"));
    const overview = await admin("overview");
    const online = new Set([...live.values()].map(({ peer }) => peer.user.id));
    assert.deepEqual([overview.connections, overview.users_online], [live.size, online.size]);
    for (const group of groups) {
      const room = `conversation:${group.id}`;
      const detail = await admin(`rooms/%2F/${encodeURIComponent(room)}`);
      const inside = truth.filter(([, rooms]) => rooms.includes(room)).map(([sid]) => sid);
      assert.deepEqual(detail.members.map((member) => member.sid).sort(), inside.sort(), room);
    }
    // What each client is told of itself is the same truth.
    for (const { peer, rooms } of live.values()) assert.deepEqual((await peer.must("whoami", {})).rooms.sort(), [...rooms].sort());
    const page = await server.ask("GET", "/admin/sockets", { token: await server.adminToken() });
    assert.ok(page.includes(`${live.size} sockets of ${online.size} users.`), page.slice(0, 3_000));
  },
  { timeout: 180_000 },
);

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(2)>'\u202e`;

/** Every page that shows what belongs to this scene. */
async function pages({ user, group, message, sid }) {
  const room = encodeURIComponent(`conversation:${group.id}`);
  const q = encodeURIComponent(HOSTILE);
  return [
    "", "/namespaces", "/rooms?all=1", `/rooms/%2F/${room}`, `/rooms?q=${q}`, "/sockets", `/sockets/${sid}`, `/sockets?q=${q}`,
    "/users", `/users/${user.id}`, `/users?q=${q}`, "/conversations", `/conversations/${group.id}`, `/conversations?q=${q}`,
    "/messages", `/messages/${message.id}`, `/messages?q=${q}`, `/messages?sender=${q}`, "/explain", `/explain?q=${message.id}`,
    `/explain?q=${user.username}`, `/explain?q=${group.id}`, `/explain?message_id=${message.id}&user_id=${user.id}`, `/explain?q=${q}`,
    `/traffic?event=${q}`, `/probe?room=${q}`, "/rejected", `/rejected?q=${q}`, "/nodes", "/audit", `/audit?q=${q}`,
    `/rooms/%2F/${q}`, `/users/${q}`, `/messages/${q}`,
  ].map((page) => `/admin${page}`);
}

async function scene(t) {
  const user = await server.user("mallory");
  const name = `${user.username}x`;
  await server.ask("POST", "/api/v1/auth/register", { body: { username: name, password: "a password of hers", display_name: HOSTILE.slice(0, 64) } }, [201]);
  const { token, user: hostile } = await server.login(name, "a password of hers");
  const other = { ...hostile, token };
  const group = await server.ask(
    "POST",
    "/api/v1/conversations",
    { token: user.token, body: { kind: "group", title: HOSTILE, participant_ids: [other.id] } },
    [201],
  );
  const peer = await Peer.connect(t, server, other, {
    auth: { receipts: true, client: HOSTILE },
    extraHeaders: { "user-agent": HOSTILE.replace("\u202e", "") },
  });
  const { message } = await peer.send(group, HOSTILE);
  await admin(`sockets/${peer.session.sid}/join`, "POST", { room: HOSTILE });
  await server.rest("GET", `/elsewhere/?EIO=4&transport=polling`, { headers: { origin: "http://127.0.0.1" } });
  return { user: other, group, message, sid: peer.session.sid, peer };
}

it("what clients say stays text on every page", async (t) => {
  const about = await scene(t);
  const token = await server.adminToken();
  let shown = 0;
  for (const page of await pages(about)) {
    const answer = await server.rest("GET", page, { token });
    assert.ok(answer.status < 500, `${page}: ${answer.status}`);
    const html = String(answer.body);
    assert.ok(!/<script>|<img|onerror=alert\(2\)>/.test(html), `${page} has markup of a client`);
    assert.ok(!html.replace(/(value|data-key|href)="[^"]*"/g, "").includes("\u202e"), `${page} is turned around`);
    if (html.includes("alert(1)")) shown += 1;
  }
  assert.ok(shown >= 15, `only ${shown} pages showed it at all`);
});

it("no page, no JSON, no stream and no log holds a secret", async (t) => {
  const about = await scene(t);
  const token = await server.adminToken();
  const signedIn = await fetch(`${server.url}/admin/login`, {
    method: "POST",
    body: new URLSearchParams({ username: "admin", password: "admin-password" }),
    redirect: "manual",
  });
  const cookie = signedIn.headers.get("set-cookie").split(";")[0];
  const secrets = {
    "the admin's token": token,
    "a user's token": about.user.token,
    "the session's cookie": cookie.split("=")[1],
    "the admin's password": "admin-password",
    "a user's password": "a password of hers",
    "the key of tokens": server.secret,
    "a password's hash": "$argon2",
  };
  const look = (where, text) => {
    for (const [name, secret] of Object.entries(secrets)) assert.ok(!text.includes(secret), `${where} holds ${name}`);
  };
  const stop = new AbortController();
  t.after(() => stop.abort());
  const stream = await fetch(`${server.url}/admin/api/traffic`, { headers: { cookie }, signal: stop.signal });
  let traffic = "";
  const reading = (async () => {
    for await (const chunk of stream.body.pipeThrough(new TextDecoderStream())) traffic += chunk;
  })().catch(() => {});
  // Tokens in every place where one can be: the query, a header, an event, a failed attempt.
  await about.peer.call("refresh_token", { token: about.user.token });
  await server.rest("GET", `/socket.io/?EIO=3&transport=polling&token=${about.user.token}`);
  await server.rest("GET", `/wrong/?EIO=4&transport=polling&token=${about.user.token}`, { token });
  await Peer.refused(t, server, { auth: { token: `${about.user.token}x` } });
  await until("the event is in the stream", () => traffic.includes("refresh_token"));
  for (const page of await pages(about)) {
    look(page, String((await server.rest("GET", page, { headers: { cookie } })).body));
    // The JSON of traffic is a stream: looked at below.
    if (page.startsWith("/admin/traffic")) continue;
    const json = await server.rest("GET", page.replace("/admin", "/admin/api"), { token });
    look(`the JSON of ${page}`, JSON.stringify(json.body));
  }
  stop.abort();
  await reading;
  look("the stream of traffic", traffic);
  look("the log", readFileSync(server.logFile, "utf8"));
});

it("disabling an account closes its sockets at once, and enabling lets it back in", async (t) => {
  const user = await server.user("gone");
  const peers = [await Peer.connect(t, server, user), await Peer.connect(t, server, user, { kind: { version: "4.5", transport: "polling" } })];
  await admin(`users/${user.id}/disable`, "POST", {});
  for (const peer of peers) await peer.disconnected();
  const error = await Peer.refused(t, server, { auth: { token: user.token } });
  assert.match(error.message, /^unauthorized/);
  const detail = await admin(`users/${user.username}`);
  assert.ok(detail.user.disabled_at && detail.sockets.length === 0, JSON.stringify(detail));
  await admin(`users/${user.id}/enable`, "POST", {});
  await Peer.connect(t, server, user);
  const done = (await admin(`audit?q=${user.username}`)).items.map((entry) => entry.action);
  assert.deepEqual(done, ["enable", "disable"]);
});

it("the audit log outlives a restart, and a log line names its target once", async (t) => {
  const other = await Server.start();
  t.after(() => other.close());
  const token = (await other.login("admin", "admin-password")).token;
  const { id } = await other.user("kept");
  await other.ask("POST", `/admin/api/users/${id}/disable`, { token, body: {} });
  await other.terminate();
  await other.restart();
  const { items } = await other.ask("GET", "/admin/api/audit", { token });
  assert.deepEqual([items.length, items[0].action, items[0].actor], [1, "disable", "admin"]);
  const line = readFileSync(other.logFile, "utf8").split("\n").find((line) => line.includes("admin.change"));
  assert.equal(line.match(/"target":/g).length, 1, line);
});

it("a room is repaired in one step, and the overview names who gets nothing until then", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const peer = await Peer.connect(t, server, bob);
  const room = `conversation:${group.id}`;
  await admin(`sockets/${peer.session.sid}/leave`, "POST", { room });
  const named = async () => (await admin("overview")).not_reached.find((one) => one.user_id === bob.id);
  const found = await until("bob is named", named);
  assert.equal(found.cause, "not_in_room");
  const conversation = await admin(`conversations/${group.id}`);
  assert.deepEqual(conversation.room.missing.map((one) => one.sids), [[peer.session.sid]]);
  const repaired = await admin(`rooms/%2F/${encodeURIComponent(room)}/repair`, "POST", {});
  assert.deepEqual(repaired, { ok: true, missing: 1, joined: 1 });
  await until("bob is no longer named", async () => !(await named()));
  await server.post(alice, group, "after the repair");
  await peer.receives(group, 1);
});

it("a socket's page counts what went through it", async (t) => {
  const [alice, bob] = await server.users("counted", "counting");
  const group = await server.group(alice, bob);
  const peer = await Peer.connect(t, server, alice);
  const seen = () => admin(`sockets/${peer.session.sid}`);
  // The first heartbeat comes at once.
  const before = await until("the session is out and a heartbeat was answered", async () => {
    const now = await seen();
    return now.events_out >= 1 && now.round_trip_ms !== null && now;
  });
  assert.deepEqual([before.events_in, before.events_refused], [0, 0]);
  assert.ok(before.round_trip_ms > 0 && before.round_trip_ms < 5_000 && before.round_trip_at <= new Date().toISOString(), JSON.stringify(before));
  await peer.must("whoami", {});
  await peer.send(group, "one");
  await peer.receives(group, 1);
  assert.equal((await peer.call("send_message", { conversation_id: group.id })).ok, false);
  peer.socket.emit("jump", {});
  await peer.must("whoami", {});
  const after = await seen();
  assert.deepEqual([after.events_in, after.events_refused], [5, 2], JSON.stringify(after));
  const told = peer.log.length - (after.events_out - before.events_out);
  assert.ok(after.events_out > before.events_out && told >= 0, JSON.stringify({ before, after }));
  assert.ok(after.buffer_bytes < 10_000, JSON.stringify(after));
  const page = await server.ask("GET", `/admin/sockets/${peer.session.sid}`, { token: await server.adminToken() });
  assert.match(page, /<dt>Events in<\/dt><dd>5 .*2 refused/);
});

it("a SID that is closed leads to whose it was, how it ended, and what its user would get", async (t) => {
  const [alice, bob] = await server.users("closed", "other");
  const group = await server.group(alice, bob);
  const peer = await Peer.connect(t, server, alice);
  const { sid } = peer.session;
  peer.socket.disconnect();
  const token = await server.adminToken();
  const page = async (where) => String((await server.rest("GET", where, { token })).body);
  const seen = await until("its end is written down", async () => {
    const html = await page(`/admin/explain?q=${sid}`);
    return html.includes("closed at") && html;
  });
  assert.ok(seen.includes(`This socket of ${alice.username} closed at`) && /after \d+ s: client\./.test(seen), seen.slice(0, 4_000));
  assert.ok(seen.includes("What happened to the socket") && seen.includes(`conversation_id=${group.id}`), "its way and the choices");
  assert.match(seen, /offline/);
  const socket = await server.rest("GET", `/admin/sockets/${sid}`, { token });
  assert.equal(socket.status, 404);
  assert.ok(String(socket.body).includes(`This socket of ${alice.username} closed at`));
  assert.ok((await page(`/admin/explain?q=${group.id}&who=${sid}`)).includes(alice.username));
  assert.equal((await server.rest("GET", "/admin/explain?q=AAAAAAAAAAAAAAAA", { token })).status, 404);
});

it("messages are found by the words of all of them", async () => {
  const [alice, bob] = await server.users("writes", "reads");
  const group = await server.group(alice, bob);
  for (const text of ["the pagerduty roster", "nothing of it", "Roster, again"]) await server.post(alice, group, text);
  const found = async (q, more = "") => (await admin(`messages?q=${encodeURIComponent(q)}&conversation=${group.id}${more}`)).items.map((one) => one.content);
  assert.deepEqual(await found("ROST"), ["Roster, again", "the pagerduty roster"]);
  assert.deepEqual(await found("roster pager"), ["the pagerduty roster"]);
  assert.deepEqual(await found("erduty ros"), ["the pagerduty roster"], "within a word, as it stands");
  assert.deepEqual(await found("roster", `&sender=${bob.username}`), []);
  const page = String(await server.ask("GET", `/admin/messages?q=erduty&conversation=${group.id}`, { token: await server.adminToken() }));
  assert.match(page, /No message has words that begin like this/);
});

it("what belongs to operators is not for other sites' pages", async () => {
  const headers = { origin: "https://chat.example.org" };
  for (const where of ["/admin/api/overview", "/admin/login", "/metrics"]) {
    const answer = await server.rest("GET", where, { headers });
    assert.equal(answer.headers.get("access-control-allow-origin"), null, where);
  }
});
