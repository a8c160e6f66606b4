// The official Socket.IO Admin UI, the bundle from npm unchanged, in a real browser against namespace /admin.
import assert from "node:assert/strict";
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { eventually, freePort, startServer } from "./subject.mjs";

const bundle = path.join(path.dirname(createRequire(import.meta.url).resolve("@socket.io/admin-ui/package.json")), "ui/dist");
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".png": "image/png", ".svg": "image/svg+xml" };
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let development;
let production;
let browser;
let site;
let siteUrl;

before(async () => {
  const port = await freePort();
  siteUrl = `http://127.0.0.1:${port}`;
  site = createServer((request, answer) => {
    const file = path.join(bundle, path.normalize(new URL(request.url, siteUrl).pathname).replace(/\/$/, "/index.html"));
    if (!file.startsWith(bundle) || !existsSync(file)) return answer.writeHead(404).end();
    answer.writeHead(200, { "content-type": types[path.extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(answer);
  });
  await new Promise((resume) => site.listen(port, "127.0.0.1", resume));
  const start = (mode) => startServer({ origins: [siteUrl], env: { ROLLCALL_ADMIN_UI: mode } });
  [development, production] = await Promise.all([start("development"), start("production")]);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
});

after(async () => {
  await browser?.close();
  await Promise.all([development?.stop(), production?.stop()]);
  site?.closeAllConnections();
  site?.close();
});

/** The UI in a browser of its own; whatever the browser complains about is in `page.complaints`. */
async function open(t, { expected = [] } = {}) {
  const context = await browser.newContext({ viewport: { width: 1600, height: 1000 } });
  t.after(() => context.close());
  // It loads two style sheets from elsewhere, for its font and icons. Nothing is fetched from anywhere in a test.
  await context.route((url) => url.origin !== siteUrl && !url.origin.startsWith("http://127.0.0.1"), (route) =>
    route.fulfill({ contentType: "text/css", body: "" }),
  );
  const page = await context.newPage();
  page.complaints = [];
  const note = (words) => {
    if (!expected.some((pattern) => pattern.test(words))) page.complaints.push(words);
  };
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) note(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => note(`exception: ${error.stack ?? error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 400) note(`${response.status()} ${response.url()}`);
  });
  await page.goto(`${siteUrl}/`);
  return page;
}

async function signIn(page, subject, { password = subject.password, address = subject.url } = {}) {
  await page.getByLabel("Server URL").fill(address);
  await page.getByLabel("Username").fill(subject.username);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Connect" }).click();
}

const signedIn = (page) => page.locator(".v-dialog--active").waitFor({ state: "hidden" });
const menu = async (page, name) => {
  await page.locator("nav").getByRole("link", { name, exact: true }).click();
  await settled(page);
};
const rows = (page) => page.locator("main tbody tr");
/** While one page makes room for the next, both are there. */
const settled = (page) => page.waitForFunction(() => document.querySelectorAll("main .v-breadcrumbs").length <= 1 && !document.querySelector("main [class*=-leave-active]"));

/** What the UI believes, out of its own store. */
const believed = (page) =>
  page.evaluate(() => {
    const { main, servers, config, connection } = document.querySelector("#app").__vue__.$store.state;
    return {
      namespaces: main.namespaces.map(({ name, sockets, rooms }) => ({
        name,
        sockets: sockets.map(({ id, rooms }) => ({ id, rooms: [...rooms].sort() })),
        rooms: rooms.map(({ name, isPrivate, sockets }) => ({ name, isPrivate: !!isPrivate, sockets: sockets.map(({ id }) => id).sort() })),
        events: main.namespaces.find((one) => one.name === name).events.map(({ type, id, eventName }) => ({ type, id, eventName })),
      })),
      clients: main.clients.map(({ id, sockets }) => ({ id, sockets: sockets.map(({ id }) => id) })),
      aggregated: main.aggregatedEvents.map(({ type, count }) => ({ type, count })),
      servers: servers.servers.map(({ healthy, clientsCount, namespaces }) => ({ healthy, clientsCount, namespaces })),
      features: config.supportedFeatures,
      connected: connection.connected,
    };
  });

async function truth(subject) {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ username: subject.username, password: subject.password });
  const { token } = await (await fetch(`${subject.url}/api/v1/auth/login`, { method: "POST", headers, body })).json();
  const ask = async (what) => (await fetch(`${subject.url}/admin/api/${what}`, { headers: { authorization: `Bearer ${token}` } })).json();
  return { sockets: (await ask("sockets?page_size=200")).items, rooms: (await ask("rooms?page_size=200")).items };
}

/** Waits until the UI shows exactly the sockets and rooms that the server has. */
async function showsTheTruth(page, subject) {
  let last;
  await eventually("the UI shows what is", async () => {
    const [{ namespaces, clients }, { sockets, rooms }] = [await believed(page), await truth(subject)];
    const seen = namespaces.flatMap(({ name, sockets }) => sockets.map((socket) => `${name} ${socket.id} ${socket.rooms}`)).sort();
    const are = sockets.map(({ namespace, sid, rooms }) => `${namespace} ${sid} ${[...rooms].sort()}`).sort();
    const roomsSeen = namespaces.flatMap(({ name, rooms }) => rooms.map((room) => `${name} ${room.name} ${room.sockets.length} ${room.isPrivate}`)).sort();
    const roomsAre = rooms.map(({ namespace, name, sockets, kind }) => `${namespace} ${name} ${sockets} ${kind === "socket"}`).sort();
    last = { seen, are, roomsSeen, roomsAre };
    return JSON.stringify([seen, roomsSeen]) === JSON.stringify([are, roomsAre]) && clients.length === new Set(sockets.map(({ sid }) => sid)).size;
  }).catch((error) => assert.fail(`${error.message}: ${JSON.stringify(last, null, 1)}`));
}

test("a wrong password is refused in the UI's own words, the right one opens the dashboard", async (t) => {
  const page = await open(t);
  await signIn(page, development, { password: "wrong-password" });
  await page.getByText("Invalid credentials", { exact: false }).waitFor();
  await signIn(page, development);
  await signedIn(page);
  await eventually("figures are shown", async () => {
    const { servers, aggregated, features } = await believed(page);
    return servers[0]?.healthy && servers[0].clientsCount >= 1 && aggregated.length > 0 && features.includes("ALL_EVENTS");
  });
  assert.equal((await believed(page)).servers.length, 1);
  for (const name of ["/", "/admin"]) await page.locator("main code", { hasText: new RegExp(`^${name}$`) }).first().waitFor();
  assert.deepEqual(page.complaints, []);
});

test("a reload needs no password, a slash at the address's end is no mistake", async (t) => {
  const page = await open(t);
  await signIn(page, development, { address: `${development.url}/` });
  await signedIn(page);
  await eventually("the session is kept", () => page.evaluate(() => /^[0-9a-f]{16,}$/.test(localStorage.getItem("session_id"))));
  await page.reload();
  await eventually("connected again", async () => (await believed(page)).connected);
  assert.equal(await page.locator(".v-dialog--active").count(), 0, "it does not ask for the password again");
  await showsTheTruth(page, development);
  assert.deepEqual(page.complaints, []);
});

test("every page shows what is, and every button does what it says", async (t) => {
  const page = await open(t);
  const sids = [await development.connect(), await development.connect(), await development.connect()];
  await signIn(page, development);
  await signedIn(page);
  await showsTheTruth(page, development);

  await menu(page, "Sockets");
  for (const sid of sids) await rows(page).filter({ hasText: sid }).waitFor();
  await rows(page).filter({ hasText: sids[0] }).click();
  await settled(page);
  await page.getByText("alice").first().waitFor();
  await page.getByText("EIO", { exact: true }).first().waitFor();
  const room = "made-in-the-browser";
  const field = page.getByLabel("Join a room");
  await field.fill(room);
  await field.press("Enter");
  await page.locator("main form button[type=submit]").click();
  await rows(page).filter({ hasText: room }).waitFor();
  await showsTheTruth(page, development);
  // Its row leads to the room's page, also when the button in it is pressed.
  await rows(page).filter({ hasText: room }).getByRole("button").click();
  await eventually("the socket has left", async () => !(await truth(development)).rooms.some(({ name }) => name === room));

  await menu(page, "Rooms");
  await rows(page).filter({ hasText: development.room }).waitFor();
  assert.equal(await rows(page).filter({ hasText: sids[0] }).count(), 0, "private rooms are not shown");
  await page.getByText("Show private rooms").click();
  await rows(page).filter({ hasText: sids[0] }).waitFor();
  await rows(page).filter({ hasText: development.room }).click();
  await settled(page);
  for (const sid of sids) await rows(page).filter({ hasText: sid }).waitFor();

  await menu(page, "Clients");
  await rows(page).filter({ hasText: sids[1].slice(0, 12) }).waitFor();
  await rows(page).filter({ hasText: sids[1].slice(0, 12) }).click();
  await settled(page);
  await rows(page).filter({ hasText: sids[1] }).waitFor();
  await menu(page, "Servers");
  await rows(page).first().waitFor();

  await menu(page, "Events");
  await menu(page, "Sockets");
  await rows(page).filter({ hasText: sids[0] }).getByRole("button").click();
  await eventually("the socket is gone", async () => !(await truth(development)).sockets.some(({ sid }) => sid === sids[0]));
  await menu(page, "Sockets");
  await rows(page).filter({ hasText: sids[0] }).waitFor({ state: "hidden" });
  await showsTheTruth(page, development);
  const { namespaces } = await believed(page);
  const told = namespaces.find(({ name }) => name === "/").events;
  assert.ok(told.some(({ type, id }) => type === "disconnection" && id === sids[0]));
  await menu(page, "Events");
  await rows(page).filter({ hasText: sids[0] }).first().waitFor();

  await menu(page, "Rooms");
  await rows(page).filter({ hasText: development.room }).getByRole("button").last().click();
  await eventually("the room's members are gone", async () => {
    const { sockets } = await truth(development);
    return !sockets.some(({ sid }) => sids.includes(sid));
  });
  await showsTheTruth(page, development);
  await menu(page, "Dashboard");
  assert.deepEqual(page.complaints, []);
});

test("it comes back by itself, and shows what is by then", async (t) => {
  const page = await open(t, { expected: [/ERR_INTERNET_DISCONNECTED|ERR_CONNECTION|WebSocket/] });
  await development.connect();
  await signIn(page, development);
  await signedIn(page);
  await showsTheTruth(page, development);
  const { sockets } = await truth(development);
  const own = sockets.filter(({ namespace }) => namespace === "/admin").map(({ sid }) => sid);
  await page.context().setOffline(true);
  await development.connect();
  await page.context().setOffline(false);
  await eventually("connected, by an old line or a new one", async () => (await believed(page)).connected && own.length > 0);
  await showsTheTruth(page, development);
  assert.deepEqual(page.complaints, []);
});

test("in production it shows figures only", async (t) => {
  const page = await open(t);
  await production.connect();
  await signIn(page, production);
  await signedIn(page);
  await eventually("figures are shown", async () => {
    const { servers } = await believed(page);
    return servers[0]?.namespaces?.[0].socketsCount === 1 && servers[0].namespaces[1].socketsCount === 1;
  });
  assert.deepEqual(await page.locator("nav").getByRole("link").allInnerTexts(), ["Dashboard", "Servers"]);
  await menu(page, "Servers");
  await rows(page).first().waitFor();
  assert.deepEqual((await believed(page)).namespaces, []);
  assert.deepEqual(page.complaints, []);
});
