// The chat page when the line is bad: nothing is lost, nothing is doubled, and what is said about it is true.
import { after, before, test } from "node:test";

import {
  AWAY, assert, barSays, connected, eventually, fate, field, forged, message, newPage, newTab, openBrowser, openConversation, person, quiet, row,
  signIn, startChat, texts, write,
} from "./stage.mjs";

let browser;

before(async () => {
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
});

const GROUP = "Ops night shift";

async function ownStage(t, settings) {
  const stage = await startChat(settings);
  t.after(() => stage.stop());
  return stage;
}

const contents = async (caller, title) => {
  const { id } = await caller.conversation(title);
  return (await caller.history(id)).map(({ content }) => content);
};

test("a message in the outbox survives the server's death, and arrives once", async (t) => {
  const stage = await ownStage(t);
  const alice = await person(t, browser, stage, "alice", { conversation: GROUP, expected: AWAY });
  const bob = await person(t, browser, stage, "bob", { conversation: GROUP, expected: AWAY });
  await connected(alice);
  await stage.end("SIGKILL");
  await barSays(alice, /offline since .*Trying again in \d+ s/);
  await write(alice, "written while it was down");
  await write(alice, "and one more");
  await fate(alice, "written while it was down", "waiting for the connection");
  await barSays(alice, "2 messages will be sent then.");
  await stage.again();
  await alice.getByRole("button", { name: "Connect now" }).click({ timeout: 2_000 }).catch(() => {});
  await fate(alice, "and one more", /saved|delivered|read/);
  await message(bob, "and one more").waitFor();
  const said = await contents(await stage.caller("carol"), GROUP);
  assert.deepEqual(said.slice(-3), ["Here too. ☕", "written while it was down", "and one more"]);
  assert.deepEqual((await texts(alice)).slice(-3), said.slice(-3));
  assert.deepEqual(await texts(bob), await texts(alice));
  quiet(alice, bob);
});

test("a message in the outbox survives the page's death too", async (t) => {
  const stage = await ownStage(t);
  const first = await person(t, browser, stage, "alice", { conversation: GROUP, expected: AWAY });
  await connected(first);
  await stage.end("SIGKILL");
  await first.getByRole("button", { name: "Connect now" }).waitFor();
  await write(first, "from a page that is no more");
  const context = first.context();
  await first.close();
  await stage.again();
  const second = await newTab(context, stage);
  await second.goto("/");
  await openConversation(second, GROUP);
  await fate(second, "from a page that is no more", /saved|delivered|read/);
  const said = await contents(await stage.caller("carol"), GROUP);
  assert.equal(said.filter((content) => content === "from a page that is no more").length, 1);
  assert.equal(await message(second, "from a page that is no more").count(), 1);
  assert.equal(await second.evaluate(() => localStorage.length), 0, "the outbox is empty");
  quiet(second);
});

test("an answer that is lost doubles nothing", async (t) => {
  const stage = await ownStage(t);
  const page = await newPage(t, browser, stage, {}, AWAY);
  let cut = true;
  await page.routeWebSocket(/socket\.io/, (ws) => {
    const server = ws.connectToServer();
    server.onMessage((data) => {
      // "43" is an acknowledgement: the message is saved by then, and the line goes before the page hears of it.
      if (cut && String(data).startsWith("43") && String(data).includes("said once")) {
        cut = false;
        return ws.close();
      }
      ws.send(data);
    });
  });
  await signIn(page, "alice");
  await openConversation(page, GROUP);
  await connected(page);
  await write(page, "said once");
  await fate(page, "said once", /saved|delivered|read/);
  await eventually("the line was cut", async () => !cut);
  await connected(page);
  await write(page, "and after it");
  await fate(page, "and after it", /saved|delivered|read/);
  const said = await contents(await stage.caller("carol"), GROUP);
  assert.deepEqual(said.slice(-3), ["Here too. ☕", "said once", "and after it"]);
  assert.deepEqual((await texts(page)).slice(-3), said.slice(-3));
  quiet(page);
});

test("offline and online: what was missed is filled in, in order, here and in other conversations", async (t) => {
  const stage = await ownStage(t);
  const alice = await person(t, browser, stage, "alice", { conversation: GROUP, expected: AWAY });
  const bob = await stage.caller("bob");
  const group = await bob.conversation(GROUP);
  const direct = await bob.conversation("Alice");
  await alice.context().setOffline(true);
  await barSays(alice, /Your device is offline.*Trying again/);
  for (let n = 1; n <= 5; n += 1) await bob.send("messages", { conversation_id: group.id, content: `missed ${n}` });
  await bob.send("messages", { conversation_id: direct.id, content: "missed too" });
  await alice.context().setOffline(false);
  await connected(alice);
  await message(alice, "missed 5").waitFor();
  assert.deepEqual((await texts(alice)).slice(-5), ["missed 1", "missed 2", "missed 3", "missed 4", "missed 5"]);
  await row(alice, "Bob").locator(".row-last", { hasText: "missed too" }).waitFor();
  await row(alice, "Bob").locator(".row-unread").waitFor();
  await openConversation(alice, "Bob");
  await message(alice, "missed too").waitFor();
  quiet(alice);
});

test("what was edited and deleted while the line was down is shown as it is", async (t) => {
  const stage = await ownStage(t);
  const bob = await stage.caller("bob");
  const { id } = await bob.conversation(GROUP);
  const sent = await bob.send("messages", { conversation_id: id, content: "before" });
  const alice = await person(t, browser, stage, "alice", { conversation: GROUP, expected: AWAY });
  await message(alice, "before").waitFor();
  await alice.context().setOffline(true);
  await barSays(alice, /Your device is offline/);
  await bob.remove(`messages/${sent.message.id}`);
  await alice.context().setOffline(false);
  await alice.getByText("This message was deleted.").waitFor();
  quiet(alice);
});

