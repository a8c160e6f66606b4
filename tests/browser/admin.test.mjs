// The admin in a real browser: every page, live changes, without JavaScript, for everybody's eyes and hands.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { eventually, startSubject } from "./subject.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let subject;
let browser;

before(async () => {
  subject = await startSubject();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
});

after(async () => {
  await browser?.close();
  await subject?.stop();
});

/** A page that fails the test for whatever the browser complains about. */
async function open(t, options = {}, { expected = [] } = {}) {
  const context = await browser.newContext({ baseURL: subject.url, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  const complaints = [];
  const note = (words) => {
    if (!expected.some((pattern) => pattern.test(words))) complaints.push(words);
  };
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) note(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => note(`exception: ${error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 500) note(`${response.status()} ${response.url()}`);
  });
  page.complaints = complaints;
  return page;
}

async function signIn(page, wanted = "/admin") {
  await page.goto(wanted);
  await page.getByLabel("Username").fill(subject.username);
  await page.getByLabel("Password").fill(subject.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.endsWith("/login"));
}

async function axeFaults(page) {
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }), tags);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html).join("\n   ")}`);
}

function roomPath() {
  return `/admin/rooms/${encodeURIComponent("/")}/${encodeURIComponent(subject.room)}`;
}

async function everyPage() {
  const sid = await subject.connect();
  return [
    "/admin",
    "/admin/namespaces",
    "/admin/rooms",
    "/admin/rooms?all=1&sort=name",
    roomPath(),
    "/admin/sockets",
    "/admin/sockets?q=nobody-of-this-name",
    `/admin/sockets/${sid}`,
    "/admin/users",
    "/admin/users?q=nobody-of-this-name",
    "/admin/conversations",
    "/admin/messages",
    "/admin/messages?sender=alice",
    "/admin/explain",
    ...subject.stored,
    "/admin/traffic",
    "/admin/probe",
    "/admin/rejected",
    "/admin/nodes",
    "/admin/audit",
    "/admin?minutes=60",
  ];
}

test("the sign-in says what is wrong, and leads to the page that was wanted", async (t) => {
  const page = await open(t, {}, { expected: [/401/] });
  await page.goto("/admin/rooms?sort=name");
  assert.equal(new URL(page.url()).pathname, "/admin/login");
  assert.deepEqual(await axeFaults(page), []);
  await page.getByLabel("Username").fill(subject.username);
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("Username or password is wrong").waitFor();
  assert.deepEqual(await axeFaults(page), []);
  await page.getByLabel("Password").fill(subject.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/admin/rooms?sort=name");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/admin/login");
  await page.goto("/admin");
  assert.equal(new URL(page.url()).pathname, "/admin/login");
  assert.deepEqual(page.complaints, []);
});

for (const [name, options] of [
  ["light", { colorScheme: "light", viewport: { width: 1280, height: 900 } }],
  ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 900 } }],
  ["on a phone", { colorScheme: "light", viewport: { width: 400, height: 800 } }],
]) {
  test(`every page is clean, ${name}`, async (t) => {
    const page = await open(t, options);
    await signIn(page);
    for (const path of await everyPage()) {
      await page.goto(path);
      await page.locator("#fresh", { hasText: "live" }).waitFor();
      assert.equal(await page.locator("h1").count(), 1, path);
      assert.deepEqual(await axeFaults(page), [], path);
      const { inside, whole } = await page.evaluate(() => ({
        inside: document.documentElement.clientWidth,
        whole: document.documentElement.scrollWidth,
      }));
      assert.ok(whole <= inside, `${path} is ${whole} wide in a window of ${inside}`);
    }
    await page.goto("/");
    assert.deepEqual(await axeFaults(page), [], "/");
    assert.deepEqual(page.complaints, []);
  });
}

test("a new socket appears in the room's page without reloading, and a closed one goes", async (t) => {
  const page = await open(t);
  await signIn(page, roomPath());
  await page.evaluate(() => (window.neverReloaded = true));
  const sid = await subject.connect();
  const row = page.locator(`tr[data-key="${sid}"]`);
  await row.waitFor();
  const other = await open(t);
  await signIn(other, `/admin/sockets/${sid}`);
  await other.getByText("Disconnect socket…").click();
  await other.getByRole("button", { name: "Disconnect socket", exact: true }).click();
  await other.getByText("The socket was disconnected.").waitFor();
  await row.waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => window.neverReloaded), true);
  await other.goto("/admin/audit");
  await other.getByRole("row").filter({ hasText: "disconnect" }).first().waitFor();
  assert.deepEqual([...page.complaints, ...other.complaints], []);
});

test("rows stay under the pointer while others wait", async (t) => {
  const page = await open(t);
  await subject.connect();
  await signIn(page, "/admin/sockets");
  const rows = page.locator("tbody[data-rows] > tr");
  await rows.first().hover();
  const held = await rows.first().getAttribute("data-key");
  const sid = await subject.connect();
  await page.getByRole("button", { name: /^\d+ new$/ }).waitFor();
  assert.equal(await rows.first().getAttribute("data-key"), held);
  await page.mouse.move(5, 5);
  await page.locator(`tr[data-key="${sid}"]`).waitFor();
  assert.deepEqual(page.complaints, []);
});

