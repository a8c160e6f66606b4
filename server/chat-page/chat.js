// What the page knows of the chat, and how the server's events change it. Draws nothing.

import { emit } from "./bus.js";
import { Conversation } from "./conversation.js";
import * as link from "./link.js";
import * as outbox from "./outbox.js";
import * as receipts from "./receipts.js";
import { api, me } from "./session.js";

/** Two screens of messages. */
const PAGE = 50;
/** What was missed while the page was closed is fetched up to this, so that "received" is true when it is said. */
const CATCH_UP_MAX = 200;
const SYNC_PAGE = 200;

export const conversations = new Map();
/** Presence that goes beyond "online": when somebody was last seen. */
const lastSeen = new Map();
let epoch = null;
let openId = null;

export const get = (id) => conversations.get(id);
export const opened = () => conversations.get(openId);
export const lastSeenOf = (userId) => lastSeen.get(userId) ?? null;
/** What waits to be read; of muted conversations only what names oneself. */
export const unreadInAll = () =>
  [...conversations.values()].reduce((sum, { unread, mentions, muted }) => sum + (muted ? mentions : unread), 0);

/** Newest first. */
export function inOrder() {
  const at = ({ lastMessage }) => lastMessage?.created_at ?? "";
  return [...conversations.values()].sort((a, b) => at(b).localeCompare(at(a)) || a.name.localeCompare(b.name));
}

/** What a reconnect resumes from. */
export function held() {
  if (epoch === null) return {};
  return { epoch, resume: Object.fromEntries([...conversations].map(([id, { timeline }]) => [id, timeline.head])) };
}

function take(wire) {
  const known = conversations.get(wire.id);
  if (known) known.take(wire);
  else conversations.set(wire.id, new Conversation(wire));
  return conversations.get(wire.id);
}

function onSession(session) {
  const returning = epoch !== null;
  const sameDatabase = epoch === session.epoch;
  epoch = session.epoch;
  if (!sameDatabase) receipts.forget();
  const present = new Set(session.conversations.map(({ id }) => id));
  for (const id of [...conversations.keys()]) if (!present.has(id)) forget(id);
  for (const wire of session.conversations) {
    // Numbers of another database mean nothing here.
    if (!sameDatabase) conversations.delete(wire.id);
    const conversation = take(wire);
    const { timeline } = conversation;
    conversation.typists.clear();
    // Others may have read on while nobody could tell this page.
    conversation.learnedFrom = null;
    const resumed = session.resume?.[wire.id];
    // Too far behind, or ahead of a database that was restored: what is held is no good as a beginning.
    if (resumed && !resumed.recovered) timeline.reset(wire.last_seq);
    // Edits of what was held while the line was down are not told: what nobody looks at is loaded again when opened.
    else if (returning && wire.id !== openId) timeline.unload();
  }
  emit("list");
  emit("people");
  if (openId) emit("timeline", { id: openId });
  queueMicrotask(() => settle(returning));
}

/** What is to be done once the line is open. */
async function settle(returning) {
  outbox.adopt();
  receipts.flush();
  if (returning && opened()) refreshWindow(opened()).catch(() => {});
  const behind = inOrder().filter(({ receivedSeq, timeline }) => receivedSeq < timeline.head && !timeline.loaded);
  for (const conversation of behind) {
    if (!link.isOpen()) return;
    await catchUp(conversation).catch(() => {});
  }
}

/** Fetches what was missed, and says that it was received: before that it is not true. */
async function catchUp(conversation) {
  const missed = conversation.lastSeq - conversation.receivedSeq;
  await loadNewest(conversation, Math.min(Math.max(missed, PAGE), CATCH_UP_MAX));
  receipts.received(conversation);
}

const loading = new Map();

/** One load at a time and conversation: a second caller waits for the first. */
function once(conversation, what, load) {
  const key = `${conversation.id} ${what}`;
  if (!loading.has(key)) loading.set(key, load().finally(() => loading.delete(key)));
  return loading.get(key);
}

const page = (conversation, query) =>
  api("GET", `conversations/${encodeURIComponent(conversation.id)}/messages?${new URLSearchParams(query)}`);

function loadNewest(conversation, limit) {
  return once(conversation, "newest", async () => {
    const { messages, more } = await page(conversation, { limit });
    const { timeline } = conversation;
    const newest = messages.at(-1);
    timeline.open(messages, !more);
    // The answer may know more than has come over the socket yet, or less.
    if (newest) {
      for (const message of messages) noteIfNew(conversation, message);
      if (newest.seq > timeline.head) timeline.head = newest.seq;
    }
    messages.forEach(outbox.settle);
    emit("timeline", { id: conversation.id });
    if (!timeline.atEnd) await fill(conversation);
  });
}

function noteIfNew(conversation, message) {
  if (message.seq <= conversation.lastSeq) return;
  conversation.note(message);
  emit("list");
}

/** Makes a conversation ready to be shown. */
export async function open(id) {
  openId = id;
  const conversation = conversations.get(id);
  if (!conversation) return;
  conversation.newAfter = conversation.unread > 0 ? conversation.readSeq : null;
  if (!conversation.timeline.loaded) {
    const unseen = conversation.lastSeq - conversation.readSeq;
    await loadNewest(conversation, Math.min(Math.max(unseen + 10, PAGE), CATCH_UP_MAX));
  }
  receipts.received(conversation);
}

export function close() {
  openId = null;
}

/** Older messages; gives whether there were any. */
export function loadOlder(conversation) {
  const { timeline } = conversation;
  if (!timeline.loaded || timeline.fromStart || !timeline.first) return Promise.resolve(false);
  return once(conversation, "older", async () => {
    const { messages, more } = await page(conversation, { before_seq: timeline.first.seq, limit: PAGE });
    timeline.prepend(messages, !more);
    emit("timeline", { id: conversation.id });
    return messages.length > 0;
  });
}

