// What counts as read: it is on the screen, in a window that somebody looks at.

import { on } from "./bus.js";
import * as chat from "./chat.js";
import { announce, byId, soon } from "./dom.js";
import { seenUpTo } from "./log.js";
import * as receipts from "./receipts.js";
import { gist } from "./rich.js";

const looking = () => document.visibilityState === "visible" && document.hasFocus();

function look() {
  const conversation = chat.opened();
  if (conversation && looking()) receipts.read(conversation, seenUpTo());
}

function onArrived({ conversation, message }) {
  const here = conversation === chat.opened();
  // Whoever comes back to this window finds the place where the new ones begin.
  if (here && !looking() && conversation.newAfter === null) conversation.newAfter = message.seq - 1;
  const place = here ? "" : conversation.kind === "group" ? ` in ${conversation.name}` : "";
  announce(`${message.sender_name}${place}: ${gist(message)}`);
}

export function mount() {
  let waiting = 0;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, 150);
  };
  byId("log").addEventListener("scroll", later, { passive: true });
  addEventListener("focus", later);
  document.addEventListener("visibilitychange", later);
  on("timeline", soon(later));
  on("link", later);
  on("arrived", onArrived);
  return later;
}
