// Keeping people out of a group: banning, who is banned, and letting them in again. For its owners.

import * as chat from "./chat.js";
import { doing, open } from "./dialogs.js";
import { button, el } from "./dom.js";
import { inWords } from "./failure.js";
import { api, me } from "./session.js";
import { portrait } from "./sidebar.js";
import { moment } from "./words.js";

/** What the server takes, in characters. */
const REASON_CHARS_MAX = 200;

const path = ({ id }) => `conversations/${encodeURIComponent(id)}/bans`;

/** Whether this user decides who is in it. */
export const isOwner = (conversation) => conversation.kind === "group" && conversation.participant(me().id)?.role === "owner";

/** Asks whether somebody is to be banned, and why; `after` is called when that window is done with. */
export function ban(conversation, { id, display_name }, after) {
  return open(`Ban ${display_name}?`, (body, close) => {
    const complaint = el("p", { class: "error", role: "alert" });
    const reason = el("input", { id: "ban-reason", maxlength: String(REASON_CHARS_MAX), autocomplete: "off", autofocus: true });
    const go = doing(
      "Ban from conversation",
      complaint,
      async () => {
        chat.adopted(await api("POST", path(conversation), { user_id: id, ...(reason.value.trim() && { reason: reason.value.trim() }) }));
        close();
      },
      { class: "danger" },
    );
    body.append(
      el("p", {}, "They are removed from ", el("bdi", {}, `“${conversation.name}”`), " and cannot be added again until the ban is lifted."),
      el("div", { class: "field" }, el("label", { for: "ban-reason" }, "Why ", el("span", { class: "quiet" }, "(they see it; may be left empty)")), reason),
      complaint,
      el("div", { class: "dialog-foot" }, button("Cancel", () => close()), go),
    );
  }).then(after);
}

function banRow(conversation, ban, lift) {
  return el(
    "li",
    { class: "member" },
    portrait(ban.display_name),
    el(
      "span",
      {},
      el("bdi", {}, ban.display_name),
      el("br"),
      el("span", { class: "quiet" }, `by ${ban.by === me().id ? "you" : conversation.nameOf(ban.by, "somebody who has left")}, ${moment(ban.at)}`),
      ...(ban.reason ? [el("br"), el("span", { dir: "auto" }, `“${ban.reason}”`)] : []),
    ),
    el("span"),
    lift,
  );
}

/** Who is banned, and a button at each that lifts it. */
export function bans(conversation) {
  return open("Banned people", (body) => {
    const complaint = el("p", { class: "error", role: "alert" });
    const status = el("p", { class: "quiet", role: "status" }, "Loading…");
    const list = el("ul", { class: "members" });
    let banned = [];
    const draw = () => {
      status.textContent = banned.length ? "They cannot be added to this conversation." : "Nobody is banned.";
      list.replaceChildren(...banned.map((ban) => banRow(conversation, ban, lift(ban))));
    };
    const lift = (ban) =>
      doing(
        "Lift ban",
        complaint,
        async () => {
          await api("DELETE", `${path(conversation)}/${encodeURIComponent(ban.user_id)}`);
          banned = banned.filter(({ user_id }) => user_id !== ban.user_id);
          draw();
          // The button that had the focus is gone.
          (list.querySelector("button") ?? body.closest("dialog").querySelector("button")).focus();
        },
        { "aria-label": `Lift ban of ${ban.display_name}` },
      );
    body.append(status, list, complaint);
    api("GET", path(conversation)).then(
      (answer) => {
        banned = answer.bans;
        draw();
      },
      (error) => {
        status.textContent = "";
        complaint.textContent = inWords(error);
      },
    );
  });
}

/** Tells whoever was looking at it why it went. */
export function shownOut({ name, why, by, note }) {
  const words = why === "banned" ? "You were banned from" : "You were removed from";
  open(why === "banned" ? "Banned" : "Removed", (body, close) => {
    body.append(
      el("p", {}, `${words} `, el("bdi", {}, `“${name}”`), by ? ` by ${by}.` : "."),
      ...(note ? [el("p", { class: "quoted", dir: "auto" }, note)] : []),
      el("div", { class: "dialog-foot" }, button("Close window", () => close(), { class: "primary" })),
    );
  });
}
