// What stands in the log, from top to bottom: days, the mark of what is new, messages, and what is not saved yet.

import * as fate from "./fate.js";
import { me } from "./session.js";
import { dayOf } from "./words.js";

/** Messages of one person within this stand together. */
const GROUP_MS = 5 * 60_000;

/** One's own message is the same thing before and after it was saved: it keeps its place and its element. */
export const keyOf = (message) =>
  message.sender_id === me().id && message.client_message_id ? `own ${message.client_message_id}` : `m ${message.id}`;

function ofEntry(entry, online) {
  return {
    key: `own ${entry.id}`,
    entry,
    id: null,
    seq: null,
    sender_id: me().id,
    sender_name: me().display_name,
    content: entry.content,
    created_at: new Date(entry.at).toISOString(),
    reply_to: entry.reply_to,
    edited_at: null,
    deleted_at: null,
    fate: fate.ofEntry(entry, online),
  };
}

/** Where the fate is the same as of the next own message, it is not repeated. */
function withFates(conversation, items) {
  let later = null;
  for (const item of items.toReversed()) {
    if (!item.own || item.entry || item.deleted_at) continue;
    const state = fate.ofMessage(conversation, item);
    // Of older messages nothing is known for certain but what their readers' cursors say.
    if (state.key !== later && (later === null || state.key !== "saved")) item.fate = state;
    later = state.key;
  }
}

/** @returns items with a `type`: `start`, `day`, `new`, `message`. */
export function itemsOf(conversation, entries, online) {
  const { timeline, newAfter } = conversation;
  const originals = new Map(timeline.messages.map((message) => [message.id, message]));
  const settled = new Set(timeline.messages.filter(({ sender_id }) => sender_id === me().id).map(keyOf));
  const pending = timeline.atEnd ? entries.map((entry) => ofEntry(entry, online)) : [];
  const all = [
    ...timeline.messages.map((message) => ({ ...message, key: keyOf(message), entry: null, fate: null })),
    ...pending.filter(({ key }) => !settled.has(key)),
  ];
  const items = [];
  if (timeline.loaded && timeline.fromStart) items.push({ type: "start", key: "start" });
  let before = null;
  let marked = newAfter === null;
  for (const message of all) {
    const day = dayOf(message.created_at);
    const newDay = !before || dayOf(before.created_at) !== day;
    if (newDay) items.push({ type: "day", key: `day ${day}`, at: message.created_at });
    const isNew = !marked && message.seq > newAfter && message.sender_id !== me().id;
    if (isNew) {
      items.push({ type: "new", key: "new" });
      marked = true;
    }
    const own = message.sender_id === me().id;
    const near = before && Date.parse(message.created_at) - Date.parse(before.created_at) < GROUP_MS;
    const firstOfGroup = newDay || isNew || !near || before.sender_id !== message.sender_id;
    if (firstOfGroup && before) before.lastOfGroup = true;
    const item = {
      ...message,
      type: "message",
      own,
      firstOfGroup,
      lastOfGroup: false,
      showName: firstOfGroup && !own && conversation.kind === "group",
      showPortrait: !own && conversation.kind === "group",
      original: message.reply_to ? (originals.get(message.reply_to) ?? null) : null,
    };
    items.push(item);
    before = item;
  }
  if (before) before.lastOfGroup = true;
  withFates(conversation, items.filter(({ type }) => type === "message"));
  return items;
}
