// The message field: writing, replying, editing, and knowing beforehand what is too long.

import { on } from "./bus.js";
import * as chat from "./chat.js";
import { announce, byId, el } from "./dom.js";
import { inWords } from "./failure.js";
import * as link from "./link.js";
import { toPresent } from "./log.js";
import * as outbox from "./outbox.js";
import { gist } from "./rich.js";
import { me } from "./session.js";
import { MESSAGE_BYTES_MAX } from "./settings.js";
import * as typing from "./typing.js";
import { number } from "./words.js";

const field = byId("message");
const encoder = new TextEncoder();
/** On a touch screen Enter is the only way to a new line; the button sends. */
const touch = matchMedia("(hover: none) and (pointer: coarse)");

/** What the field is for besides a new message: `{kind: "reply" | "edit", message}`. */
let about = null;
let conversationId = null;

const drafts = new Map();

function draftKey(id) {
  return `rollcall.draft.${me().id}.${id}`;
}

function keepDraft() {
  if (!conversationId || about?.kind === "edit") return;
  const text = field.value;
  if (text) drafts.set(conversationId, { text, about });
  else drafts.delete(conversationId);
  try {
    // This tab's own storage: two tabs may be writing two things.
    if (text) sessionStorage.setItem(draftKey(conversationId), text);
    else sessionStorage.removeItem(draftKey(conversationId));
  } catch {
    // Then it is kept for as long as the page lives.
  }
}

const bytes = () => encoder.encode(field.value).length;

function drawLimit() {
  const size = bytes();
  const over = size - MESSAGE_BYTES_MAX;
  const place = byId("limit");
  place.hidden = size < MESSAGE_BYTES_MAX * 0.8;
  place.classList.toggle("over", over > 0);
  place.textContent =
    over > 0
      ? `Too long by ${number(over)} of ${number(MESSAGE_BYTES_MAX)} bytes. Shorten it, or send it in parts.`
      : `${number(size)} of ${number(MESSAGE_BYTES_MAX)} bytes`;
  byId("send").disabled = over > 0 || field.value.trim() === "";
  field.setAttribute("aria-invalid", String(over > 0));
}

/** Grows with its text, where the browser does not do that by itself. */
function fit() {
  if (CSS.supports("field-sizing", "content")) return;
  field.rows = Math.min(8, field.value.split("\n").length);
}

function drawAbout() {
  const place = byId("about");
  place.hidden = !about;
  if (!about) return;
  const { kind, message } = about;
  const who = message.sender_id === me().id ? "yourself" : message.sender_name;
  byId("about-words").replaceChildren(
    ...(kind === "edit" ? ["Editing your message: "] : ["Replying to ", el("bdi", {}, who), ": "]),
    el("span", { class: "about-gist", dir: "auto" }, gist(message)),
  );
  byId("send").textContent = kind === "edit" ? "Save" : "Send";
}

function become(next, text) {
  about = next;
  if (text !== undefined) field.value = text;
  byId("send").textContent = "Send";
  drawAbout();
  drawLimit();
  fit();
}

export function reply(message) {
  become({ kind: "reply", message });
  field.focus();
}

export function edit(message) {
  keepDraft();
  become({ kind: "edit", message }, message.content);
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
}

function cancel() {
  const wasEdit = about?.kind === "edit";
  become(null, wasEdit ? (drafts.get(conversationId)?.text ?? "") : undefined);
  complain("");
  field.focus();
}

function complain(text) {
  const place = byId("composer-error");
  place.hidden = !text;
  place.textContent = text;
  if (text) announce(text);
}

async function saveEdit(message, content) {
  if (content === message.content) return cancel();
  field.readOnly = true;
  try {
    const { message: changed } = await link.ask("edit_message", { message_id: message.id, content });
    chat.handlers.message_updated(changed);
    announce("Saved.");
    field.readOnly = false;
    cancel();
  } catch (error) {
    field.readOnly = false;
    complain(`Your change is not saved. ${inWords(error)}`);
  }
}

function submit(event) {
  event.preventDefault();
  const content = field.value.replace(/^\n+|\s+$/gu, "");
  if (content === "" || bytes() > MESSAGE_BYTES_MAX || field.readOnly) return drawLimit();
  complain("");
  if (about?.kind === "edit") return saveEdit(about.message, content);
  const replyTo = about?.message.id ?? null;
  const conversation = chat.get(conversationId);
  // Whoever answers has seen what was new.
  conversation.newAfter = null;
  become(null, "");
  keepDraft();
  typing.stopped(true);
  outbox.post(conversationId, content, replyTo);
  toPresent();
  field.focus();
}

function lastOwn() {
  const { messages } = chat.get(conversationId).timeline;
  return messages.findLast((message) => message.sender_id === me().id && !message.deleted_at);
}

function onKey(event) {
  if (event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey && !event.altKey && !touch.matches) {
    submit(event);
  } else if (event.key === "Escape" && about) {
    event.preventDefault();
    cancel();
  } else if (event.key === "ArrowUp" && field.value === "" && !about) {
    const message = lastOwn();
    if (!message) return;
    event.preventDefault();
    edit(message);
  }
}

/** Is for this conversation from now on. */
export function show(conversation) {
  if (conversationId === conversation.id) return;
  keepDraft();
  typing.stopped();
  conversationId = conversation.id;
  let draft = drafts.get(conversationId);
  if (!draft) draft = { text: sessionStorage.getItem(draftKey(conversationId)) ?? "", about: null };
  complain("");
  become(draft.about?.kind === "reply" ? draft.about : null, draft.text);
  byId("message-label").textContent = `Message to ${conversation.name}`;
}

export function leave() {
  keepDraft();
  typing.stopped();
  conversationId = null;
  become(null, "");
}

/** Signing out: what was begun does not stay in this browser. */
export function forgetDrafts() {
  conversationId = null;
  drafts.clear();
  for (const key of Object.keys(sessionStorage)) if (key.startsWith("rollcall.draft.")) sessionStorage.removeItem(key);
}

export const focus = () => !touch.matches && field.focus({ preventScroll: true });

export function mount() {
  byId("composer").addEventListener("submit", submit);
  byId("about-cancel").addEventListener("click", cancel);
  field.addEventListener("keydown", onKey);
  field.addEventListener("input", () => {
    fit();
    drawLimit();
    keepDraft();
    if (field.value && about?.kind !== "edit") typing.typed(conversationId);
  });
  on("removed", ({ id }) => id === conversationId && leave());
  // What is being edited or answered was deleted by somebody.
  on("timeline", ({ id }) => {
    if (id !== conversationId || !about) return;
    const now = chat.get(id)?.timeline.find(about.message.id);
    if (now?.deleted_at) cancel();
  });
}
