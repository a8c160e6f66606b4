// Who hears of what. One list of names, so that a misspelt one is an error and not silence.

const EVENTS = [
  "link", // the connection's state changed
  "list", // something in the list of conversations changed: order, unread, presence, titles
  "people", // presence, names
  "timeline", // {id}: messages of a conversation changed
  "arrived", // {conversation, message}: a message of somebody else's, for the first time
  "typing", // {id}
  "removed", // {id}: a conversation that one is no longer in
  "outbox", // {id}
  "signed-out", // {why}
];

const listeners = new Map(EVENTS.map((name) => [name, new Set()]));

function of(name) {
  const found = listeners.get(name);
  if (!found) throw new Error(`there is no event ${name}`);
  return found;
}

export const on = (name, listener) => of(name).add(listener);

export function emit(name, detail) {
  for (const listener of of(name)) listener(detail);
}
