// Conversations and the people in them: starting one, adding, removing, leaving.

import * as chat from "./chat.js";
import { confirm, doing, open } from "./dialogs.js";
import { button, el } from "./dom.js";
import { inWords } from "./failure.js";
import { ban, bans, isOwner } from "./moderation.js";
import { picker } from "./picker.js";
import { go } from "./route.js";
import { api, me } from "./session.js";
import { portrait } from "./sidebar.js";
import { count, moment } from "./words.js";

const path = (conversation, rest) => `conversations/${encodeURIComponent(conversation.id)}/${rest}`;

/** Starts a conversation: one person makes it direct, several or a title make it a group. */
export function start() {
  open("New conversation", (body, close) => {
    let people = [];
    const complaint = el("p", { class: "error", role: "alert" });
    const title = el("input", { id: "new-title", maxlength: "100", autocomplete: "off" });
    const titleRow = el("div", { class: "field" }, el("label", { for: "new-title" }, "Title, if it is to be a group"), title);
    const begin = doing(
      "Start conversation",
      complaint,
      async () => {
        const direct = people.length === 1 && title.value.trim() === "";
        const wire = await api("POST", "conversations", {
          kind: direct ? "direct" : "group",
          participant_ids: people.map(({ id }) => id),
          ...(!direct && title.value.trim() && { title: title.value.trim() }),
        });
        chat.adopted(wire.conversation ?? wire);
        close();
        go((wire.conversation ?? wire).id);
      },
      { class: "primary" },
    );
    const choose = picker({
      changed: (chosen) => {
        people = chosen;
        begin.disabled = people.length === 0;
      },
    });
    body.append(choose, titleRow, complaint, el("div", { class: "dialog-foot" }, button("Cancel", () => close()), begin));
  });
}

function presence(participant) {
  if (participant.online) return el("span", { class: "good" }, el("span", { "aria-hidden": "true" }, "● "), "online");
  const seen = chat.lastSeenOf(participant.id);
  return el("span", { class: "quiet" }, el("span", { "aria-hidden": "true" }, "○ "), seen ? `offline, last seen ${moment(seen)}` : "offline");
}

function personRow(participant, acts) {
  const own = participant.id === me().id;
  const owner = participant.role === "owner" ? ", owner" : "";
  return el(
    "li",
    { class: "member" },
    portrait(participant.display_name),
    el("span", {}, el("bdi", {}, participant.display_name), own ? " (you)" : "", el("br"), el("span", { class: "quiet" }, `${participant.username}${owner}`)),
    presence(participant),
    own ? null : acts(participant),
  );
}

/** Who is in a conversation, and what one can do about it. */
export function show(conversation) {
  open(conversation.kind === "group" ? "People" : conversation.name, (body, close) => {
    const complaint = el("p", { class: "error", role: "alert" });
    const list = el("ul", { class: "members" });
    const number = el("p", { class: "quiet" });
    const draw = () => {
      const known = chat.get(conversation.id) ?? conversation;
      number.textContent = count(known.participants.length, "person", "people");
      const members = known.participants.toSorted((a, b) => a.display_name.localeCompare(b.display_name));
      // Who may not is not asked to try.
      const acts = (participant) => isOwner(known) && el("span", { class: "member-acts" }, remove(participant), keepOut(known, participant));
      list.replaceChildren(...members.map((participant) => personRow(participant, acts)));
    };
    const remove = (participant) =>
      doing(
        "Remove",
        complaint,
        async () => {
          await api("DELETE", path(conversation, `participants/${encodeURIComponent(participant.id)}`));
          conversation.participants = conversation.participants.filter(({ id }) => id !== participant.id);
          chat.changed(conversation);
          draw();
          // The button that had the focus is gone.
          body.closest("dialog").querySelector("button").focus();
        },
        { "aria-label": `Remove ${participant.display_name}` },
      );
    const keepOut = (known, participant) =>
      button("Ban…", () => (close(), ban(known, participant, () => show(known))), { "aria-label": `Ban ${participant.display_name}…` });
    const mute = doing(
      conversation.muted ? "Unmute" : "Mute",
      complaint,
      async () => {
        chat.adopted(await api("POST", path(conversation, "mute"), { muted: !conversation.muted }));
        mute.textContent = conversation.muted ? "Unmute" : "Mute";
        mute.disabled = false;
      },
      { title: "A muted conversation counts only where you are named" },
    );
    const foot = el("div", { class: "dialog-foot" }, mute);
    draw();
    body.append(number, list, complaint, foot);
    if (conversation.kind !== "group") return foot.append(button("Start a group with them", () => (close(), start())));
    if (isOwner(conversation)) foot.append(button("Banned people", () => (close(), bans(conversation).then(() => show(conversation)))));
    foot.append(button("Leave conversation", () => (close(), leave(conversation)), { class: "danger" }), button("Add people", () => (close(), add(conversation))));
  });
}

function add(conversation) {
  open("Add people", (body, close) => {
    let people = [];
    const complaint = el("p", { class: "error", role: "alert" });
    const go = doing(
      "Add to conversation",
      complaint,
      async () => {
        const wire = await api("POST", path(conversation, "participants"), { user_ids: people.map(({ id }) => id) });
        chat.adopted(wire.conversation ?? wire);
        close();
      },
      { class: "primary" },
    );
    const without = new Set(conversation.participants.map(({ id }) => id));
    const choose = picker({
      without,
      changed: (chosen) => {
        people = chosen;
        go.disabled = people.length === 0;
      },
    });
    body.append(
      choose,
      el("p", { class: "quiet" }, "They will be able to read what was written before they came."),
      complaint,
      el("div", { class: "dialog-foot" }, button("Cancel", () => close()), go),
    );
  });
}

async function leave(conversation) {
  const words = "You will get no more messages from it, and need somebody in it to come back.";
  if (!(await confirm(`Leave “${conversation.name}”?`, words, "Leave conversation", "Stay"))) return;
  try {
    await api("DELETE", path(conversation, `participants/${encodeURIComponent(me().id)}`));
    chat.handlers.conversation_removed({ conversation_id: conversation.id });
  } catch (error) {
    open("Not left", (body) => body.append(el("p", { class: "error" }, inWords(error))));
  }
}
