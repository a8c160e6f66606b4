// The count in the tab's title: what waits to be read, in all conversations.

import { on } from "./bus.js";
import { opened, unreadInAll } from "./chat.js";
import { soon } from "./dom.js";
import { capped } from "./words.js";

export function mount() {
  const draw = soon(() => {
    if (document.body.dataset.screen !== "chat") return;
    const unread = unreadInAll();
    const place = opened()?.name;
    document.title = `${unread ? `(${capped(unread)}) ` : ""}${place ? `${place} – ` : ""}Rollcall`;
  });
  for (const event of ["list", "people", "timeline", "removed"]) on(event, draw);
  addEventListener("hashchange", draw);
  return draw;
}
