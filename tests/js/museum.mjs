// The failure museum: every way in which a message is not seen, made to happen with real clients and real faults. Here is what
// its pieces share: how one is declared, how clients confirm, and how a finding is checked from both sides (`explain`, `delivery`).
import assert from "node:assert/strict";
import { it, missing, until } from "./harness.mjs";
import { Peer, open } from "./peer.mjs";

/** Every cause of the contract, in its order. */
export const CAUSES = [
  "not_participant", "offline", "wrong_namespace", "not_in_room", "joined_later", "left_before", "disconnected_during",
  "no_receipt", "buffer_full", "handshake_rejected", "node_lost", "not_saved", "not_broadcast", "reconnect_loop", "unknown",
];

/** The stations of a message's way, in order. */
export const STEPS = ["saved", "participant", "connected", "in_room", "broadcast", "handed_over", "confirmed", "read"];

const found = new Set();

/** A piece of the museum. It fails unless each cause that it claims to show was found by its checks. */
export function piece(causes, name, body, options) {
  it(name, async (t) => {
    await body(t);
    for (const cause of causes) assert.ok(found.has(cause), `this piece never found ${cause}`);
  }, options);
}

/** A client that promises receipts, and keeps the promise as long as `confirms()` says so. */
export async function honest(t, server, user, { confirms = () => true, auth, ...options } = {}) {
  const peer = new Peer(t, open(server, { auth: { token: user.token, receipts: true, client: "museum/1", ...auth }, ...options }));
  peer.user = user;
  peer.socket.on("new_message", (message) => {
    if (confirms(message)) peer.socket.emit("receipt", { conversation_id: message.conversation_id, received: message.seq });
  });
  await peer.connected();
  return peer;
}

/** A client that promises receipts and never gives one: nothing listens to `new_message`. */
export const deaf = (t, server, user, options) => honest(t, server, user, { confirms: () => false, ...options });

/** What `explain` says about these query fields. */
export async function explain(server, fields) {
  const answer = await server.ask("GET", `/admin/api/explain?${new URLSearchParams(fields)}`, { token: await server.adminToken() });
  assert.deepEqual(answer.steps.map((step) => step.step), STEPS, "always all steps, in order");
  // A cause and a remedy are there together, exactly when there is something to remedy.
  const good = ["delivered", "read", "sent"].includes(answer.verdict);
  assert.equal(answer.cause === null || answer.cause === undefined, good, JSON.stringify(answer));
  assert.equal(answer.remedy === null || answer.remedy === undefined, good, JSON.stringify(answer));
  assert.ok(answer.summary.length > 0);
  return answer;
}

/** What `delivery` says, as an admin sees it. */
export async function delivery(server, message) {
  return server.ask("GET", `/admin/api/messages/${message.id}/delivery`, { token: await server.adminToken() });
}

/** `would a message reach this user now?` */
export const explainNow = (server, conversation, user) => explain(server, { conversation_id: conversation.id, user_id: user.id });

/**
 * Waits until `explain` finds `verdict` and `cause` for this user, and checks what else is expected of it:
 * `failing`: the first step that failed; `says`: patterns that summary and details together match; `remedy`: a pattern.
 * `delivery` must say the same of a participant, and nothing of anybody else. Returns both.
 */
export async function finds(server, message, user, { verdict, cause, failing, says = [], remedy, within, participant = true }) {
  let explained, report;
  const same = (own) => own?.status === explained.verdict && (own.cause ?? null) === (explained.cause ?? null);
  await until(
    () => `${verdict} ${cause ?? ""} of ${user.username}, but: ${JSON.stringify({ explained, own: report }, null, 1)}`,
    async () => {
      explained = await explain(server, { message_id: message.id, user_id: user.id });
      report = (await delivery(server, message)).participants.find((one) => one.user_id === user.id);
      const agrees = participant ? same(report) : report === undefined;
      return explained.verdict === verdict && (explained.cause ?? undefined) === cause && agrees;
    },
    within,
  );
  check(explained, { failing, says, remedy });
  if (cause) found.add(cause);
  return { explained, own: report };
}

/** The same for any answer of `explain`. */
export function check(explained, { verdict = explained.verdict, cause = explained.cause, failing, says = [], remedy }) {
  const whole = JSON.stringify(explained, null, 1);
  assert.deepEqual([explained.verdict, explained.cause], [verdict, cause], whole);
  assert.equal(explained.steps.find((step) => step.status === "failed")?.step, failing, whole);
  const evidence = [explained.summary, ...explained.steps.map((step) => step.detail)].join("\n");
  for (const pattern of [says].flat()) assert.match(evidence, pattern);
  if (remedy) assert.match(explained.remedy, remedy);
  if (cause) found.add(cause);
}

/** A number of an unlabelled metric. */
export async function metric(server, name) {
  const text = await server.ask("GET", "/metrics");
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

/** An action of an admin at a socket. */
export async function act(server, peer, action, body = {}) {
  const answer = await server.ask("POST", `/admin/api/sockets/${peer.session.sid}/${action}`, { token: await server.adminToken(), body });
  assert.equal(missing(answer, { ok: true }), undefined, JSON.stringify(answer));
}
