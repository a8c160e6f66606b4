// One conversation: what the server says of it, and what this page knows of who has got how far.

import { namesMe } from "./mention.js";
import { me } from "./session.js";
import { Timeline } from "./timeline.js";

const UNREAD_MAX = 1_000;

export class Conversation {
  /** Others' cursors: user -> {received, read}. Known from receipts and from deliveries that were asked for. */
  cursors = new Map();
  /** Who is typing: user -> when it ends. */
  typists = new Map();
  /** The seq after which the "new" mark stands, while it stands. */
  newAfter = null;
  /** The seq of the own message whose delivery was asked for last, to learn the cursors from. */
  learnedFrom = null;

  constructor(wire) {
    this.timeline = new Timeline(wire.last_seq);
    this.readSeq = 0;
    this.take(wire);
  }

  /** What the server says now. Its numbers may be older than what this page has meanwhile heard. */
  take(wire) {
    this.id = wire.id;
    this.kind = wire.kind;
    this.title = wire.title;
    this.participants = wire.participants;
    this.muted = wire.muted ?? false;
    this.lastSeq = Math.max(this.lastSeq ?? 0, wire.last_seq);
    this.receivedSeq = Math.max(this.receivedSeq ?? 0, wire.received_seq ?? 0);
    const readSeq = Math.max(this.readSeq, wire.read_seq ?? 0);
    // Whoever is removed sees it as a stranger does, without cursors.
    if (wire.unread !== undefined && wire.last_seq >= this.lastSeq && (wire.read_seq ?? 0) >= this.readSeq) {
      this.unread = wire.unread;
      this.mentions = wire.mentions ?? 0;
    }
    this.unread ??= 0;
    this.mentions ??= 0;
    this.readSeq = readSeq;
    const last = wire.last_message;
    if (last && last.seq >= (this.lastMessage?.seq ?? 0)) this.lastMessage = last;
  }

  get others() {
    return this.participants.filter(({ id }) => id !== me().id);
  }

  /** The other one of a direct conversation. */
  get peer() {
    return this.kind === "direct" ? (this.others[0] ?? null) : null;
  }

  get name() {
    if (this.title) return this.title;
    if (this.kind === "direct") return this.peer?.display_name ?? "Yourself";
    return this.others.map(({ display_name }) => display_name).join(", ") || "Only you";
  }

  participant(userId) {
    return this.participants.find(({ id }) => id === userId);
  }

  nameOf(userId, otherwise = "Somebody") {
    return this.participant(userId)?.display_name ?? otherwise;
  }

  /** A message that came for the first time; says whether it counts as unread. */
  note(message) {
    if (message.seq <= this.lastSeq) return false;
    this.lastSeq = message.seq;
    this.lastMessage = message;
    if (message.sender_id === me().id || message.seq <= this.readSeq) return false;
    this.unread = Math.min(this.unread + 1, UNREAD_MAX);
    if (namesMe(message)) this.mentions = Math.min(this.mentions + 1, UNREAD_MAX);
    return true;
  }

  /** Oneself has read up to here, in this tab or another. Gives whether `unread` is known to be right afterwards. */
  readUpTo(seq) {
    if (seq <= this.readSeq) return true;
    this.readSeq = seq;
    if (seq >= this.lastSeq) {
      this.unread = 0;
      this.mentions = 0;
      return true;
    }
    const { first, last, messages } = this.timeline;
    if (!first || first.seq > seq + 1 || last.seq < this.lastSeq) return false;
    const unread = messages.filter((message) => message.seq > seq && message.sender_id !== me().id);
    this.unread = unread.length;
    this.mentions = unread.filter(namesMe).length;
    return true;
  }

  /** Somebody else's cursor; it only moves forward. */
  reached(userId, { received = 0, read = 0 }) {
    const held = this.cursors.get(userId) ?? { received: 0, read: 0 };
    this.cursors.set(userId, { received: Math.max(held.received, received, read), read: Math.max(held.read, read) });
  }

  /** How far one's own message with this seq has come, as far as is known. */
  reach(seq) {
    const people = this.others;
    const inside = new Set(people.map(({ id }) => id));
    const has = [...this.cursors].filter(([id, { received }]) => received >= seq && id !== me().id);
    const cursors = has.map(([, cursor]) => cursor);
    return {
      // Whoever has it and has left since has it all the same.
      people: people.length + has.filter(([id]) => !inside.has(id)).length,
      received: cursors.filter(({ received }) => received >= seq).length,
      read: cursors.filter(({ read }) => read >= seq).length,
    };
  }
}
