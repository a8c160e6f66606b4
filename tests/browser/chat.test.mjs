// The chat page in a real browser: people who talk to each other.
import { after, before, test } from "node:test";

import {
  assert, connected, eventually, fate, fateOf, field, message, newPage, newTab, openBrowser, openConversation, person, quiet, row,
  signIn, startChat, texts, write,
} from "./stage.mjs";

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

const GROUP = "Ops night shift";

/** Two people of this test alone, in a group of this test alone. */
async function pair(t, title) {
  const [one, two] = [`one-${title}`, `two-${title}`];
  const [first, second] = [await stage.caller(one, "correct horse"), await stage.caller(two, "correct horse")];
  const made = await first.send("conversations", { kind: "group", title, participant_ids: [second.user.id] });
  const id = made.id ?? made.conversation.id;
  const look = async (name) => person(t, browser, stage, name, { conversation: title, password: "correct horse" });
  return { one, two, first, second, id, look };
}

test("two people talk to each other, and each sees what became of the words", async (t) => {
  const { one, two, look } = await pair(t, "talk");
  const alice = await look(one);
  await write(alice, "Is anybody there?");
  await fate(alice, "Is anybody there?", "saved");
  const bob = await look(two);
  await message(bob, "Is anybody there?").waitFor();
  await fate(alice, "Is anybody there?", "read");
  await field(bob).pressSequentially("Ye");
  await alice.getByText(`${two} is typing…`).first().waitFor();
  await write(bob, "Yes.");
  await message(alice, "Yes.").waitFor();
  assert.deepEqual(await texts(alice), ["Is anybody there?", "Yes."]);
  assert.deepEqual(await texts(bob), ["Is anybody there?", "Yes."]);
  assert.equal(await alice.locator("article.own").count(), 1);
  quiet(alice, bob);
});

test("what is not looked at counts as unread, in the list and in the title, until it is", async (t) => {
  const { one, first, second, id } = await pair(t, "unread");
  const elsewhere = await first.send("conversations", { kind: "group", title: "elsewhere", participant_ids: [second.user.id] });
  const page = await person(t, browser, stage, one, { conversation: "elsewhere", password: "correct horse" });
  for (const content of ["first", "second"]) await second.send("messages", { conversation_id: id, content });
  await row(page, "unread").locator(".row-unread", { hasText: "2" }).waitFor();
  await eventually("the title counts", async () => (await page.title()) === "(2) elsewhere – Rollcall");
  assert.match(await row(page, "unread").locator(".row-last").textContent(), /second$/);
  await openConversation(page, "unread");
  await page.locator(".new-mark").waitFor();
  assert.equal(await page.locator(".new-mark ~ article.message").count(), 2, "the mark is above the first new one");
  await row(page, "unread").locator(".row-unread").waitFor({ state: "hidden" });
  await eventually("the title is calm", async () => (await page.title()) === "unread – Rollcall");
  assert.ok(elsewhere);
  quiet(page);
});

test("registering, signing out, and a wrong password", async (t) => {
  const page = await newPage(t, browser, stage, {}, [/401|409/]);
  await page.goto("/");
  await page.getByRole("button", { name: "Make an account" }).click();
  await page.getByLabel("Username").fill("alice");
  await page.getByLabel("Password").fill("correct horse");
  await page.getByRole("button", { name: "Make account", exact: true }).click();
  await page.getByRole("alert").getByText("This username is taken. Choose another username.").waitFor();
  await page.getByLabel("Username").fill("newcomer");
  await page.getByLabel("Your name").fill("New Comer");
  await page.getByRole("button", { name: "Make account", exact: true }).click();
  await page.getByText("Your conversations will be here.").waitFor();
  assert.equal(await page.locator("#me-name").textContent(), "New Comer");
  await page.reload();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.reload();
  await page.getByLabel("Username").fill("newcomer");
  await page.getByLabel("Password").fill("wrong horse");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("alert").getByText("Username or password is wrong.").waitFor();
  quiet(page);
});

test("the token is nowhere that a script could look later", async (t) => {
  const page = await person(t, browser, stage, "carol", { conversation: GROUP });
  await write(page, "Where is it?");
  await fate(page, "Where is it?", /saved|delivered|read/);
  const found = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, Object.keys(window)]));
  assert.doesNotMatch(found, /eyJ/);
  assert.doesNotMatch(page.url(), /token|eyJ/);
  quiet(page);
});

test("a direct conversation is started, and the other one sees it at once", async (t) => {
  await stage.caller("dora", "correct horse");
  const dora = await person(t, browser, stage, "dora", { password: "correct horse" });
  const page = await person(t, browser, stage, "bob");
  await page.getByRole("button", { name: "New conversation" }).first().click();
  await page.getByRole("searchbox", { name: "Find people by name" }).fill("dora");
  await page.getByRole("button", { name: /^dora/ }).click();
  await page.getByRole("button", { name: "Start conversation" }).click();
  await page.getByRole("heading", { level: 2, name: "dora" }).waitFor();
  await page.getByText("● online").waitFor();
  await write(page, "Welcome!");
  await row(dora, "Bob").locator(".row-unread").waitFor();
  await openConversation(dora, "Bob");
  await fate(page, "Welcome!", "read");
  await dora.close();
  await page.getByText(/○ offline, last seen/).waitFor();
  quiet(page, dora);
});

