// Saying what was received and read: once per burst, never less than before, and again when it could not be said.

import { emit } from "./bus.js";
import * as link from "./link.js";

const BURST_MS = 120;
/** Of a conversation of more than so many nobody else is told who has received what (docs/protocol.md). */
const CROWD_ABOVE = 50;
/** So that what is received there is said together, unless nothing came for a while. */
const CROWD_BURST_MS = 2000;
const CROWD_QUIET_MS = 10_000;

/** conversation -> {received, read} that the server has not confirmed to know. */
const due = new Map();
/** conversation -> {timer, at}: when it will be told. */
const timers = new Map();
/** crowd -> when something was received there last. */
const busyAt = new Map();

function plan(id, change, wait) {
  const held = due.get(id) ?? { received: 0, read: 0 };
  due.set(id, {
    received: Math.max(held.received, change.received ?? 0, change.read ?? 0),
    read: Math.max(held.read, change.read ?? 0),
  });
  sendIn(id, wait);
}

/** Says it after `wait`, or sooner if that was planned already. */
function sendIn(id, wait) {
  const planned = timers.get(id);
  const at = performance.now() + wait;
  if (planned && planned.at <= at) return;
  clearTimeout(planned?.timer);
  timers.set(id, { timer: setTimeout(() => send(id), wait), at });
}

/** How long what is received may wait for more. */
function patience({ id, participants }) {
  if (participants.length <= CROWD_ABOVE) return BURST_MS;
  const now = performance.now();
  const wasBusy = now < (busyAt.get(id) ?? -Infinity) + CROWD_QUIET_MS;
  busyAt.set(id, now);
  return wasBusy ? CROWD_BURST_MS : BURST_MS;
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
    if (!error.passing && due.get(id) === receipt) due.delete(id);
  }
}

/** Everything up to the conversation's head is here. */
export function received(conversation) {
  const { head } = conversation.timeline;
  if (head <= conversation.receivedSeq) return;
  conversation.receivedSeq = head;
  plan(conversation.id, { received: head }, patience(conversation));
}

/** Somebody has looked at everything up to here. */
export function read(conversation, seq) {
  if (seq <= conversation.readSeq) return;
  conversation.readUpTo(seq);
  // Their other devices wait for it, however many are in it.
  plan(conversation.id, { received: conversation.timeline.head, read: seq }, BURST_MS);
  emit("list");
}

/** Says what could not be said while the line was down. */
export function flush() {
  for (const id of due.keys()) sendIn(id, 0);
}

/** Says all that is due at once: there is no later for this page. */
export function farewell() {
  for (const id of due.keys()) {
    clearTimeout(timers.get(id)?.timer);
    send(id);
  }
}

/** The numbers are another database's: they would confirm, and mark as read, what nobody has seen. */
export function forget() {
  for (const { timer } of timers.values()) clearTimeout(timer);
  timers.clear();
  due.clear();
  busyAt.clear();
}

addEventListener("pagehide", farewell);
