// Windows over the page: one at a time, closed by Escape, by their button, or by a click beside them.

import { button, byId, el } from "./dom.js";
import { inWords } from "./failure.js";

const dialog = byId("dialog");
let closing = null;

/** Opens a window with a title. `fill(body, close)` puts its contents in; gives a promise of what it is closed with. */
export function open(title, fill, { wide = false } = {}) {
  if (dialog.open) dialog.close();
  const body = el("div", { class: "dialog-body" });
  const close = (value) => {
    closing?.(value ?? null);
    closing = null;
    if (dialog.open) dialog.close();
  };
  dialog.classList.toggle("wide", wide);
  dialog.replaceChildren(
    el("header", { class: "dialog-head" }, el("h2", { id: "dialog-title" }, title), button("Close", () => close(), { class: "plain" })),
    body,
  );
  const done = new Promise((resolve) => (closing = resolve));
  fill(body, close);
  dialog.showModal();
  return done;
}

/** Asks before something that cannot be taken back; gives whether to go on. */
export function confirm(title, words, verb, otherwise = "Cancel") {
  return open(title, (body, close) => {
    body.append(
      el("p", {}, words),
      el(
        "div",
        { class: "dialog-foot" },
        button(otherwise, () => close(false), { autofocus: true }),
        button(verb, () => close(true), { class: "danger" }),
      ),
    );
  });
}

/** A button that does something that may fail, and says so beside it. */
export function doing(words, complaint, work, attributes) {
  const go = button(words, async () => {
    go.disabled = true;
    complaint.textContent = "";
    try {
      await work();
    } catch (error) {
      complaint.textContent = [inWords(error), error.hint && `(${error.hint})`].filter(Boolean).join(" ");
      go.disabled = false;
    }
  }, attributes);
  return go;
}

export function mount() {
  dialog.addEventListener("close", () => {
    // The event comes late: another window may have been opened meanwhile.
    if (dialog.open) return;
    closing?.(null);
    closing = null;
    dialog.replaceChildren();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target !== dialog) return;
    const box = dialog.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) dialog.close();
  });
}