test("a cut stream shows, and the page goes on by asking", async (t) => {
  const page = await open(t, {}, { expected: [/ERR_FAILED/] });
  await signIn(page);
  await page.route("**/admin/api/live", (route) => route.abort());
  await page.goto(roomPath());
  await page.locator("#fresh.cut", { hasText: "stream cut" }).waitFor();
  const sid = await subject.connect();
  await page.locator(`tr[data-key="${sid}"]`).waitFor();
  await page.unroute("**/admin/api/live");
  await page.locator("#fresh:not(.cut)", { hasText: "live" }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test("who is signed out is told so", async (t) => {
  const page = await open(t, {}, { expected: [/401/] });
  await signIn(page, "/admin/sockets");
  await page.context().clearCookies();
  await page.locator("#fresh", { hasText: "signed out" }).waitFor();
  await page.getByRole("link", { name: "Sign in again" }).click();
  await page.waitForURL("**/admin/login?next=%2Fadmin%2Fsockets");
});

test("everything works without JavaScript", async (t) => {
  const page = await open(t, { javaScriptEnabled: false });
  const sid = await subject.connect();
  await signIn(page, `/admin/sockets/${sid}`);
  assert.equal(new URL(page.url()).pathname, `/admin/sockets/${sid}`);
  await page.getByText("Join socket to a room…").click();
  await page.getByRole("textbox", { name: "Room" }).fill("lobby");
  await page.getByRole("button", { name: "Join socket to room" }).click();
  await page.getByText("The socket was joined to the room.").waitFor();
  await page.locator("summary", { hasText: "lobby" }).click();
  await page.getByRole("button", { name: "Take out of room lobby", exact: true }).click();
  await page.getByText("The socket was taken out of the room.").waitFor();
  for (const path of await everyPage()) {
    await page.goto(path);
    assert.equal(await page.locator("h1").count(), 1, path);
    assert.equal(await page.locator(".copy:visible").count(), 0, "a button that could do nothing");
  }
  await page.goto("/admin/sockets");
  await page.getByLabel("Find", { exact: true }).fill(sid);
  await page.getByRole("button", { name: "Find sockets" }).click();
  await page.getByRole("link", { name: "Clear the filter" }).waitFor();
  assert.equal(await page.locator("tbody[data-rows] > tr").count(), 1);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/admin/login");
});

test("the keyboard is enough", async (t) => {
  const page = await open(t);
  const sid = await subject.connect();
  await signIn(page);
  await page.locator("#fresh", { hasText: "live" }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(sid);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/admin/sockets/${sid}`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  assert.deepEqual(page.complaints, []);
});

test("no page runs what a client wrote", async (t) => {
  const page = await open(t);
  await signIn(page);
  const dialogs = [];
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    dialog.dismiss();
  });
  const hostile = encodeURIComponent('"><img src=x onerror=alert(1)><script>alert(2)</script>');
  for (const path of [`/admin/sockets?q=${hostile}`, `/admin/rooms?q=${hostile}`, `/admin/rejected?q=${hostile}`]) {
    await page.goto(path);
    await eventually("the page is live", async () => (await page.locator("#fresh").textContent()).includes("live"));
    assert.equal(await page.locator("img").count(), 0);
  }
  assert.deepEqual(dialogs, []);
  assert.deepEqual(page.complaints, []);
});

const real = { skip: process.env.ROLLCALL_PREVIEW_BIN ? "the preview has no traffic of its own" : false };

test("traffic appears as it happens, can be paused, and is only text", real, async (t) => {
  const page = await open(t);
  await subject.connect();
  await signIn(page, "/admin/traffic?event=new_message");
  await page.locator("#traffic-state", { hasText: "live" }).waitFor();
  await subject.say('"><img src=x onerror=alert(1)>');
  const row = page.locator("#traffic-rows tr").filter({ hasText: "onerror=alert(1)" }).first();
  await row.waitFor();
  assert.equal(await page.locator("#traffic-rows img").count(), 0);
  assert.deepEqual(await axeFaults(page), []);
  await page.getByRole("button", { name: "Pause" }).click();
  const shown = await page.locator("#traffic-rows tr").count();
  await subject.say("while paused");
  await page.locator("#traffic-state", { hasText: /[1-9]\d* waiting/ }).waitFor();
  assert.equal(await page.locator("#traffic-rows tr").count(), shown);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.locator("#traffic-rows tr").filter({ hasText: "while paused" }).first().waitFor();
  await page.getByRole("button", { name: "Clear the list" }).click();
  assert.equal(await page.locator("#traffic-rows tr").count(), 0);
  assert.deepEqual(page.complaints, []);
});

test("one box leads from a name to the evidence", real, async (t) => {
  const page = await open(t);
  await signIn(page, "/admin/explain");
  await page.getByLabel("What").fill("alice");
  await page.getByRole("button", { name: "Explain", exact: true }).click();
  await page.locator("tbody tr a.row").first().click();
  await page.getByRole("heading", { name: /evidence/ }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test("times are the reader's, and the exact value is on hover", real, async (t) => {
  const page = await open(t, { timezoneId: "Asia/Kolkata" });
  await signIn(page, subject.stored[2]);
  const time = page.locator("dd time").first();
  const [shown, exact] = [await time.textContent(), await time.getAttribute("title")];
  const expected = new Date(exact).toLocaleTimeString("sv-SE", { timeZone: "Asia/Kolkata" });
  assert.ok(shown.endsWith(expected), `${shown} is not ${expected}`);
});

test("disabling an account asks first, and says what was done", real, async (t) => {
  const page = await open(t);
  await signIn(page, "/admin/users/bob");
  assert.equal(await page.getByRole("button", { name: "Disable account" }).isVisible(), false);
  await page.getByText("Disable account…").click();
  await page.getByRole("button", { name: "Disable account" }).click();
  await page.getByText("The account is disabled, and its sockets are closed.").waitFor();
  await page.getByText("Enable account…").click();
  await page.getByRole("button", { name: "Enable account" }).click();
  await page.getByText("The account is enabled again.", { exact: true }).waitFor();
  assert.deepEqual(page.complaints, []);
});
