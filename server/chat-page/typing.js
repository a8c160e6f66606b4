// Who is typing, both ways.

import * as link from "./link.js";

/** The server ends it after 6 s; it is said again before that. */
const REPEAT_MS = 4_000;
const PAUSE_MS = 3_000;

let saidAt = 0;
let saidFor = null;
let timer = 0;

/** A key was pressed in this conversation's message field. */
export function typed(conversationId) {
  clearTimeout(timer);
  timer = setTimeout(stopped, PAUSE_MS);
  if (saidFor === conversationId && Date.now() - saidAt < REPEAT_MS) return;
  stopped();
  [saidFor, saidAt] = [conversationId, Date.now()];
  timer = setTimeout(stopped, PAUSE_MS);
  link.tell("typing", { conversation_id: conversationId, typing: true });
}

/** No more, or sent: a message ends it by itself at the server. */
export function stopped(sent = false) {
  clearTimeout(timer);
  if (saidFor && sent !== true) link.tell("typing", { conversation_id: saidFor, typing: false });
  saidFor = null;
}
