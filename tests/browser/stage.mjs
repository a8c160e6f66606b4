// What the walks through the chat page stand on: a server that can be killed and comes back at the same address, people
// in browsers of their own, and what one looks at in the page.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";

import { chromium } from "playwright-core";

import { SERVER, answers, eventually, freePort, start } from "./subject.mjs";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const SECRET = "a secret of the walk, long enough to sign with";

/** While the page is worked on: its files from this folder instead of those in the binary. */
const PAGE_FOLDER = process.env.ROLLCALL_CHAT_PAGE;

export const openBrowser = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });

/** A server with the demo's people and whatever they are given. */
export async function startChat(settings = {}) {
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), "rollcall-chat-"));
  const url = `http://127.0.0.1:${port}`;
  const begin = async (changed = {}) => {
    const child = start(SERVER, ["serve", "--demo"], {
      ROLLCALL_BIND: `127.0.0.1:${port}`,
      ROLLCALL_DATA_DIR: folder,
      ROLLCALL_ADMIN_PASSWORD: "a password of the walk",
      ROLLCALL_RATE_LOGINS: "off",
      ROLLCALL_RATE_CONNECTS: "off",
      ROLLCALL_RATE_MESSAGES: "off",
      ROLLCALL_CANARY: "off",
      JWT_SECRET: SECRET,
      ALLOWED_ORIGINS: url,
      ...settings,
      ...changed,
    });
    await answers(child, `${url}/health/ready`);
    return child;
  };
  let child = await begin();
  return {
    url,
    port,
    /** Ends it and leaves its data. */
    end: (signal) => child.stop(signal),
    /** The same data at the same address, perhaps with other settings. */
    again: async (changed) => (child = await begin(changed)),
    stop: async () => {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
    /** Somebody who talks by REST alone. */
    caller: async (username, password = "demo") => {
      const post = async (where, body, headers = {}) => {
        const given = { "content-type": "application/json", ...headers };
        return fetch(`${url}/api/v1/${where}`, { method: "POST", headers: given, body: JSON.stringify(body) });
      };
      let answer = await post("auth/login", { username, password });
      if (answer.status === 401) answer = await post("auth/register", { username, password, display_name: username });
      const { token, user } = await answer.json();
      const headers = { authorization: `Bearer ${token}` };
      const get = async (where) => (await fetch(`${url}/api/v1/${where}`, { headers })).json();
      const send = async (where, body) => {
        const reply = await post(where, body, headers);
        assert.ok(reply.ok, `${where}: ${reply.status} ${await reply.clone().text()}`);
        return reply.json();
      };
      const conversation = async (title) =>
        (await get("conversations")).conversations.find((one) => one.title === title || (one.kind === "direct" && one.participants.some((who) => who.display_name === title)));
      return {
        user,
        get,
        send,
        conversation,
        remove: (where) => fetch(`${url}/api/v1/${where}`, { method: "DELETE", headers }),
        /** Everything that was said, in order. */
        history: async (id) => {
          const all = [];
          for (;;) {
            const { messages, more } = await get(`conversations/${id}/messages?after_seq=${all.at(-1)?.seq ?? 0}&limit=200`);
            all.push(...messages);
            if (!more) return all;
          }
        },
      };
    },
  };
}

/** A token of the server's own making, except for its times. */
export function forged(user, { lastsSeconds, claimsSeconds }) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + lastsSeconds;
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user.id, name: user.display_name, role: user.role, iat: exp - claimsSeconds, exp })}`;
  return `${text}.${createHmac("sha256", SECRET).update(text).digest("base64url")}`;
}

async function fromFolder(context) {
  if (!PAGE_FOLDER) return;
  const types = { js: "text/javascript", css: "text/css", svg: "image/svg+xml", webmanifest: "application/manifest+json" };
  await context.route(/\/assets\/[0-9a-f]{16}\//, (route) => {
    const name = new URL(route.request().url()).pathname.split("/").at(-1);
    const from = path.join(PAGE_FOLDER, name);
    return existsSync(from) ? route.fulfill({ path: from, contentType: types[name.split(".").at(-1)] }) : route.continue();
  });
}

/** A browser of somebody's own, whose page notes whatever the browser complains about. */
export async function newPage(t, browser, stage, options = {}, expected = []) {
  const context = await browser.newContext({ baseURL: stage.url, locale: "en-GB", ...options });
  t.after(() => context.close());
  await fromFolder(context);
  context.complaints = [];
  context.expected = [...expected];
  return newTab(context, stage);
}

/** One more page of the same browser. */
export async function newTab(context, stage) {
  const page = await context.newPage();
  const note = (words) => {
    if (!context.expected.some((pattern) => pattern.test(words))) context.complaints.push(words);
  };
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) note(`${message.type()}: ${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => note(`exception: ${error.stack}`));
  page.on("dialog", (dialog) => {
    note(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(stage.url) && !/^(ws|data|blob):/.test(request.url())) note(`a request to ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 500) note(`${response.status()} ${response.url()}`);
  });
  return page;
}

/** What a browser says by itself of a server that is away. */
export const AWAY = [/WebSocket connection to .* failed/, /Failed to load resource: net::ERR_/];

export const quiet = (...pages) => {
  for (const page of pages) assert.deepEqual(page.context().complaints, []);
};

export async function signIn(page, username, password = "demo") {
  await page.goto("/");
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("navigation", { name: "Conversations" }).waitFor();
}

/** Somebody signed in, looking at a conversation if one is named. */
export async function person(t, browser, stage, username, { conversation, options, expected, password } = {}) {
  const page = await newPage(t, browser, stage, options, expected);
  await signIn(page, username, password);
  if (conversation) await openConversation(page, conversation);
  return page;
}

export const row = (page, name) => page.locator("#list a.row", { has: page.locator(".row-name", { hasText: name }) });
export const field = (page) => page.getByRole("textbox", { name: /^Message to/ });

export async function openConversation(page, name) {
  await row(page, name).click();
  await page.getByRole("heading", { level: 2, name }).waitFor();
  await page.locator("#log-column > *").nth(1).or(page.locator("#log-empty:visible")).first().waitFor();
}

/** Writes and sends, as one does it on this kind of screen. */
export async function write(page, text) {
  await field(page).fill(text);
  const touch = await page.evaluate(() => matchMedia("(hover: none) and (pointer: coarse)").matches);
  if (touch) await page.getByRole("button", { name: /^(Send|Save)$/ }).click();
  else await field(page).press("Enter");
}

export const message = (page, text) => page.locator("article.message", { hasText: text });
export const texts = (page) => page.locator("article.message .text").allTextContents();
export const fateOf = (page, text) => message(page, text).locator(".fate");

/** Waits until what is said of an own message matches. */
export async function fate(page, text, words) {
  await message(page, text).locator(".fate", { hasText: words }).waitFor();
}

/** Waits until the bar says it. */
export const barSays = (page, words) => page.locator("#bar", { hasText: words }).waitFor();
export const connected = (page) => page.locator('body[data-link="good"]').waitFor();

export async function axeFaults(page) {
  // Half-way through a movement colours are not what they will be.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)));
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }), tags);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html}\n   ${failureSummary}`).join("\n   ")}`);
}

/** Nothing sticks out to the side. */
export async function fits(page, what) {
  const { inside, whole } = await page.evaluate(() => ({
    inside: document.documentElement.clientWidth,
    whole: document.documentElement.scrollWidth,
  }));
  assert.ok(whole <= inside, `${what} is ${whole} wide in a window of ${inside}`);
}

export { assert, eventually };
