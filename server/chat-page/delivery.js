// "Who has it?": on one's own message, who has it, who has not, and why, in plain words.

import * as chat from "./chat.js";
import { open } from "./dialogs.js";
import { button, el } from "./dom.js";
import { inWords } from "./failure.js";
import { gist } from "./rich.js";
import { api, me } from "./session.js";
import { portrait } from "./sidebar.js";
import { count, duration, list, moment } from "./words.js";

const STATUS = {
  read: ["●", "read", "good"],
  delivered: ["●", "has it", "good"],
  sent: ["●", "sent to their app", "good"],
  unconfirmed: ["▲", "not confirmed", "late"],
  missed: ["■", "did not get it live", "bad"],
  offline: ["○", "not connected", "quiet"],
};

/** For people in a chat. Operators have the same with evidence on the admin's Explain page. */
const CAUSES = {
  offline: "They get it as soon as they open the chat.",
  not_participant: "They were not in this conversation when it was sent.",
  joined_later: "They came into the conversation, or connected, after it was sent; they find it in the history.",
  left_before: "Their app had closed this conversation; they find it when they open it again.",
  disconnected_during: "Their connection broke at that moment. They get it when it is back.",
  no_receipt: "Their app is connected, but has not confirmed it. It may be frozen, or show something else.",
  not_in_room: "They are connected, but their app was not listening to this conversation. The next message puts that right.",
  wrong_namespace: "Their app is connected to another place on the server. Its maker or your operator can mend that.",
  handshake_rejected: "Their app tries to connect and is refused. Your operator sees why.",
  buffer_full: "Their connection is slow; the message waits in line.",
  node_lost: "The server that they were connected to went down. They get it when they are back.",
  not_saved: "The message was not saved.",
  not_broadcast: "The server restarted at that moment; it makes up for it by itself.",
  reconnect_loop: "Their app connects and breaks off again and again.",
  unknown: "The server does not know why. Please tell your operator.",
};

function detail(person) {
  if (person.cause) return CAUSES[person.cause] ?? CAUSES.unknown;
  const confirmed = person.sockets.filter(({ confirmed_at }) => confirmed_at);
  const fastest = Math.min(...confirmed.map(({ latency_ms }) => latency_ms ?? Infinity));
  if (confirmed.length && fastest < Infinity) {
    return `On ${count(confirmed.length, "device")}, after ${duration(fastest)}${confirmed.some(({ path }) => path === "resume") ? ", on coming back" : ""}.`;
  }
  if (person.status === "sent") return "That app does not say what it has received.";
  return "";
}

function row(conversation, person) {
  const [mark, words, tone] = STATUS[person.status] ?? ["◌", person.status, "quiet"];
  const name = conversation.nameOf(person.user_id, person.username);
  return el(
    "li",
    { class: "fate-row" },
    portrait(name),
    el("span", { class: "fate-who" }, el("bdi", {}, name)),
    el("span", { class: `fate-status ${tone}` }, el("span", { "aria-hidden": "true" }, `${mark} `), words),
    el("span", { class: "fate-detail" }, detail(person)),
  );
}

const ORDER = ["missed", "unconfirmed", "offline", "sent", "delivered", "read"];

/** The whole in one sentence. */
function sentence(conversation, people) {
  const names = (statuses) =>
    people.filter(({ status }) => statuses.includes(status)).map(({ user_id, username }) => conversation.nameOf(user_id, username));
  const without = names(["missed", "unconfirmed"]);
  const away = names(["offline"]);
  const read = names(["read"]);
  if (people.length === 0) return "Nobody else is in this conversation.";
  if (without.length) return `${list(without)} may not have seen it.`;
  if (away.length === people.length) return people.length === 1 ? `${away[0]} is not connected.` : "Nobody is connected at the moment.";
  if (away.length) return `Everybody who is connected has it. ${list(away)} ${away.length === 1 ? "is" : "are"} not connected.`;
  if (read.length === people.length) return people.length === 1 ? `${read[0]} has read it.` : "Everybody has read it.";
  return people.length === 1 ? `${list(names(ORDER))} has it.` : "Everybody has it.";
}

/** Learns from a delivery how far everybody is. */
export function learn(conversation, seq, participants) {
  for (const { user_id, status } of participants) {
    if (status === "read") conversation.reached(user_id, { received: seq, read: seq });
    else if (status === "delivered") conversation.reached(user_id, { received: seq });
  }
}

const fetchDelivery = (messageId) => api("GET", `messages/${encodeURIComponent(messageId)}/delivery`);

/** So many deliveries are asked for to learn how far everybody is. */
const LEARN_FROM = 4;

/** After a reload nobody has said yet who has what: one's newest messages tell it, for everything before them too. */
export async function learnFromNewest(conversation) {
  const own = conversation.timeline.messages.filter(({ sender_id, deleted_at }) => sender_id === me().id && !deleted_at);
  if (own.length === 0 || conversation.learnedFrom === own.at(-1).seq) return;
  conversation.learnedFrom = own.at(-1).seq;
  for (const { id, seq } of own.slice(-LEARN_FROM).reverse()) {
    const { participants } = await fetchDelivery(id);
    learn(conversation, seq, participants);
    chat.changed(conversation);
    // Whoever does not have this one may have the one before.
    if (conversation.others.every((other) => conversation.cursors.has(other.id))) return;
  }
}

/** Opens the window for one message. */
export function show(message) {
  const conversation = chat.get(message.conversation_id);
  open(
    "Who has it?",
    (body) => {
      const place = el("div", { "aria-live": "polite" });
      const refresh = async () => {
        try {
          const { participants } = await fetchDelivery(message.id);
          learn(conversation, message.seq, participants);
          chat.changed(conversation);
          const people = participants.filter(({ user_id }) => user_id !== me().id);
          people.sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
          place.replaceChildren(
            el("p", { class: "sentence" }, sentence(conversation, people)),
            el("ul", { class: "fate-list" }, people.map((person) => row(conversation, person))),
          );
        } catch (error) {
          place.replaceChildren(el("p", { class: "error" }, inWords(error)));
        }
      };
      place.append(el("p", { class: "quiet" }, "Asking the server…"));
      body.append(
        el("blockquote", { class: "quoted", dir: "auto" }, gist(message)),
        el("p", { class: "quiet" }, `Saved ${moment(message.created_at)}, number ${message.seq} of this conversation.`),
        place,
        el("div", { class: "dialog-foot" }, button("Ask again", refresh)),
      );
      refresh();
    },
    { wide: true },
  );
}
