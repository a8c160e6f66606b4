// Saying what was received and read: once per burst, never less than before, and again when it could not be said.

import { emit } from "./bus.js";
import * as link from "./link.js";

const BURST_MS = 120;

/** conversation -> {received, read} that the server has not confirmed to know. */
const due = new Map();
const timers = new Map();

function plan(id, change) {
  const held = due.get(id) ?? { received: 0, read: 0 };
  due.set(id, {
    received: Math.max(held.received, change.received ?? 0, change.read ?? 0),
    read: Math.max(held.read, change.read ?? 0),
  });
  if (!timers.has(id)) timers.set(id, setTimeout(() => send(id), BURST_MS));
}

async function send(id) {
  timers.delete(id);
  const receipt = due.get(id);
  if (!receipt || !link.isOpen()) return;
  try {
    const payload = { conversation_id: id, received: receipt.received };
    if (receipt.read > 0) payload.read = receipt.read;
    await link.ask("receipt", payload);
    if (due.get(id) === receipt) due.delete(id);
  } catch (error) {
    // It is said again with the next one, or on the next connection; one that can never be taken is dropped.
    if (!error.passing) due.delete(id);
  }
}

/** Everything up to the conversation's head is here. */
export function received(conversation) {
  const { head } = conversation.timeline;
  if (head <= conversation.receivedSeq) return;
  conversation.receivedSeq = head;
  plan(conversation.id, { received: head });
}

/** Somebody has looked at everything up to here. */
export function read(conversation, seq) {
  if (seq <= conversation.readSeq) return;
  conversation.readUpTo(seq);
  plan(conversation.id, { received: conversation.timeline.head, read: seq });
  emit("list");
}

/** Says what could not be said while the line was down. */
export function flush() {
  for (const id of due.keys()) if (!timers.has(id)) timers.set(id, setTimeout(() => send(id), 0));
}
