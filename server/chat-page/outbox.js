// What was written and is not yet saved by the server. Each entry is in the browser's storage before it is sent, and
// leaves it when the server has it; its id makes sending it twice the same as once. So neither a reload, nor a crash, nor
// a lost answer, nor a second tab loses or doubles a message.

import { emit } from "./bus.js";
import { arrived, get } from "./chat.js";
import { newId } from "./dom.js";
import { Failure, inWords } from "./failure.js";
import * as link from "./link.js";
import { me } from "./session.js";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 20_000;
/** After an answer the message itself should come; if it does not, the answer's copy is taken. */
const ECHO_PATIENCE_MS = 1_500;

/** In the order of writing. `state`: waiting, sending, saved (the answer came, the message itself not yet), failed. */
let entries = [];
const pumping = new Set();
const retries = new Map();

const prefix = () => `rollcall.outbox.${me().id}.`;
const keyOf = (entry) => prefix() + entry.id;

function store(entry) {
  const { id, conversation_id, content, reply_to, at, state, error } = entry;
  try {
    localStorage.setItem(keyOf(entry), JSON.stringify({ id, conversation_id, content, reply_to, at, state, error }));
    entry.stored = true;
  } catch {
    // Full or forbidden: the message is still sent from memory, and the page says that a reload would lose it.
    entry.stored = false;
  }
}

function drop(entry) {
  entries = entries.filter((other) => other !== entry);
  localStorage.removeItem(keyOf(entry));
  emit("outbox", { id: entry.conversation_id });
}

export const of = (conversationId) => entries.filter((entry) => entry.conversation_id === conversationId);
export const unsent = () => entries.filter(({ state }) => state !== "saved");

/** What failed for a conversation that is not in the list any more: nowhere else would it be seen. */
export const stranded = () => entries.filter(({ state, conversation_id }) => state === "failed" && !get(conversation_id));

/** Takes in what a former page, or another tab that is gone, left behind; and sends on. */
export function adopt() {
  for (let at = 0; at < localStorage.length; at += 1) {
    const key = localStorage.key(at);
    if (!key.startsWith(prefix()) || entries.some((entry) => keyOf(entry) === key)) continue;
    try {
      const entry = JSON.parse(localStorage.getItem(key));
      entries.push({ ...entry, state: entry.state === "failed" ? "failed" : "waiting", stored: true });
    } catch {
      localStorage.removeItem(key);
    }
  }
  entries.sort((a, b) => a.at - b.at);
  for (const id of new Set(entries.map((entry) => entry.conversation_id))) {
    emit("outbox", { id });
    pump(id);
  }
}

/** Writes a message down and sends it as soon as possible. */
export function post(conversationId, content, replyTo) {
  // Later than every other, also where the clock stands still or went back.
  const at = Math.max(Date.now(), (entries.at(-1)?.at ?? 0) + 1);
  const entry = { id: newId(), conversation_id: conversationId, content, reply_to: replyTo ?? null, at, state: "waiting" };
  entries.push(entry);
  store(entry);
  emit("outbox", { id: conversationId });
  pump(conversationId);
}

/** Sends what waits in this conversation, one after the other, so that the order is the order of writing. */
async function pump(conversationId) {
  if (pumping.has(conversationId)) return;
  pumping.add(conversationId);
  clearTimeout(retries.get(conversationId)?.timer);
  try {
    for (;;) {
      const entry = entries.find(({ conversation_id, state }) => conversation_id === conversationId && state === "waiting");
      if (!entry || !link.isOpen() || !(await send(entry))) return;
    }
  } finally {
    pumping.delete(conversationId);
  }
}

/** Gives whether the next one may go. */
async function send(entry) {
  change(entry, { state: "sending", error: null });
  try {
    const { message, delivery } = await link.ask("send_message", {
      conversation_id: entry.conversation_id,
      content: entry.content,
      client_message_id: entry.id,
      ...(entry.reply_to && { reply_to: entry.reply_to }),
    });
    retries.delete(entry.conversation_id);
    saved(entry, message, delivery);
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const given = { code: error.code, words: inWords(error), hint: error.hint };
    if (error.passing) {
      change(entry, { state: "waiting", error: error.code === "unreachable" ? null : given });
      again(entry.conversation_id, error.retryAfterMs);
      return false;
    }
    change(entry, { state: "failed", error: given });
    store(entry);
    return true;
  }
}

function again(conversationId, afterMs) {
  const last = retries.get(conversationId)?.wait ?? RETRY_FIRST_MS / 2;
  const wait = Math.min(last * 2, RETRY_MAX_MS);
  const timer = setTimeout(() => pump(conversationId), afterMs ?? wait);
  retries.set(conversationId, { wait, timer });
}

function change(entry, change) {
  Object.assign(entry, change);
  emit("outbox", { id: entry.conversation_id });
}

function saved(entry, message, delivery) {
  localStorage.removeItem(keyOf(entry));
  if (!entries.includes(entry)) return;
  const conversation = get(entry.conversation_id);
  if (conversation && message.seq <= conversation.timeline.head) return drop(entry);
  change(entry, { state: "saved", message, delivery });
  setTimeout(() => entries.includes(entry) && arrived(message), ECHO_PATIENCE_MS);
}

/** One's own message is in the timeline: its copy goes. */
export function settle(message) {
  if (message.sender_id !== me().id || !message.client_message_id) return;
  const entry = entries.find(({ id }) => id === message.client_message_id);
  if (entry) drop(entry);
}

/** By hand: now, whatever was said before. */
export function retry(entry) {
  change(entry, { state: "waiting", error: null });
  pump(entry.conversation_id);
}

/** By hand: it is not to be sent any more. One that is on its way may arrive all the same. */
export const discard = (entry) => drop(entry);

/** Signing out: nothing stays behind for the next one at this browser. */
export function discardAll() {
  for (const entry of [...entries]) drop(entry);
}

// Another tab has sent or discarded it.
addEventListener("storage", ({ key, newValue }) => {
  if (newValue !== null || !key || !me()) return;
  const entry = entries.find((other) => keyOf(other) === key);
  if (entry && entry.state !== "saved" && entry.state !== "sending") drop(entry);
});
