// The chat page for everybody's eyes and hands: every state is clean, nothing jumps, nothing of a message is ever markup.
import { after, before, test } from "node:test";

import {
  assert, axeFaults, connected, eventually, fate, field, fits, message, newPage, openBrowser, openConversation, person, quiet, row, signIn,
  startChat, texts, write,
} from "./stage.mjs";

const GROUP = "Ops night shift";
const HOSTILE = [
  "<img src=x onerror=alert(1)><script>alert(2)</script>",
  '"><svg onload=alert(3)>',
  "javascript:alert(4) data:text/html,<script>alert(5)</script>",
  "https://user:secret@example.org/ https://example.org/\"onmouseover=alert(6)",
  "`<b>code</b>` ```<script>alert(7)</script>```",
  "{{7*7}} ${alert(8)} \u202etxt.exe",
];

let stage;
let browser;

before(async () => {
  stage = await startChat();
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await stage?.stop();
});

for (const [name, options] of [
  ["light", { colorScheme: "light", viewport: { width: 1280, height: 800 } }],
  ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 800 } }],
  ["on a phone", { colorScheme: "light", viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true }],
  ["at 320 px, dark", { colorScheme: "dark", viewport: { width: 320, height: 640 } }],
]) {
  test(`every state is clean, ${name}`, async (t) => {
    const page = await newPage(t, browser, stage, options, [/401/, /WebSocket connection/, /ERR_/]);
    const clean = async (what) => {
      assert.deepEqual(await axeFaults(page), [], what);
      await fits(page, what);
    };
    await page.goto("/");
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await clean("the sign-in");
    await page.getByLabel("Username").fill("alice");
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("alert").getByText("wrong").waitFor();
    await clean("the wrong password");
    await page.getByRole("button", { name: "Make an account" }).click();
    await clean("the registration");
    await signIn(page, "alice");
    await row(page, GROUP).waitFor();
    await clean("the list");
    await openConversation(page, GROUP);
    const word = `${name} ${"Donaudampfschifffahrt".repeat(12)} https://example.org/${"path/".repeat(30)}`;
    await write(page, word);
    await fate(page, name, /saved|delivered|read/);
    await write(page, "```\nlet code = 1; // that is quite a long line of code, which does not fit\n``` and `span`");
    await write(page, "שלום עולם, مرحبا بالعالم");
    await fate(page, "שלום", /saved|delivered|read/);
    await clean("a conversation");
    await message(page, "שלום").last().focus();
    await message(page, "שלום").last().getByRole("button", { name: /^Reply/ }).click();
    await write(page, "👍");
    await fate(page, "👍", /saved|delivered|read/);
    await field(page).press("ArrowUp");
    await page.getByText("Editing your message").waitFor();
    await clean("editing");
    await field(page).press("Escape");
    await field(page).fill("x".repeat(17_000));
    await clean("a message that is too long");
    await field(page).fill("");
    await page.locator(".fate button").last().click();
    await page.getByRole("dialog").getByText(/connected|has it/).first().waitFor();
    await clean("who has it");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "People" }).click();
    await clean("the people");
    await page.getByRole("button", { name: "Add people" }).click();
    await page.getByRole("button", { name: /^Admin/ }).waitFor();
    await clean("adding people");
    await page.keyboard.press("Escape");
    const [owner, carol] = [await stage.caller("alice"), await stage.caller("carol")];
    const made = await owner.send("conversations", { kind: "group", title: "orderly", participant_ids: [carol.user.id] });
    await page.goto(`/#/c/${made.id ?? made.conversation.id}`);
    await page.getByRole("heading", { level: 2, name: "orderly" }).waitFor();
    await page.getByRole("button", { name: "People" }).click();
    await page.getByRole("button", { name: "Ban Carol…" }).click();
    await clean("banning somebody");
    await page.getByLabel(/^Why/).fill(`Advertising, ${"again and ".repeat(18)}`);
    await page.getByRole("button", { name: "Ban from conversation" }).click();
    await page.getByRole("button", { name: "Banned people" }).click();
    await page.getByRole("button", { name: "Lift ban of Carol" }).waitFor();
    await clean("who is banned");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await page.context().setOffline(true);
    await page.locator("#bar", { hasText: "Trying again" }).waitFor();
    await write(page, "kept");
    await clean("a line that is down");
    await page.context().setOffline(false);
    await connected(page);
    await page.goto("/#/c/nowhere");
    await page.getByText("This conversation is not among yours.").waitFor();
    await clean("a conversation of others");
    quiet(page);
  });
}

