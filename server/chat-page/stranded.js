// Messages that were written for a conversation that one is no longer in: they cannot be sent, and are not thrown away in
// silence.

import { on } from "./bus.js";
import { open } from "./dialogs.js";
import { button, byId, el, soon } from "./dom.js";
import * as outbox from "./outbox.js";
import { count } from "./words.js";

const title = (entries) => `${count(entries.length, "message")} could not be sent`;

function show() {
  open("Not sent", (body, close) => {
    const draw = () => {
      const entries = outbox.stranded();
      if (entries.length === 0) return close();
      body.replaceChildren(
        ...entries.map((entry) =>
          el(
            "section",
            { class: "stranded" },
            el("blockquote", { class: "quoted whole", dir: "auto" }, entry.content),
            el("p", { class: "error" }, entry.error?.words ?? "It could not be sent."),
            el(
              "div",
              { class: "dialog-foot" },
              button("Discard", () => {
                outbox.discard(entry);
                draw();
              }),
            ),
          ),
        ),
      );
    };
    draw();
  });
}

export function mount() {
  const notice = byId("stranded");
  const draw = soon(() => {
    const entries = outbox.stranded();
    notice.hidden = entries.length === 0;
    if (entries.length) notice.textContent = title(entries);
  });
  notice.addEventListener("click", show);
  for (const event of ["outbox", "list", "removed"]) on(event, draw);
}