/** Newer messages, when the window lies in the past. */
export function loadNewer(conversation) {
  const { timeline } = conversation;
  if (!timeline.loaded || timeline.atEnd || !timeline.last) return Promise.resolve(false);
  return once(conversation, "newer", async () => {
    const { messages } = await page(conversation, { after_seq: timeline.last.seq, limit: PAGE });
    timeline.append(messages);
    emit("timeline", { id: conversation.id });
    return messages.length > 0;
  });
}

/** Puts the window around a message of the past. */
export async function loadAround(conversation, seq) {
  if (conversation.timeline.bySeq(seq)) return;
  const { messages, more } = await page(conversation, { before_seq: seq + PAGE / 2, limit: PAGE });
  conversation.timeline.open(messages, !more);
  emit("timeline", { id: conversation.id });
}

/** Back to the present. */
export async function loadPresent(conversation) {
  if (!conversation.timeline.atEnd) await loadNewest(conversation, PAGE);
}

/** After the line was down: what is shown may have been edited or deleted meanwhile. */
async function refreshWindow(conversation) {
  const { timeline } = conversation;
  if (!timeline.loaded) return loadNewest(conversation, PAGE);
  if (!timeline.last) return;
  const { messages } = await page(conversation, { before_seq: timeline.last.seq + 1, limit: CATCH_UP_MAX });
  for (const message of messages) timeline.replace(message);
  emit("timeline", { id: conversation.id });
}

/** Fetches what is missing between what the page heard and the newest message. */
function fill(conversation) {
  return once(conversation, "fill", async () => {
    for (;;) {
      const { timeline, id } = conversation;
      const { messages, more } = await link.ask("sync", { conversation_id: id, after_seq: timeline.head, limit: SYNC_PAGE });
      for (const message of messages) accept(conversation, message);
      if (!more || messages.length === 0) return;
    }
  });
}

function accept(conversation, message) {
  const outcome = conversation.timeline.arrive(message);
  if (outcome === "gap") return outcome;
  if (outcome === "new") {
    const unread = conversation.note(message);
    conversation.typists.delete(message.sender_id);
    receipts.received(conversation);
    if (unread) emit("arrived", { conversation, message });
    emit("list");
  }
  outbox.settle(message);
  emit("timeline", { id: conversation.id });
  return outcome;
}

/** A message from the server, by whatever way. One that leaves a gap waits until the gap is filled. */
export function arrived(message) {
  const conversation = conversations.get(message.conversation_id);
  if (!conversation) return void relist();
  if (accept(conversation, message) === "gap") fill(conversation).catch(() => {});
}

function forget(id, why = {}) {
  const known = conversations.get(id);
  conversations.delete(id);
  if (id === openId) openId = null;
  emit("removed", { id, name: known?.name, by: why.by && known?.nameOf(why.by, null), why: why.reason, note: why.note });
}

let relisting = null;

/** Asks for the list again, when something does not fit what is known. */
function relist() {
  relisting ??= new Promise((resume) => setTimeout(resume, 300))
    .then(() => link.ask("list_conversations", {}))
    .then(({ conversations: list }) => {
      for (const wire of list) take(wire);
      emit("list");
    })
    .catch(() => {})
    .finally(() => (relisting = null));
  return relisting;
}

/** A conversation that was just made or changed here. */
export function adopted(wire) {
  const conversation = take(wire);
  emit("list");
  emit("people");
  return conversation;
}

function onReceipts({ conversation_id, users }) {
  const conversation = conversations.get(conversation_id);
  if (!conversation) return;
  for (const { user_id, received, read } of users) {
    if (user_id !== me().id) conversation.reached(user_id, { received: received ?? 0, read: read ?? 0 });
    // Another tab of one's own has read.
    else if (read && !conversation.readUpTo(read)) relist();
  }
  emit("timeline", { id: conversation_id });
  emit("list");
}

function onHeads(heads) {
  for (const [id, seq] of Object.entries(heads)) {
    const conversation = conversations.get(id);
    if (!conversation) relist();
    else if (seq > conversation.timeline.head) fill(conversation).catch(() => {});
  }
}

function onPresence({ user_id, online, last_seen }) {
  if (last_seen) lastSeen.set(user_id, last_seen);
  for (const conversation of conversations.values()) {
    const participant = conversation.participant(user_id);
    if (participant) participant.online = online;
  }
  emit("people");
}

function onTyping({ conversation_id, user_id, typing }) {
  const conversation = conversations.get(conversation_id);
  if (!conversation || user_id === me().id) return;
  if (typing) conversation.typists.set(user_id, Date.now() + 7_000);
  else conversation.typists.delete(user_id);
  emit("typing", { id: conversation_id });
}

function onUpdated(message) {
  const conversation = conversations.get(message.conversation_id);
  if (!conversation) return;
  conversation.timeline.replace(message);
  if (conversation.lastMessage?.id === message.id) conversation.lastMessage = message;
  emit("timeline", { id: conversation.id });
  emit("list");
}

/** The server's events. */
export const handlers = {
  session: onSession,
  new_message: arrived,
  message_updated: onUpdated,
  receipts: onReceipts,
  heads: onHeads,
  presence: onPresence,
  typing: onTyping,
  conversation_updated: adopted,
  conversation_removed: (told) => forget(told.conversation_id, told),
  probe: ({ probe_id }, answer) => answer?.({ probe_id, sid: link.sid() }),
};

/** Something about a conversation is known better than before. */
export const changed = ({ id }) => emit("timeline", { id });