test("a server that stops says so, and the page comes back by itself", async (t) => {
  const stage = await ownStage(t);
  const page = await person(t, browser, stage, "alice", { conversation: GROUP, expected: AWAY });
  await connected(page);
  const ended = stage.end("SIGTERM");
  await barSays(page, /The server is (about to restart|restarting)/);
  await ended;
  await stage.again();
  await connected(page);
  await write(page, "back again");
  await fate(page, "back again", "saved");
  quiet(page);
});

test("a token that ends is replaced without anybody noticing", async (t) => {
  const stage = await ownStage(t);
  const { user } = await stage.caller("alice");
  const page = await newPage(t, browser, stage);
  let given = 0;
  await page.route("**/session", async (route) => {
    const answer = await route.fetch();
    const body = { ...(await answer.json()), token: forged(user, { lastsSeconds: 4, claimsSeconds: 900 }) };
    given += 1;
    await route.fulfill({ response: answer, json: body });
  });
  const refreshed = page.waitForRequest("**/session/token", { timeout: 15_000 });
  let disconnections = 0;
  page.on("websocket", (socket) => socket.on("close", () => (disconnections += 1)));
  await page.goto("/");
  await page.getByLabel("Username").fill("alice");
  await page.getByLabel("Password").fill("demo");
  const first = page.waitForRequest("**/session/token").catch(() => null);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await openConversation(page, GROUP);
  await refreshed;
  await first;
  const until = Date.now() + 5_000;
  await eventually("the old token's end has passed", async () => Date.now() > until, 10_000);
  await write(page, "still here");
  await fate(page, "still here", "saved");
  assert.equal(given, 1);
  assert.equal(disconnections, 0);
  quiet(page);
});

test("a session that has ended asks for the password, and nothing that was written is lost", async (t) => {
  const stage = await ownStage(t);
  const { user } = await stage.caller("alice");
  const page = await newPage(t, browser, stage, {}, [...AWAY, /401/]);
  await page.route("**/session", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    const answer = await route.fetch();
    // A minute before its end the page is told, and asks for the next one.
    const token = forged(user, { lastsSeconds: 70, claimsSeconds: 900 });
    await route.fulfill({ response: answer, json: { ...(await answer.json()), token } });
  });
  await page.route("**/session/token", (route) => route.fulfill({ status: 204 }));
  await page.goto("/");
  await page.getByLabel("Username").fill("alice");
  await page.getByLabel("Password").fill("demo");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await openConversation(page, GROUP);
  await field(page).fill("half a thought");
  await page.getByText("Your session has ended.").waitFor();
  await page.unroute("**/session/token");
  await page.unroute("**/session");
  await page.getByLabel("Username").fill("alice");
  await page.getByLabel("Password").fill("demo");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { level: 2, name: GROUP }).waitFor();
  await connected(page);
  assert.equal(await field(page).inputValue(), "half a thought");
  await field(page).press("Enter");
  await fate(page, "half a thought", "saved");
  quiet(page);
});

test("a page at an address that the server does not take says which setting is meant", async (t) => {
  const stage = await ownStage(t);
  const other = `http://localhost:${stage.port}`;
  const page = await newPage(t, browser, { ...stage, url: other }, {}, [...AWAY, /403/]);
  await signIn(page, "alice");
  await barSays(page, `This server does not take connections from pages at ${other}.`);
  await barSays(page, "ALLOWED_ORIGINS");
  quiet(page);
});

test("a message that cannot be sent says why, and can be tried again or thrown away", async (t) => {
  const stage = await ownStage(t);
  const page = await person(t, browser, stage, "alice", { conversation: GROUP, expected: AWAY });
  await connected(page);
  // The server takes less than it did when the page was loaded.
  await stage.end("SIGKILL");
  await stage.again({ ROLLCALL_MAX_MESSAGE_BYTES: "100" });
  const long = "x".repeat(150);
  await write(page, long);
  await fate(page, long, "failed: The message is too long.");
  await page.getByRole("button", { name: /^Retry/ }).click();
  await fate(page, long, "failed: The message is too long.");
  await page.reload();
  await fate(page, long, "failed: The message is too long.");
  await page.getByRole("button", { name: /^Discard/ }).click();
  await page.getByRole("button", { name: "Discard message" }).click();
  await message(page, long).waitFor({ state: "detached" });
  await page.reload();
  await message(page, "Night shift starts.").waitFor();
  assert.equal(await message(page, long).count(), 0);
  quiet(page);
});

test("what was written for a conversation that one is no longer in is not thrown away in silence", async (t) => {
  const stage = await ownStage(t);
  const page = await person(t, browser, stage, "bob", { conversation: GROUP, expected: AWAY });
  await connected(page);
  const alice = await stage.caller("alice");
  const bob = await stage.caller("bob");
  const { id } = await alice.conversation(GROUP);
  await page.context().setOffline(true);
  await barSays(page, /Your device is offline/);
  await write(page, "too late");
  await alice.remove(`conversations/${id}/participants/${bob.user.id}`);
  await page.context().setOffline(false);
  await row(page, GROUP).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "1 message could not be sent" }).click();
  await page.getByRole("dialog").getByText("too late").waitFor();
  await page.getByRole("dialog").getByText("You are no longer in this conversation.").waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await page.getByRole("button", { name: /could not be sent/ }).waitFor({ state: "hidden" });
  quiet(page);
});