test("people come into a group and go, and who goes is told so", async (t) => {
  const { one, two, first, id } = await pair(t, "guests");
  await stage.caller("erin", "correct horse");
  const page = await person(t, browser, stage, one, { conversation: "guests", password: "correct horse" });
  const other = await person(t, browser, stage, two, { conversation: "guests", password: "correct horse" });
  const erin = await person(t, browser, stage, "erin", { password: "correct horse" });
  await page.getByRole("button", { name: "People" }).click();
  await page.getByRole("button", { name: "Add people" }).click();
  await page.getByRole("searchbox", { name: "Find people by name" }).fill("erin");
  await page.getByRole("button", { name: /^erin/ }).click();
  await page.getByRole("button", { name: "Add to conversation" }).click();
  await openConversation(erin, "guests");
  await page.getByText("3 people, 2 others online").waitFor();
  await erin.getByRole("button", { name: "People" }).click();
  await erin.getByRole("button", { name: "Leave conversation" }).click();
  await erin.getByRole("dialog").getByRole("button", { name: "Leave conversation" }).click();
  await row(erin, "guests").waitFor({ state: "detached" });
  await page.getByText("2 people, 1 other online").waitFor();
  await first.remove(`conversations/${id}/participants/${(await stage.caller(two, "correct horse")).user.id}`);
  await row(other, "guests").waitFor({ state: "detached" });
  await other.getByText("Choose a conversation").waitFor();
  quiet(page, other, erin);
});

test("an owner bans with a reason, sees the ban and lifts it", async (t) => {
  const { one, two } = await pair(t, "orderly");
  const page = await person(t, browser, stage, one, { conversation: "orderly", password: "correct horse" });
  const other = await person(t, browser, stage, two, { conversation: "orderly", password: "correct horse" });
  // Who may not is not offered it.
  await other.getByRole("button", { name: "People" }).click();
  await other.getByRole("dialog").getByText(`${one}, owner`).waitFor();
  assert.equal(await other.getByRole("button", { name: /^(Ban|Remove)/ }).count(), 0);
  await other.keyboard.press("Escape");

  await page.getByRole("button", { name: "People" }).click();
  await page.getByRole("button", { name: `Ban ${two}…` }).click();
  await page.getByLabel(/^Why/).fill("Advertising.");
  await page.getByRole("button", { name: "Ban from conversation" }).click();
  const told = other.getByRole("dialog");
  await told.getByText(`You were banned from “orderly” by ${one}.`).waitFor();
  await told.getByText("Advertising.").waitFor();
  await told.getByRole("button", { name: "Close window" }).click();
  await row(other, "orderly").waitFor({ state: "detached" });

  await page.getByRole("dialog").getByText("1 person").waitFor();
  await page.getByRole("button", { name: "Banned people" }).click();
  await page.getByText("“Advertising.”").waitFor();
  await page.getByRole("button", { name: `Lift ban of ${two}` }).click();
  await page.getByText("Nobody is banned.").waitFor();
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await page.getByRole("button", { name: "Add people" }).click();
  await page.getByRole("searchbox", { name: "Find people by name" }).fill(two);
  await page.getByRole("button", { name: new RegExp(`^${two}`) }).click();
  await page.getByRole("button", { name: "Add to conversation" }).click();
  await row(other, "orderly").waitFor();
  quiet(page, other);
});

test("replies, edits and deletions, at both ends", async (t) => {
  const { one, two, look } = await pair(t, "changes");
  const [alice, bob] = [await look(one), await look(two)];
  await write(alice, "The pager goes to bob.");
  const asked = message(bob, "The pager goes to bob.");
  await asked.hover();
  await asked.getByRole("button", { name: /^Reply/ }).click();
  await write(bob, "Got it.");
  await message(alice, "Got it.").locator(".quote", { hasText: "The pager goes to bob." }).waitFor();
  await field(alice).press("ArrowUp");
  await alice.getByText("Editing your message").waitFor();
  await write(alice, "The pager goes to carol.");
  await message(bob, "The pager goes to carol.").first().getByText("edited", { exact: true }).waitFor();
  await message(bob, "Got it.").locator(".quote", { hasText: "to carol" }).waitFor();
  const own = message(bob, "Got it.");
  await own.hover();
  await own.getByRole("button", { name: /^Delete/ }).click();
  await bob.getByRole("button", { name: "Delete message" }).click();
  await alice.getByText("This message was deleted.").waitFor();
  assert.deepEqual(await texts(alice), ["The pager goes to carol.", "This message was deleted."]);
  quiet(alice, bob);
});