test("nothing that people write becomes anything but text", async (t) => {
  const hostile = await stage.caller("mallory", "correct horse");
  const alice = await stage.caller("alice");
  const title = "<b>title</b><script>alert(0)</script>";
  const made = await hostile.send("conversations", { kind: "group", title, participant_ids: [alice.user.id] });
  const id = made.id ?? made.conversation.id;
  for (const content of HOSTILE) await hostile.send("messages", { conversation_id: id, content });
  const page = await person(t, browser, stage, "alice");
  const violations = [];
  await page.exposeFunction("violated", (what) => violations.push(what));
  await page.evaluate(() => document.addEventListener("securitypolicyviolation", (event) => window.violated(event.violatedDirective)));
  await openConversation(page, "title");
  await write(page, HOSTILE[0]);
  await eventually("all are there", async () => (await texts(page)).length === HOSTILE.length + 1);
  assert.equal(await page.locator("#log-column :is(img, script, svg, b, iframe, [onload], [onerror], [onmouseover])").count(), 0);
  const links = await page.locator("#log-column a").evaluateAll((all) => all.map(({ href, rel, target }) => ({ href, rel, target })));
  assert.deepEqual(links.map(({ href }) => href), ["https://example.org/"]);
  for (const { rel, target } of links) assert.ok(rel.includes("noopener") && rel.includes("noreferrer") && target === "_blank");
  assert.equal(await page.locator("article.other .text").first().textContent(), HOSTILE[0]);
  await page.getByRole("searchbox", { name: /^Search/ }).fill("title");
  await page.getByRole("button", { name: "People" }).click();
  await page.getByRole("dialog").getByText("mallory").first().waitFor();
  const blocked = await page.evaluate(() => {
    try {
      document.body.innerHTML = "<p>markup</p>";
      return false;
    } catch {
      return true;
    }
  });
  assert.ok(blocked, "the policy lets nobody turn text into markup");
  assert.deepEqual(violations.filter((what) => !what.includes("trusted-types")), []);
  page.context().complaints = page.context().complaints.filter((words) => !/TrustedHTML|404.*search/.test(words));
  quiet(page);
});

test("a thousand messages: scrolling back moves nothing that is seen, and misses nothing", async (t) => {
  const bob = await stage.caller("historian", "correct horse");
  const alice = await stage.caller("alice");
  const made = await bob.send("conversations", { kind: "group", title: "long ago", participant_ids: [alice.user.id] });
  const id = made.id ?? made.conversation.id;
  const total = 1_000;
  for (let n = 1; n <= total; n += 20) {
    // Twenty at a time, which keeps them in no particular order: their numbers are what counts.
    await Promise.all(Array.from({ length: 20 }, (_, at) => bob.send("messages", { conversation_id: id, content: `entry ${n + at} ${"and on ".repeat((n + at) % 30)}` })));
  }
  const page = await person(t, browser, stage, "historian", { conversation: "long ago", password: "correct horse" });
  const log = page.locator("#log");
  await page.locator(`article[data-seq="${total}"]`).waitFor();
  assert.ok((await page.locator("article.message").count()) < 500, "not all at once");
  let worst = 0;
  await eventually("the beginning is reached", async () => {
    worst = Math.max(
      worst,
      await log.evaluate(async (element) => {
        // What is in the middle of the screen stays there while the page before it is put in.
        const frame = () => new Promise((resume) => requestAnimationFrame(resume));
        element.scrollTop = Math.min(element.scrollTop, 700);
        await frame();
        const box = element.getBoundingClientRect();
        const watched = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.closest("article.message");
        const first = element.querySelector("article.message");
        if (!watched) return 0;
        const before = watched.getBoundingClientRect().top;
        for (let frames = 0; frames < 30 && element.querySelector("article.message") === first; frames += 1) await frame();
        const moved = Math.abs(watched.getBoundingClientRect().top - before);
        element.scrollTop = 0;
        await frame();
        return moved;
      }),
    );
    return (await page.getByText("The beginning of “long ago”.").count()) === 1;
  }, 60_000);
  assert.ok(worst <= 2, `something jumped by ${worst} px`);
  const seqs = await page.locator("article.message").evaluateAll((all) => all.map(({ dataset }) => Number(dataset.seq)));
  assert.deepEqual(seqs, Array.from({ length: total }, (_, at) => at + 1));
  await page.getByRole("button", { name: "Newest" }).click();
  await eventually("the end is in sight", async () => log.evaluate((element) => element.scrollHeight - element.clientHeight - element.scrollTop < 3));
  await bob.send("messages", { conversation_id: id, content: "the newest of all" });
  await message(page, "the newest of all").waitFor();
  await eventually("what comes is followed", async () => log.evaluate((element) => element.scrollHeight - element.clientHeight - element.scrollTop < 3));
  await page.goto(`/#/c/${id}/40`);
  await page.locator('article.found-here[data-seq="40"]').waitFor();
  await page.reload();
  await page.locator('article.found-here[data-seq="40"]').waitFor();
  assert.ok((await page.locator("article.message").count()) < 300, "a place far back is reached without all that lies between");
  await page.getByRole("button", { name: "Newest" }).click();
  await message(page, "the newest of all").waitFor();
  quiet(page);
});

