// What became of one's own message, in one small word.

/** `key` says how far, for telling where it changes from one message to the next. */
const word = (key, text, more = {}) => ({ key, text, ...more });

/** Of an entry of the outbox. */
export function ofEntry(entry, online) {
  if (entry.state === "failed") return word("failed", `failed: ${entry.error.words}`, { failed: true });
  if (entry.state === "saved") return word("saved", "saved");
  if (entry.error) return word("waiting", `not sent yet: ${entry.error.words} It is tried again by itself.`, { late: true });
  if (entry.stored === false) return word("waiting", "not sent yet, and a reload would lose it: this browser's storage is full", { late: true });
  return online ? word("sending", "sending…") : word("waiting", "waiting for the connection", { late: true });
}

/** Of a message that is saved. */
export function ofMessage(conversation, message) {
  const { people, received, read } = conversation.reach(message.seq);
  if (people === 0) return word("saved", "saved");
  if (people === 1) return read ? word("read", "read") : received ? word("delivered", "delivered") : word("saved", "saved");
  if (read === people) return word("read", "read by all");
  if (read > 0) return word(`read ${read}`, `read by ${read} of ${people}`);
  if (received > 0) return word(`delivered ${received}`, `delivered ${received} of ${people}`);
  return word("saved", "saved");
}
