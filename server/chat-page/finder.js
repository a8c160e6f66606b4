// The search field: names at once, messages from the server a moment later.

import * as chat from "./chat.js";
import { byId, el } from "./dom.js";
import { inWords } from "./failure.js";
import { gist } from "./rich.js";
import { hrefOf } from "./route.js";
import { api } from "./session.js";
import { narrow } from "./sidebar.js";
import { count, moment } from "./words.js";

const PAUSE_MS = 250;
const SHORTEST = 2;
const SHOWN = 20;

let asked = 0;
let timer = 0;
/** A server of an earlier version has no search; what is loaded here is searched then. */
let serverSearches = true;

function locally(text) {
  const wanted = text.toLocaleLowerCase();
  const all = [...chat.conversations.values()].flatMap(({ timeline }) => timeline.messages);
  const found = all.filter((message) => message.content.toLocaleLowerCase().includes(wanted));
  return { messages: found.sort((a, b) => b.created_at.localeCompare(a.created_at)).slice(0, SHOWN), more: false, partly: true };
}

async function find(text) {
  if (!serverSearches) return locally(text);
  try {
    const { messages, results, more } = await api("GET", `search?${new URLSearchParams({ q: text, limit: SHOWN })}`);
    return { messages: (messages ?? results).map((found) => found.message ?? found), more };
  } catch (error) {
    if (error.code !== "not_found") throw error;
    serverSearches = false;
    return locally(text);
  }
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** A line of the message with the words that were looked for marked. */
function marked(message, text) {
  const words = text.match(/[\p{L}\p{N}]+/gu) ?? [text];
  const line = message.snippet ?? gist({ ...message, content: message.content.slice(0, 4_000) });
  // Splitting at a group keeps what was split at: every second part is a hit.
  const parts = line.split(new RegExp(`(${words.map(escaped).join("|")})`, "giu"));
  return parts.map((part, at) => (at % 2 ? el("mark", {}, part) : part));
}

function result(message, text) {
  const conversation = chat.get(message.conversation_id);
  if (!conversation) return null;
  return el(
    "li",
    {},
    el(
      "a",
      { class: "found", href: hrefOf(message.conversation_id, message.seq) },
      el("span", { class: "found-top" }, el("bdi", {}, conversation.name), el("time", {}, moment(message.created_at))),
      el("span", { class: "found-text", dir: "auto" }, el("bdi", {}, message.sender_name), ": ", ...marked(message, text)),
    ),
  );
}

/** Words are looked for whole, so what is still being typed may not be found yet. */
async function search(text) {
  const mine = ++asked;
  const [status, place] = [byId("found-status"), byId("found")];
  const enough = text.length >= SHORTEST && /[\p{L}\p{N}]/u.test(text);
  byId("found-part").hidden = !enough;
  if (!enough) return place.replaceChildren();
  status.textContent = "Searching messages…";
  try {
    const { messages, more, partly } = await find(text);
    if (mine !== asked) return;
    const items = messages.map((message) => result(message, text)).filter(Boolean);
    place.replaceChildren(...items);
    const n = items.length;
    status.textContent = n
      ? `${more ? `The first ${count(n, "message")}` : count(n, "message")}${partly ? ", among those loaded here" : ""}`
      : `No message${partly ? " among those loaded here" : ""} has these words.`;
  } catch (error) {
    if (mine === asked) status.textContent = inWords(error);
  }
}

export function mount() {
  const field = byId("search");
  const run = () => {
    clearTimeout(timer);
    const text = field.value.trim();
    narrow(text);
    timer = setTimeout(() => search(text), text.length < SHORTEST ? 0 : PAUSE_MS);
  };
  field.addEventListener("input", run);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") document.querySelector("#list a.row, #found a")?.focus();
    if (event.key !== "Escape" || !field.value) return;
    event.preventDefault();
    field.value = "";
    run();
  });
  byId("search-form").addEventListener("submit", (event) => event.preventDefault());
}
