// The connection: when to try, when to wait, and in which words to say so. It reconnects by its own clock and not by
// the library's, so that the page can say "in 4 s" and mean it.

import { emit } from "./bus.js";
import { Failure } from "./failure.js";
import { freshToken, refresh, request } from "./session.js";
import { VERSION } from "./settings.js";
import { io } from "./socket.io-client.js";

const WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
const ASK_PATIENCE_MS = 10_000;
const VERIFY_PATIENCE_MS = 4_000;

/** `connecting`, `open`, `waiting` (until `retryAt`), `refused` (nobody but a person can help), `closed`. */
export const state = { phase: "closed", downSince: null, retryAt: null, reason: null, everOpen: false };

let socket = null;
let timer = 0;
let attempts = 0;
let shutdownWait = 0;
let freshTried = false;

function become(phase, change = {}) {
  Object.assign(state, { phase, retryAt: null }, change);
  if (phase !== "open") state.downSince ??= Date.now();
  emit("link");
}

function waitAndRetry(reason, atLeastMs = 0) {
  clearTimeout(timer);
  const step = WAITS_MS[Math.min(attempts, WAITS_MS.length - 1)];
  attempts += 1;
  // Spread: everybody who lost the same server must not come back in the same moment.
  const wait = Math.max(atLeastMs, Math.round(step * (0.75 + Math.random() / 2)));
  timer = setTimeout(attempt, wait);
  become("waiting", { retryAt: Date.now() + wait, reason });
}

async function attempt() {
  clearTimeout(timer);
  become("connecting");
  try {
    await freshToken();
  } catch (error) {
    if (state.phase !== "connecting") return;
    if (error.code === "unauthorized") become("refused", { reason: "token" });
    else waitAndRetry(error.code === "unreachable" ? "unreachable" : "token-later");
    return;
  }
  if (state.phase === "connecting") socket.connect();
}

/** Whether the server is there and this page's origin is not among those that it takes. */
async function originRefused() {
  const { config } = await request("GET", "/health/websocket");
  return !config.cors_origins.some((origin) => origin === "*" || origin === location.origin);
}

async function onConnectError(error) {
  const [, code] = /^([a-z_]+): /.exec(error.message) ?? [];
  if (code === "unauthorized" || code === "token_expired") {
    if (freshTried) return waitAndRetry("token-later");
    freshTried = true;
    // The next attempt goes with a new token, or finds that there is none to be had.
    return refresh().then(attempt, (failure) =>
      failure.code === "unauthorized" ? become("refused", { reason: "token" }) : waitAndRetry("unreachable"),
    );
  }
  if (code) return waitAndRetry(code);
  try {
    if (await originRefused()) return become("refused", { reason: "origin" });
    waitAndRetry("handshake");
  } catch {
    waitAndRetry("unreachable");
  }
}

function onDisconnect(reason) {
  // By this page itself, which knows what it does next.
  if (reason === "io client disconnect") return;
  const wait = shutdownWait;
  shutdownWait = 0;
  if (wait) return waitAndRetry("shutdown", wait);
  // The server's own word: the token ended, or an admin closed it. Not in a hurry, and with a new token.
  if (reason === "io server disconnect") {
    return refresh().then(
      () => waitAndRetry("closed-by-server", 1_000),
      (failure) => (failure.code === "unauthorized" ? become("refused", { reason: "token" }) : waitAndRetry("unreachable")),
    );
  }
  waitAndRetry("lost");
}

/**
 * Connects and stays connected. `held` gives what the page holds, for `resume`; `handlers` are the server's events by
 * their names, of which `session` opens the connection.
 */
export function start({ held, handlers }) {
  socket = io({
    autoConnect: false,
    reconnection: false,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    timeout: ASK_PATIENCE_MS,
    auth: (give) => freshToken().then((token) => give({ token, receipts: true, client: `rollcall-page/${VERSION}`, ...held() })),
  });
  const { session, ...others } = handlers;
  socket.on("session", (payload) => {
    attempts = 0;
    freshTried = false;
    Object.assign(state, { phase: "open", downSince: null, reason: null, retryAt: null, everOpen: true });
    // What the session says is known before anybody acts on the open connection.
    session(payload);
    emit("link");
  });
  for (const [event, handle] of Object.entries(others)) socket.on(event, handle);
  socket.on("server_shutdown", ({ retry_after_ms }) => {
    shutdownWait = retry_after_ms;
    become(state.phase, { reason: "shutdown" });
  });
  socket.on("token_expiring", () => renew());
  socket.on("connect_error", onConnectError);
  socket.on("disconnect", onDisconnect);
  attempt();
}

async function renew() {
  try {
    await ask("refresh_token", { token: await refresh() });
  } catch (error) {
    // Nothing is lost: at the token's end the server closes, and the page comes back with a new one.
    if (error.code !== "unauthorized") return;
    become("refused", { reason: "token" });
    socket.disconnect();
  }
}

/** For good: signed out. */
export function stop() {
  clearTimeout(timer);
  become("closed");
  socket?.disconnect();
}

/** At once, because somebody pressed a button or the network came back. */
export function tryNow() {
  if (state.phase !== "waiting" && state.phase !== "refused") return;
  freshTried = false;
  attempt();
}

/** After the device slept or the network changed: a dead connection should be found out now and not by the heartbeat. */
async function verify() {
  if (state.phase === "waiting") return tryNow();
  if (state.phase !== "open") return;
  const before = socket.id;
  try {
    await ask("whoami", {}, VERIFY_PATIENCE_MS);
  } catch (error) {
    if (error.code === "timeout" && socket.id === before) socket.io.engine.close();
  }
}

let hiddenSince = 0;
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") hiddenSince = Date.now();
  else if (Date.now() - hiddenSince > 10_000) verify();
});
for (const event of ["online", "offline", "pageshow"]) addEventListener(event, verify);

export const isOpen = () => state.phase === "open";

/** Asks the server something; gives the answer, or throws a `Failure`. Nothing is sent while there is no session. */
export async function ask(event, payload, patienceMs = ASK_PATIENCE_MS) {
  if (!isOpen()) throw Failure.unreachable();
  let answer;
  try {
    answer = await socket.timeout(patienceMs).emitWithAck(event, payload);
  } catch {
    // Too late, or the connection went: whether it arrived is not known.
    throw Failure.silent();
  }
  if (!answer.ok) throw new Failure(answer.error);
  return answer;
}

/** Says something that needs no answer, and is not worth saying later. */
export function tell(event, payload) {
  if (isOpen()) socket.volatile.emit(event, payload);
}

/** The connection's id, for operators and probes. */
export const sid = () => socket?.id ?? null;
