// One message as an element. Each part is made again only when what it shows has changed, so that focus and selection
// survive what happens around them.

import { el } from "./dom.js";
import { gist, isEmojiOnly, rich } from "./rich.js";
import { me } from "./session.js";
import { exactly, initials, time } from "./words.js";

/** Swaps a part's children if its key differs from last time. */
function refill(part, key, make) {
  if (part.dataset.key === key) return;
  part.dataset.key = key;
  part.replaceChildren(...make());
}

const act = (name, words, about) =>
  el("button", { type: "button", class: "act", data: { act: name } }, words, el("span", { class: "unseen" }, ` ${about}`));

export function makeElement(key) {
  const parts = {
    portrait: el("span", { class: "portrait small", "aria-hidden": "true" }),
    by: el("header", { class: "by" }),
    bubble: el("div", { class: "bubble" }),
    fate: el("footer", { class: "fate" }),
    acts: el("div", { class: "acts" }),
  };
  const article = el("article", { class: "message", tabindex: "-1" }, parts.portrait, parts.by, parts.bubble, parts.fate, parts.acts);
  article.dataset.key = key;
  article.parts = parts;
  return article;
}

function quote(item) {
  const { reply_to: target, original } = item;
  if (!target) return [];
  const words = original ? gist(original) : "an earlier message";
  const who = original ? (original.sender_id === me().id ? "you" : original.sender_name) : "";
  return [
    el(
      "button",
      { type: "button", class: "quote", data: { act: "original" } },
      el("span", { class: "quote-who" }, "Reply to ", el("bdi", {}, who)),
      el("span", { class: "quote-text", dir: "auto" }, words),
    ),
  ];
}

function bubble(item) {
  if (item.deleted_at) return [el("p", { class: "text gone" }, "This message was deleted.")];
  return [
    ...quote(item),
    el("div", { class: "text", dir: "auto" }, rich(item.content)),
    item.edited_at && el("span", { class: "edited", title: exactly(item.edited_at) }, "edited"),
  ].filter(Boolean);
}

function by(item) {
  return [
    el("bdi", { class: item.showName ? "who" : "who unseen" }, item.own ? "You" : item.sender_name),
    el("time", { class: item.firstOfGroup ? "" : "unseen", datetime: item.created_at, title: exactly(item.created_at) }, time(item.created_at)),
  ];
}

function fate(item) {
  const { fate: state } = item;
  if (!state) return [];
  if (!item.entry) {
    return [el("button", { type: "button", class: "state", data: { act: "why" }, title: "Who has it?" }, state.text)];
  }
  const words = el("span", { class: state.failed ? "state failed" : state.late ? "state late" : "state" });
  if (state.failed || state.late) words.append(el("span", { "aria-hidden": "true" }, state.failed ? "■ " : "▲ "));
  words.append(state.text);
  const parts = [words];
  if (state.failed) parts.push(act("retry", "Retry", "sending this message"));
  if (state.failed || state.late) parts.push(act("discard", "Discard", "this message"));
  return parts;
}

function acts(item) {
  if (item.entry || item.deleted_at) return [];
  const about = item.own ? "your message" : `the message from ${item.sender_name}`;
  return [
    act("reply", "Reply", `to ${about}`),
    act("copy", "Copy", about),
    item.own && act("edit", "Edit", about),
    item.own && act("delete", "Delete", about),
    item.own && act("why", "Who has it?", ""),
  ].filter(Boolean);
}

/** Brings an element up to date with what is to be shown. */
export function drawElement(article, item) {
  const { parts } = article;
  article.item = item;
  const classes = ["message", item.own ? "own" : "other"];
  if (item.firstOfGroup) classes.push("first");
  if (item.lastOfGroup) classes.push("last");
  if (item.entry) classes.push("pending");
  if (item.showPortrait) classes.push("with-portrait");
  if (!item.deleted_at && !item.reply_to && isEmojiOnly(item.content)) classes.push("large");
  if (article.classList.contains("found-here")) classes.push("found-here");
  const wanted = classes.join(" ");
  if (article.className !== wanted) article.className = wanted;
  if (item.seq) article.dataset.seq = item.seq;
  refill(parts.portrait, item.showPortrait && item.lastOfGroup ? item.sender_name : "", () =>
    item.showPortrait && item.lastOfGroup ? [initials(item.sender_name)] : [],
  );
  refill(parts.by, `${item.showName} ${item.firstOfGroup} ${item.created_at} ${item.sender_name}`, () => by(item));
  const original = item.original && [item.original.id, item.original.content, item.original.deleted_at];
  refill(parts.bubble, JSON.stringify([item.content, item.edited_at, item.deleted_at, item.reply_to, original]), () => bubble(item));
  refill(parts.fate, JSON.stringify([item.fate, Boolean(item.entry)]), () => fate(item));
  refill(parts.acts, JSON.stringify([Boolean(item.entry), item.deleted_at]), () => acts(item));
}