test("who reads further up is not pulled down by what comes", async (t) => {
  const bob = await stage.caller("bob");
  const made = await bob.send("conversations", { kind: "group", title: "calm", participant_ids: [(await stage.caller("alice")).user.id] });
  const id = made.id ?? made.conversation.id;
  for (let n = 0; n < 40; n += 1) await bob.send("messages", { conversation_id: id, content: `line ${n}` });
  const page = await person(t, browser, stage, "alice", { conversation: "calm" });
  await page.getByRole("button", { name: /new ↓|Newest/ }).click();
  const log = page.locator("#log");
  await eventually("everything is read", async () => (await row(page, "calm").locator(".row-unread:visible").count()) === 0);
  await log.evaluate((element) => (element.scrollTop = 300));
  await page.getByRole("button", { name: "Newest" }).waitFor();
  const before = await log.evaluate((element) => element.scrollTop);
  await bob.send("messages", { conversation_id: id, content: "look here" });
  await page.getByRole("button", { name: "1 new" }).waitFor();
  assert.equal(await log.evaluate((element) => element.scrollTop), before);
  await page.getByRole("button", { name: "1 new" }).click();
  await message(page, "look here").waitFor();
  await row(page, "calm").locator(".row-unread").waitFor({ state: "hidden" });
  quiet(page);
});

test("the keyboard is enough", async (t) => {
  const page = await newPage(t, browser, stage);
  await page.goto("/");
  await eventually("the field has the focus", async () => page.evaluate(() => document.activeElement.id === "door-username"));
  await page.keyboard.type("carol");
  await page.keyboard.press("Tab");
  await page.keyboard.type("demo");
  await page.keyboard.press("Enter");
  await row(page, GROUP).waitFor();
  await page.locator("#search").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 2 }).first().waitFor();
  await eventually("the message field has the focus", async () => page.evaluate(() => document.activeElement.id === "message"));
  await page.keyboard.type("by hand");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("on two lines");
  await page.keyboard.press("Enter");
  await fate(page, "by hand", /saved|delivered|read/);
  await page.keyboard.press("Shift+Tab");
  await eventually("the last message or its parts", async () => page.evaluate(() => Boolean(document.activeElement.closest("article.message"))));
  await message(page, "by hand").focus();
  await page.keyboard.press("Tab");
  await eventually("its first action", async () => page.evaluate(() => Boolean(document.activeElement.closest("article.message button"))));
  await message(page, "by hand").focus();
  await page.keyboard.press("ArrowUp");
  assert.notEqual(await page.evaluate(() => document.activeElement.textContent.includes("by hand")), true);
  await page.keyboard.press("r");
  await page.getByText("Replying to").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "New conversation" }).first().focus();
  await page.keyboard.press("Shift+Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the message field");
  quiet(page);
});

test("a screen reader hears what comes, and only that", async (t) => {
  const page = await person(t, browser, stage, "carol", { conversation: GROUP });
  const bob = await stage.caller("bob");
  const { id } = await bob.conversation(GROUP);
  await connected(page);
  assert.equal(await page.locator("#announcer").textContent(), "");
  await bob.send("messages", { conversation_id: id, content: "to the ears" });
  await page.locator("#announcer", { hasText: "Bob: to the ears" }).waitFor();
  quiet(page);
});

test("the first load is small, comes from here alone, and nothing jumps", async (t) => {
  const page = await newPage(t, browser, stage);
  let bytes = 0;
  page.on("response", async (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.includes("socket.io")) return;
    const { responseBodySize } = await response.request().sizes().catch(() => ({ responseBodySize: 0 }));
    bytes += responseBodySize;
  });
  await page.addInitScript(() => {
    window.shifted = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await signIn(page, "bob");
  await openConversation(page, GROUP);
  await page.reload();
  await message(page, "Night shift starts.").waitFor();
  await connected(page);
  await eventually("it is quiet", async () => page.evaluate(() => document.readyState === "complete"));
  assert.ok((await page.evaluate(() => window.shifted)) < 0.01, "something jumped");
  if (!process.env.ROLLCALL_CHAT_PAGE) assert.ok(bytes > 10_000 && bytes < 100_000, `${bytes} bytes`);
  const manifest = await page.evaluate(async () => (await fetch(document.querySelector("link[rel=manifest]").href)).json());
  assert.equal(manifest.name, "Rollcall");
  for (const { src } of manifest.icons) {
    const there = await page.evaluate(async (name) => (await fetch(new URL(name, document.querySelector("link[rel=manifest]").href))).ok, src);
    assert.ok(there, src);
  }
  quiet(page);
});
