// The chat page in a conversation of many: what it receives it confirms together, and what is read it tells at once.
import { after, before, test } from "node:test";

import { assert, eventually, forged, newPage, openBrowser, openConversation, quiet, row, signIn, startChat } from "./stage.mjs";

let stage;
let browser;

before(async () => {
  // A service makes the many known: it need not have an account, and they need no passwords.
  stage = await startChat({ ROLLCALL_AUTO_PROVISION: "true" });
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await stage?.stop();
});

const PASSWORD = "correct horse";
/** The smallest crowd. */
const CROWD = 51;
/** server/chat-page/receipts.js waits so long for more of a crowd. */
const CROWD_BURST_MS = 2_000;

/** A crowd of this test alone, with somebody who looks at another conversation of theirs. */
async function crowd(t, title) {
  const [reader, writer] = [await stage.caller(`reader-${title}`, PASSWORD), await stage.caller(`writer-${title}`, PASSWORD)];
  const service = forged({ id: "the-shop", display_name: "The shop", role: "service" }, { lastsSeconds: 600, claimsSeconds: 600 });
  const headers = { "content-type": "application/json", authorization: `Bearer ${service}` };
  const others = Array.from({ length: CROWD - 2 }, (_, n) => `${title}-${n}`);
  for (const id of others) {
    const made = await fetch(`${stage.url}/api/v1/users`, { method: "POST", headers, body: JSON.stringify({ id }) });
    assert.equal(made.status, 201, await made.text());
  }
  const made = await writer.send("conversations", { kind: "group", title, participant_ids: [reader.user.id, ...others] });
  const id = made.id ?? made.conversation.id;
  await writer.send("conversations", { kind: "group", title: "elsewhere", participant_ids: [reader.user.id] });
  const { participants } = await writer.conversation(title);
  assert.equal(participants.length, CROWD);

  const page = await newPage(t, browser, stage);
  const seen = await watch(page, id);
  await signIn(page, `reader-${title}`, PASSWORD);
  await openConversation(page, "elsewhere");
  let said = 0;
  return {
    page,
    reader,
    id,
    ...seen,
    /** More messages, until the list of conversations shows the last. */
    say: async (count = 1) => {
      for (let n = 0; n < count; n += 1) {
        said += 1;
        await writer.send("messages", { conversation_id: id, content: `number ${said}` });
      }
      await row(page, title).locator(".row-last", { hasText: `number ${said}` }).waitFor();
    },
  };
}

/** Notes what of a conversation goes over the page's line, by the browser's own clock: ours may be held up. */
async function watch(page, id) {
  const receipts = [];
  const cameAt = new Map();
  const loadedAt = [];
  const cdp = await page.context().newCDPSession(page);
  const event = ({ payloadData }, name) => {
    const [, text] = /^42\d*(\[.*)$/s.exec(payloadData) ?? [];
    const [called, payload] = text ? JSON.parse(text) : [];
    return called === name && payload.conversation_id === id ? payload : null;
  };
  cdp.on("Network.webSocketFrameSent", ({ timestamp, response }) => {
    const receipt = event(response, "receipt");
    if (receipt) receipts.push({ received: receipt.received, read: receipt.read ?? 0, at: timestamp * 1_000 });
  });
  cdp.on("Network.webSocketFrameReceived", ({ timestamp, response }) => {
    const message = event(response, "new_message");
    if (message) cameAt.set(message.seq, timestamp * 1_000);
  });
  cdp.on("Network.responseReceived", ({ timestamp, response }) => {
    if (response.url.includes(`conversations/${id}/messages`)) loadedAt.push(timestamp * 1_000);
  });
  await cdp.send("Network.enable");
  return { receipts, cameAt, loadedAt, told: () => receipts.map(({ received, read }) => [received, read]) };
}

test("what comes to a crowd is confirmed together, except what comes first, and reading is told at once", async (t) => {
  const { page, receipts, cameAt, loadedAt, told, say } = await crowd(t, "many");
  await say();
  await eventually("the first one is confirmed", async () => receipts.length === 1);
  assert.deepEqual(told(), [[1, 0]]);
  const first = receipts[0].at - cameAt.get(1);
  assert.ok(first < CROWD_BURST_MS, `the first one was confirmed after ${first} ms`);

  await say(4);
  await eventually("the others are confirmed", async () => receipts.at(-1).received === 5);
  assert.deepEqual(told(), [[1, 0], [5, 0]], "one receipt for all that came after the first");
  const others = receipts[1].at - cameAt.get(2);
  assert.ok(others > CROWD_BURST_MS * 0.95, `the others were confirmed after ${others} ms`);

  await openConversation(page, "many");
  await eventually("reading is told", async () => receipts.at(-1).read === 5);
  assert.deepEqual(told(), [[1, 0], [5, 0], [5, 5]]);
  const reading = receipts[2].at - loadedAt[0];
  assert.ok(reading < CROWD_BURST_MS, `reading was told after ${reading} ms`);
  quiet(page);
});

test("what a crowd's member has received is confirmed though the page is left before its time", async (t) => {
  const { page, reader, receipts, id, say } = await crowd(t, "left");
  await say();
  await eventually("the first one is confirmed", async () => receipts.length === 1);
  await say();
  await page.goto("about:blank");
  await eventually("the server knows", async () => {
    const { conversations } = await reader.get("conversations");
    return conversations.find((one) => one.id === id).received_seq === 2;
  });
  quiet(page);
});
