// The list of conversations: newest first, with what waits, who is there, and the last words.

import { on } from "./bus.js";
import * as chat from "./chat.js";
import { arrange, byId, el, say, soon } from "./dom.js";
import * as outbox from "./outbox.js";
import { gist } from "./rich.js";
import { current, hrefOf } from "./route.js";
import { me } from "./session.js";
import { briefly, capped, exactly, initials } from "./words.js";

const rows = new Map();
let filter = "";

/** A round mark with letters, and whether they are online. */
export function portrait(name, online) {
  const mark = el("span", { class: "portrait", "aria-hidden": "true" }, initials(name));
  if (online !== undefined) mark.append(el("span", { class: online ? "dot on" : "dot" }));
  return mark;
}

function makeRow(id) {
  const parts = {
    portrait: el("span", { class: "portrait", "aria-hidden": "true" }),
    letters: el("span"),
    dot: el("span", { class: "dot" }),
    name: el("bdi", { class: "row-name" }),
    presence: el("span", { class: "unseen" }),
    when: el("time", { class: "row-when" }),
    last: el("span", { class: "row-last", dir: "auto" }),
    unread: el("span", { class: "row-unread" }),
  };
  parts.portrait.append(parts.letters, parts.dot);
  const link = el(
    "a",
    { class: "row", href: hrefOf(id) },
    parts.portrait,
    el("span", { class: "row-top" }, parts.name, parts.presence, parts.when),
    el("span", { class: "row-bottom" }, parts.last, parts.unread),
  );
  return { item: el("li", {}, link), link, parts };
}

function lastWords(conversation) {
  const waiting = outbox.of(conversation.id).at(-1);
  if (waiting?.state === "failed") return `Not sent: ${gist(waiting)}`;
  if (waiting && waiting.state !== "saved") return `Sending: ${gist(waiting)}`;
  const typist = [...conversation.typists].find(([, until]) => until > Date.now());
  if (typist) return `${conversation.kind === "group" ? conversation.nameOf(typist[0]) + " is" : "is"} typing…`;
  const last = conversation.lastMessage;
  if (!last) return "No messages yet";
  const own = last.sender_id === me().id;
  const who = own ? "You: " : conversation.kind === "group" ? `${last.sender_name}: ` : "";
  return who + gist(last);
}

function drawRow({ link, parts }, conversation, currentId) {
  const { peer, unread, mentions, muted, lastMessage } = conversation;
  const online = peer ? peer.online : conversation.others.some((other) => other.online);
  say(parts.letters, initials(conversation.name));
  parts.dot.classList.toggle("on", online);
  parts.dot.hidden = !peer;
  say(parts.name, conversation.name);
  say(parts.presence, (peer ? (online ? ", online" : ", offline") : ", group") + (muted ? ", muted" : ""));
  if (lastMessage) {
    say(parts.when, briefly(lastMessage.created_at));
    parts.when.dateTime = lastMessage.created_at;
    parts.when.title = exactly(lastMessage.created_at);
  }
  say(parts.last, lastWords(conversation));
  parts.unread.hidden = unread === 0;
  const waiting = `${mentions} ${unread}`;
  if (unread && parts.unread.dataset.n !== waiting) {
    parts.unread.dataset.n = waiting;
    const naming = mentions ? el("span", { class: "unseen" }, `, ${capped(mentions)} naming you`) : "";
    parts.unread.replaceChildren(mentions ? "@ " : "", capped(unread), el("span", { class: "unseen" }, " unread"), naming);
  }
  link.classList.toggle("is-muted", muted);
  link.classList.toggle("is-named", mentions > 0);
  link.classList.toggle("has-unread", unread > 0);
  if (conversation.id === currentId) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
}

const matches = (conversation) =>
  filter === "" ||
  [conversation.name, ...conversation.participants.flatMap((who) => [who.display_name, who.username])].some((name) =>
    name.toLocaleLowerCase().includes(filter),
  );

function draw() {
  const { id: currentId } = current();
  const shown = chat.inOrder().filter(matches);
  for (const id of rows.keys()) if (!chat.get(id)) rows.delete(id);
  for (const conversation of shown) {
    if (!rows.has(conversation.id)) rows.set(conversation.id, makeRow(conversation.id));
    drawRow(rows.get(conversation.id), conversation, currentId);
  }
  arrange(byId("list"), shown.map(({ id }) => rows.get(id).item));
  const empty = byId("list-empty");
  empty.hidden = shown.length > 0;
  say(empty, filter ? "No conversation or person of this name here." : "Your conversations will be here. Start one with New.");
}

/** Shows only what has this text in its name or among its people. */
export function narrow(text) {
  filter = text.trim().toLocaleLowerCase();
  draw();
}

/** Up and down the list with the arrow keys; Tab leaves it. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const link = event.target.closest("a.row");
  if (!step || !link) return;
  event.preventDefault();
  const links = [...byId("list").querySelectorAll("a.row")];
  links[Math.min(Math.max(links.indexOf(link) + step, 0), links.length - 1)].focus();
}

export function mount() {
  const redraw = soon(draw);
  for (const event of ["list", "people", "removed", "outbox", "typing"]) on(event, redraw);
  addEventListener("hashchange", redraw);
  byId("list").addEventListener("keydown", walk);
  // "14:03" becomes "Sat" by the mere passing of time.
  setInterval(redraw, 60_000);
  return redraw;
}
