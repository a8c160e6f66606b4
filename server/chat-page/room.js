// The open conversation: its head, its messages' actions, and the keys that move among them.

import { on } from "./bus.js";
import * as chat from "./chat.js";
import * as composer from "./composer.js";
import * as delivery from "./delivery.js";
import { confirm, open as openDialog } from "./dialogs.js";
import { announce, byId, button, el, say, soon } from "./dom.js";
import { inWords } from "./failure.js";
import * as link from "./link.js";
import * as log from "./log.js";
import { shownOut } from "./moderation.js";
import * as outbox from "./outbox.js";
import * as people from "./people.js";
import { gist } from "./rich.js";
import * as route from "./route.js";
import { count, list, moment } from "./words.js";

function typists(conversation) {
  const names = [...conversation.typists].filter(([, until]) => until > Date.now()).map(([id]) => conversation.nameOf(id));
  if (names.length === 0) return null;
  return names.length > 3 ? "Several people are typing…" : `${list(names)} ${names.length === 1 ? "is" : "are"} typing…`;
}

function standing(conversation) {
  const { peer, others } = conversation;
  if (peer) {
    if (peer.online) return "● online";
    const seen = chat.lastSeenOf(peer.id);
    return seen ? `○ offline, last seen ${moment(seen)}` : "○ offline";
  }
  const online = others.filter((other) => other.online).length;
  return `${count(others.length + 1, "person", "people")}, ${online ? `${online} other${online === 1 ? "" : "s"} online` : "nobody else online"}`;
}

function drawHead() {
  const conversation = chat.opened();
  if (!conversation) return;
  say(byId("room-name"), conversation.name);
  const typing = typists(conversation);
  const line = byId("room-line");
  say(line, typing ?? standing(conversation));
  line.classList.toggle("typing", Boolean(typing));
}

/** How the answer to a message's button is found. */
const ACTS = {
  reply: (article) => composer.reply(article.item),
  edit: (article) => composer.edit(article.item),
  why: (article) => delivery.show(article.item),
  retry: (article) => outbox.retry(article.item.entry),
  copy: (article) => copy(article.item.content),
  discard: async (article) => {
    const { entry } = article.item;
    if (await confirm("Discard this message?", `“${gist(entry)}” has not been sent, and will not be.`, "Discard message", "Keep it")) {
      outbox.discard(entry);
      composer.focus();
    }
  },
  delete: async (article) => {
    const { item } = article;
    const sure = await confirm("Delete this message?", `“${gist(item)}” will be deleted for everybody.`, "Delete message", "Keep it");
    if (sure) await remove(item);
  },
  original: (article) => toOriginal(article.item),
};

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    announce("Copied.");
  } catch {
    announce("The browser did not allow copying.");
  }
}

async function remove(message) {
  try {
    const { message: gone } = await link.ask("delete_message", { message_id: message.id });
    chat.handlers.message_updated(gone);
    announce("Message deleted.");
  } catch (error) {
    openDialog("Not deleted", (body) => body.append(el("p", { class: "error" }, inWords(error))));
  }
}

/** To the message that was answered: it may lie some pages back. */
async function toOriginal(message) {
  const PAGES_MAX = 20;
  const conversation = chat.opened();
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const original = conversation.timeline.find(message.reply_to);
    if (original) return log.reveal(original.seq);
    if (!(await chat.loadOlder(conversation).catch(() => false))) break;
  }
  announce("The original message is too far back to be found from here.");
}

function onClick(event) {
  const article = log.articleAt(event.target);
  if (!article) return;
  const act = event.target.closest("[data-act]");
  if (act) return ACTS[act.dataset.act](article);
  // Marking a text must not be disturbed by a change of focus.
  if (!event.target.closest("a, pre") && getSelection().isCollapsed) log.select(article);
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const article = log.articleAt(event.target);
  if (!article || event.target.closest("pre")) return;
  const all = log.articles();
  const at = all.indexOf(article);
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    const next = all[Math.min(Math.max(to, 0), all.length - 1)];
    log.select(next);
    next.scrollIntoView({ block: "nearest" });
  } else if (event.target === article && event.key === "r" && article.item.id && !article.item.deleted_at) {
    event.preventDefault();
    composer.reply(article.item);
  } else if (event.key === "Escape") {
    composer.focus();
  }
}

function nothing(words, more = null) {
  document.body.dataset.pane = route.current().id ? "room" : "list";
  byId("room").dataset.state = "empty";
  byId("room-empty").replaceChildren(el("p", {}, words), ...(more ? [more] : []));
  log.clear();
  composer.leave();
  chat.close();
}

/** Shows the conversation that the address names. */
export async function enter() {
  const { id, seq } = route.current();
  if (!id) return nothing("Choose a conversation, or start a new one.", button("New conversation", people.start, { class: "primary" }));
  const conversation = chat.get(id);
  if (!conversation) {
    // Before the first session nobody knows what there is.
    if (!link.state.everOpen) return nothing("Loading your conversations…");
    return nothing("This conversation is not among yours.", el("a", { href: "#/" }, "Back to the list"));
  }
  document.body.dataset.pane = "room";
  byId("room").dataset.state = "open";
  const same = chat.opened() === conversation && conversation.timeline.loaded;
  if (!same) log.clear();
  const loading = same ? null : chat.open(id);
  drawHead();
  composer.show(conversation);
  try {
    await loading;
  } catch (error) {
    return failed(conversation, error);
  }
  if (chat.opened() !== conversation) return;
  byId("log-trouble").hidden = true;
  if (!same) log.show(conversation);
  if (seq) {
    await log.reveal(seq).catch(() => {});
  } else {
    composer.focus();
  }
  delivery.learnFromNewest(conversation).catch(() => {});
  reading();
}

function failed(conversation, error) {
  if (chat.opened() !== conversation) return;
  const trouble = byId("log-trouble");
  trouble.hidden = false;
  trouble.replaceChildren(`The messages could not be loaded. ${inWords(error)} `, button("Try again", enter, { class: "plain" }));
}

let reading = () => {};

export function mount({ look }) {
  reading = look;
  const redraw = soon(drawHead);
  for (const event of ["list", "people", "typing", "timeline"]) on(event, redraw);
  // A typist who vanished without a word.
  setInterval(redraw, 2_000);
  on("removed", (gone) => {
    if (gone.id !== route.current().id) return;
    route.replace(null);
    if (gone.name && ["banned", "removed"].includes(gone.why)) shownOut(gone);
  });
  on("link", () => {
    const id = route.current().id;
    // What could not be loaded while the line was down, and what was not known before the first session.
    if (!link.isOpen()) return;
    const here = chat.opened();
    if (here?.id === id && here.timeline.loaded) delivery.learnFromNewest(here).catch(() => {});
    else enter();
  });
  byId("log").addEventListener("click", onClick);
  byId("log").addEventListener("keydown", onKey);
  byId("room-people").addEventListener("click", () => chat.opened() && people.show(chat.opened()));
  addEventListener("hashchange", enter);
}