test("who has it, who has not, and why", async (t) => {
  const { one, two, look, first, second, id } = await pair(t, "whohas");
  const away = await stage.caller("frank", "correct horse");
  await first.send(`conversations/${id}/participants`, { user_ids: [away.user.id] });
  const [alice, bob] = [await look(one), await look(two)];
  await write(alice, "Roll call!");
  await message(bob, "Roll call!").waitFor();
  await fate(alice, "Roll call!", "read by 1 of 2");
  await fateOf(alice, "Roll call!").getByRole("button").click();
  const dialog = alice.getByRole("dialog", { name: "Who has it?" });
  await dialog.getByText("Everybody who is connected has it. frank is not connected.").waitFor();
  await dialog.getByRole("listitem").filter({ hasText: two }).getByText("read").waitFor();
  await dialog.getByRole("listitem").filter({ hasText: "frank" }).getByText("They get it as soon as they open the chat.").waitFor();
  await alice.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await alice.reload();
  await fate(alice, "Roll call!", "read by 1 of 2");
  // Whoever read it and was banned since has read it all the same.
  await first.send(`conversations/${id}/bans`, { user_id: second.user.id });
  await alice.getByText("2 people, nobody else online").waitFor();
  await fate(alice, "Roll call!", "read by 1 of 2");
  quiet(alice, bob);
});

test("two tabs agree on what is read, and are one person to the others", async (t) => {
  const { one, two, second, id, look } = await pair(t, "tabs");
  const tab = await person(t, browser, stage, one, { password: "correct horse" });
  const other = await newTab(tab.context(), stage);
  await other.goto("/");
  await row(other, "tabs").waitFor();
  const bob = await look(two);
  await bob.getByText("2 people, 1 other online").waitFor();
  await second.send("messages", { conversation_id: id, content: "Once, please." });
  for (const page of [tab, other]) await row(page, "tabs").locator(".row-unread", { hasText: "1" }).waitFor();
  await tab.bringToFront();
  await openConversation(tab, "tabs");
  for (const page of [tab, other]) await row(page, "tabs").locator(".row-unread").waitFor({ state: "hidden" });
  await eventually("the other tab's title is calm", async () => (await other.title()) === "Rollcall");
  await write(tab, "From one tab.");
  await openConversation(other, "tabs");
  await message(other, "From one tab.").waitFor();
  await tab.close();
  await write(other, "From the other.");
  await message(bob, "From the other.").waitFor();
  await bob.getByText("2 people, 1 other online").waitFor();
  quiet(other, bob);
});

test("signing out in one tab signs the other one out", async (t) => {
  const page = await person(t, browser, stage, "carol");
  const other = await newTab(page.context(), stage);
  await other.goto("/");
  await row(other, GROUP).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  for (const tab of [page, other]) await tab.getByRole("heading", { name: "Sign in" }).waitFor();
  quiet(page, other);
});

test("what was said long ago is found by its words, and shown in its place", async (t) => {
  const { one, second, id } = await pair(t, "archive");
  for (let n = 0; n < 260; n += 1) {
    await second.send("messages", { conversation_id: id, content: n === 3 ? "The zebra crosses at noon." : `line ${n}` });
  }
  const page = await person(t, browser, stage, one, { password: "correct horse" });
  await page.getByRole("searchbox", { name: /^Search/ }).fill("zebra noon");
  const found = page.getByRole("region", { name: "Messages found" }).getByRole("link");
  await found.first().waitFor();
  assert.deepEqual(await found.locator("mark").allTextContents(), ["zebra", "noon"]);
  await found.click();
  await page.locator("article.found-here", { hasText: "The zebra crosses at noon." }).waitFor();
  await page.getByRole("button", { name: /↓/ }).click();
  await message(page, "line 259").waitFor();
  quiet(page);
});

test("a very long paste is stopped before it is sent", async (t) => {
  const { one, look } = await pair(t, "long");
  const page = await look(one);
  await field(page).fill("ä".repeat(8_193));
  await page.getByText("Too long by 2 of 16,384 bytes.").waitFor();
  assert.ok(await page.getByRole("button", { name: "Send" }).isDisabled());
  await field(page).press("Enter");
  assert.equal(await page.locator("article.message").count(), 0);
  await field(page).fill("ä".repeat(8_192));
  await field(page).press("Enter");
  await eventually("it is saved", async () => (await page.locator(".fate").last().textContent()).includes("saved"));
  quiet(page);
});

test("a draft and a place in the list survive a reload", async (t) => {
  const { one, look } = await pair(t, "drafts");
  const page = await look(one);
  await field(page).fill("half a thought");
  await page.reload();
  await eventually("the draft is there", async () => (await field(page).inputValue()) === "half a thought");
  await connected(page);
  assert.equal(await page.getByRole("heading", { level: 2, name: "drafts" }).count(), 1);
  await signInAgain(page);
  quiet(page);
});

async function signInAgain(page) {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0, "nothing stays in the browser");
  await signIn(page, "carol");
}
