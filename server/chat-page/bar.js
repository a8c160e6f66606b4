// The connection's truth in one line, only when it is not good.

import { on } from "./bus.js";
import { announce, button, byId, el } from "./dom.js";
import * as link from "./link.js";
import * as outbox from "./outbox.js";
import { count, moment } from "./words.js";

/** A connection that is made within this is not worth a word. */
const QUIET_MS = 700;

const CAUSES = {
  lost: "The connection was lost",
  unreachable: "The server cannot be reached",
  handshake: "The server is there, but the connection failed: a proxy or a network on the way may cut it",
  shutdown: "The server is restarting",
  shutting_down: "The server is restarting",
  rate_limited: "The server sees too many connections from here",
  storage_unavailable: "The server cannot reach its database",
  "closed-by-server": "The server closed this connection",
  "token-later": "Your sign-in could not be renewed yet",
};

function sentence() {
  const { phase, reason, everOpen, downSince, retryAt } = link.state;
  const since = everOpen && downSince ? `, offline since ${moment(downSince)}` : "";
  if (phase === "connecting") return everOpen ? `Reconnecting${since}…` : "Connecting…";
  if (phase === "refused" && reason === "origin") {
    return `This server does not take connections from pages at ${location.origin}. Its operator can add that address to ALLOWED_ORIGINS.`;
  }
  if (phase === "refused") return "Your sign-in is no longer accepted. Sign in again to go on.";
  if (phase === "open" && reason === "shutdown") return "The server is about to restart. What you write is kept and sent afterwards.";
  if (phase !== "waiting") return null;
  const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000));
  const cause = navigator.onLine ? (CAUSES[reason] ?? "Not connected") : "Your device is offline";
  return `${cause}${navigator.onLine ? since : since.replace(" offline", "")}. Trying again in ${seconds} s.`;
}

const waitingWords = () => {
  const waiting = outbox.unsent().filter(({ state }) => state !== "failed").length;
  return waiting ? ` ${count(waiting, "message")} will be sent then.` : "";
};

export function mount() {
  const bar = byId("bar");
  const words = el("span", { class: "bar-words" });
  const now = button("Connect now", link.tryNow, { class: "plain" });
  const mark = el("span", { class: "mark", "aria-hidden": "true" });
  bar.replaceChildren(mark, words, now);
  let shown = null;
  let quietUntil = Date.now() + QUIET_MS;

  const draw = () => {
    const { phase, reason } = link.state;
    const text = sentence();
    const hidden = text === null || phase === "closed" || (phase === "connecting" && Date.now() < quietUntil);
    document.body.dataset.link = hidden ? "good" : phase;
    bar.hidden = hidden;
    if (hidden) {
      if (phase === "open" && shown) announce("Connected again.");
      if (phase === "open") shown = null;
      return;
    }
    mark.textContent = phase === "refused" ? "■" : phase === "connecting" ? "◌" : "▲";
    bar.dataset.phase = phase;
    words.textContent = text + (phase === "waiting" || phase === "connecting" ? waitingWords() : "");
    now.hidden = !(phase === "waiting" || (phase === "refused" && reason === "origin"));
    // The seconds are for the eyes; the ears hear of each new state once.
    const state = `${phase} ${reason}`;
    if (shown !== state && phase !== "connecting") announce(text);
    shown = state;
  };
  let ticking = 0;
  on("link", () => {
    clearInterval(ticking);
    if (link.state.phase === "connecting") {
      quietUntil = shown ? 0 : Date.now() + QUIET_MS;
      setTimeout(draw, QUIET_MS + 20);
    }
    if (link.state.phase === "waiting") ticking = setInterval(draw, 500);
    draw();
  });
  on("outbox", draw);
  for (const event of ["online", "offline"]) addEventListener(event, draw);
}
