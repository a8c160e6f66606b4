// Which conversation is shown, as the address says: `#/c/<id>`, and `#/c/<id>/<seq>` for a place in its history.

const CONVERSATION = /^#\/c\/([^/]+)(?:\/(\d+))?$/;

export function current() {
  const [, id, seq] = CONVERSATION.exec(location.hash) ?? [];
  return id ? { id: decodeURIComponent(id), seq: seq ? Number(seq) : null } : { id: null, seq: null };
}

export const hrefOf = (id, seq = null) => `#/c/${encodeURIComponent(id)}${seq ? `/${seq}` : ""}`;

export function go(id, seq = null) {
  location.hash = id ? hrefOf(id, seq) : "#/";
}

/** Leaves an address that leads nowhere (any more), without a step in the history. */
export function replace(id) {
  history.replaceState(null, "", id ? hrefOf(id) : "#/");
  dispatchEvent(new HashChangeEvent("hashchange"));
}
