// Who is signed in. The token lives in this closure alone: no storage holds it, and it ends within a quarter of an hour.
// What keeps one signed in is a cookie that no script can read; see docs/decisions.

import { emit } from "./bus.js";
import { Failure } from "./failure.js";

const PATIENCE_MS = 10_000;
/** A token that ends within this is fetched anew before it is used. */
const MARGIN_MS = 30_000;
const OTHER_TABS = new BroadcastChannel("rollcall-session");

/** A request for JSON; throws a `Failure` for whatever is not a success. */
export async function request(method, path, { body, token } = {}) {
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  let answer;
  try {
    const content = body === undefined ? undefined : JSON.stringify(body);
    answer = await fetch(path, { method, headers, body: content, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (error) {
    throw error.name === "TimeoutError" ? Failure.silent() : Failure.unreachable();
  }
  const text = await answer.text().catch(() => "");
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    // A proxy's own page of an error: the status says what there is to say.
  }
  if (answer.ok) return value;
  const code = value?.code ?? (answer.status >= 502 ? "unreachable" : "internal");
  throw new Failure({ ...value, code, message: value?.detail ?? `the server answered ${answer.status}` });
}

/** How long a token lasts, by its own word: the clocks of server and browser may differ. */
function lifetimeMs(token, expiresAt) {
  try {
    const { iat, exp } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    if (exp > iat) return (exp - iat) * 1000;
  } catch {
    // Not ours to read; the answer says when it ends.
  }
  return Date.parse(expiresAt) - Date.now();
}

let user = null;
let token = null;
let goodUntil = 0;
let refreshing = null;

function take(answer) {
  user = answer.user;
  token = answer.token;
  goodUntil = Date.now() + lifetimeMs(answer.token, answer.expires_at);
  return user;
}

function forget() {
  user = token = null;
  goodUntil = 0;
}

export const me = () => user;

/** Asks whether this browser is signed in; gives the user, or `null`. */
export async function restore() {
  const answer = await request("POST", "/session/token");
  return answer ? take(answer) : null;
}

/** A fresh token, fetched once however many ask. Who is signed out meanwhile hears it as `signed-out`. */
export function refresh() {
  refreshing ??= (async () => {
    const before = user;
    const answer = await request("POST", "/session/token");
    if (!answer) {
      // Whose page this is stays known: what they wrote is kept until they are back.
      token = null;
      goodUntil = 0;
      emit("signed-out", { why: "Your session has ended. Sign in again; nothing that you wrote is lost." });
      throw new Failure({ code: "unauthorized", message: "the session has ended" });
    }
    if (before && answer.user.id !== before.id) {
      // Another tab signed somebody else in: this one shows what is not theirs.
      location.reload();
      await new Promise(() => {});
    }
    take(answer);
    return token;
  })().finally(() => (refreshing = null));
  return refreshing;
}

/** A token that is good for a while yet. */
export const freshToken = async () => (token && Date.now() < goodUntil - MARGIN_MS ? token : refresh());

export async function signIn(username, password) {
  return take(await request("POST", "/session", { body: { username, password } }));
}

export async function register(username, password, displayName) {
  const body = { username, password };
  if (displayName) body.display_name = displayName;
  return take(await request("POST", "/session/register", { body }));
}

export async function signOut() {
  await request("DELETE", "/session");
  forget();
  OTHER_TABS.postMessage("signed-out");
}

OTHER_TABS.addEventListener("message", ({ data }) => {
  if (data !== "signed-out" || !user) return;
  // This tab's drafts are nobody else's business either.
  sessionStorage.clear();
  location.reload();
});

/** REST as the one who is signed in. A token that the server no longer takes is replaced, once. */
export async function api(method, path, body) {
  const ask = async (bearer) => request(method, `/api/v1/${path}`, { body, token: bearer });
  try {
    return await ask(await freshToken());
  } catch (error) {
    if (!["unauthorized", "token_expired"].includes(error.code) || !user) throw error;
    return ask(await refresh());
  }
}
