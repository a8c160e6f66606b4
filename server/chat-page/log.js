// The messages of the open conversation on the screen: what is seen stays where it is, whatever is loaded around it.

import { on } from "./bus.js";
import * as chat from "./chat.js";
import { arrange, byId, button, el, soon } from "./dom.js";
import { inWords } from "./failure.js";
import { itemsOf } from "./items.js";
import * as link from "./link.js";
import { drawElement, makeElement } from "./message.js";
import * as outbox from "./outbox.js";
import { capped, day } from "./words.js";

/** This near to the bottom one follows what comes. */
const NEAR_PX = 60;
/** This near to an end the next page is fetched, before anybody sees the end. */
const AHEAD_PX = 900;

const log = byId("log");
const column = byId("log-column");
const elements = new Map();
let shownId = null;
let following = true;
let loadingOlder = null;
let lastTop = 0;

const distance = () => log.scrollHeight - log.clientHeight - log.scrollTop;

function elementOf(item) {
  let element = elements.get(item.key);
  if (!element) {
    if (item.type === "message") element = makeElement(item.key);
    else if (item.type === "day") element = el("h3", { class: "day" }, el("span", {}, ""));
    else if (item.type === "new") element = el("h3", { class: "new-mark" }, el("span", {}, "New"));
    else element = el("p", { class: "start" });
    elements.set(item.key, element);
  }
  if (item.type === "message") drawElement(element, item);
  else if (item.type === "day" && element.firstChild.textContent !== day(item.at)) element.firstChild.textContent = day(item.at);
  else if (item.type === "start") {
    const { kind, name } = chat.opened();
    element.textContent = kind === "direct" ? `The beginning of your conversation with ${name}.` : `The beginning of “${name}”.`;
  }
  return element;
}

/** A message that is on the screen, and where: it is to be there afterwards too. */
function anchor() {
  const top = log.getBoundingClientRect().top;
  for (const element of column.children) {
    const place = element.getBoundingClientRect();
    if (element.dataset.key && place.bottom > top) return { element, at: place.top };
  }
  return null;
}

function restore(held) {
  if (following) log.scrollTop = log.scrollHeight;
  else if (held?.element.isConnected) log.scrollTop += held.element.getBoundingClientRect().top - held.at;
  lastTop = log.scrollTop;
}

/** One message is in the order of Tab; the arrow keys go to the others. */
function keepOneInTabOrder() {
  const all = column.querySelectorAll("article.message");
  const current = column.querySelector('article.message[tabindex="0"]');
  if (!current && all.length) all[all.length - 1].tabIndex = 0;
}

function draw() {
  const conversation = chat.opened();
  if (!conversation || conversation.id !== shownId) return;
  const held = following ? null : anchor();
  const items = itemsOf(conversation, outbox.of(conversation.id), link.isOpen());
  const keys = new Set(items.map(({ key }) => key));
  for (const key of elements.keys()) if (!keys.has(key)) elements.delete(key);
  arrange(column, [older, ...items.map(elementOf)]);
  older.hidden = conversation.timeline.fromStart;
  byId("log-empty").hidden = !conversation.timeline.loaded || items.some(({ type }) => type === "message");
  keepOneInTabOrder();
  restore(held);
  drawJump(conversation);
  fillScreen();
}

const older = el("div", { class: "older" }, el("span", {}, "Loading earlier messages…"));

function drawJump(conversation) {
  const jump = byId("jump");
  jump.hidden = following && conversation.timeline.atEnd;
  const { unread } = conversation;
  jump.textContent = unread ? `${capped(unread)} new ↓` : "Newest ↓";
}

/** Loads what is about to come into sight. */
async function fillScreen() {
  const conversation = chat.opened();
  if (!conversation?.timeline.loaded) return;
  if (!conversation.timeline.atEnd && distance() < AHEAD_PX) chat.loadNewer(conversation).catch(() => {});
  if (log.scrollTop > AHEAD_PX || conversation.timeline.fromStart || loadingOlder === conversation) return;
  loadingOlder = conversation;
  older.replaceChildren(el("span", {}, "Loading earlier messages…"));
  try {
    await chat.loadOlder(conversation);
  } catch (error) {
    older.replaceChildren(el("span", {}, `Earlier messages could not be loaded. ${inWords(error)} `), button("Try again", fillScreen, { class: "plain" }));
    loadingOlder = null;
    return;
  }
  loadingOlder = null;
}

function onScroll() {
  const conversation = chat.opened();
  if (!conversation) return;
  const up = log.scrollTop < lastTop - 1;
  lastTop = log.scrollTop;
  // Only going up leaves the end: a log that grows while it follows is not somebody scrolling.
  if (distance() < NEAR_PX && conversation.timeline.atEnd) following = true;
  else if (up || !following) following = false;
  drawJump(conversation);
  fillScreen();
}

/** The highest seq that is in sight. */
export function seenUpTo() {
  const conversation = chat.opened();
  if (!conversation || conversation.id !== shownId || !conversation.timeline.loaded) return 0;
  if (following && conversation.timeline.atEnd) return conversation.timeline.head;
  const bottom = log.getBoundingClientRect().bottom;
  const messages = column.querySelectorAll("article.message[data-seq]");
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    if (messages[at].getBoundingClientRect().bottom <= bottom + 8) return Number(messages[at].dataset.seq);
  }
  return 0;
}

/** To the newest message, from wherever one is. */
export async function toPresent() {
  const conversation = chat.opened();
  if (!conversation) return;
  following = true;
  await chat.loadPresent(conversation).catch(() => {});
  following = true;
  draw();
}

/** Brings a message into sight, and marks it for a moment. */
export async function reveal(seq) {
  const conversation = chat.opened();
  following = false;
  await chat.loadAround(conversation, seq);
  draw();
  const found = column.querySelector(`article.message[data-seq="${seq}"]`);
  if (!found) return false;
  found.scrollIntoView({ block: "center" });
  lastTop = log.scrollTop;
  column.querySelector(".found-here")?.classList.remove("found-here");
  found.classList.add("found-here");
  select(found);
  return true;
}

/** Makes a message the one that Tab reaches, with the focus on it. */
export function select(article, focus = true) {
  column.querySelector('article.message[tabindex="0"]')?.setAttribute("tabindex", "-1");
  article.tabIndex = 0;
  if (focus) article.focus({ preventScroll: true });
}

/** Shows a conversation that is ready, at its first new message or at its end. */
export function show(conversation) {
  shownId = conversation.id;
  elements.clear();
  column.replaceChildren();
  log.setAttribute("aria-label", `Messages: ${conversation.name}`);
  following = true;
  draw();
  const mark = elements.get("new");
  if (!mark) return;
  const place = mark.getBoundingClientRect().top - log.getBoundingClientRect().top;
  const wanted = log.scrollTop + place - log.clientHeight / 4;
  if (wanted < log.scrollHeight - log.clientHeight) {
    following = false;
    log.scrollTop = wanted;
    onScroll();
  }
}

/** Nothing is shown while a conversation is being fetched. */
export function clear() {
  shownId = null;
  elements.clear();
  column.replaceChildren();
  byId("log-empty").hidden = true;
  byId("jump").hidden = true;
}

export const articleAt = (target) => target.closest?.("article.message") ?? null;
export const articles = () => [...column.querySelectorAll("article.message")];

export function mount() {
  const redraw = soon(draw);
  for (const event of ["timeline", "outbox"]) on(event, ({ id }) => id === shownId && redraw());
  for (const event of ["link", "people"]) on(event, redraw);
  log.addEventListener("scroll", onScroll, { passive: true });
  byId("jump").addEventListener("click", toPresent);
  // A window that changes its size, or a growing message field, must not push the newest message out of sight.
  new ResizeObserver(() => following && restore(null)).observe(log);
  new ResizeObserver(() => following && restore(null)).observe(column);
}
