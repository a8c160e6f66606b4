// What went wrong, in words, and whether trying again can help.

/** Codes that are about the moment and not about the request: the same thing may work later. */
const PASSING = new Set(["rate_limited", "storage_unavailable", "shutting_down", "internal", "timeout", "unreachable"]);

/** A request or an event that failed. */
export class Failure extends Error {
  constructor({ code, message, hint, retry_after_ms }) {
    super(message);
    this.code = code;
    this.hint = hint ?? null;
    this.retryAfterMs = retry_after_ms ?? null;
  }

  /** Whether the same thing may work later without anybody changing anything. */
  get passing() {
    return PASSING.has(this.code);
  }

  static unreachable = () => new Failure({ code: "unreachable", message: "the server cannot be reached" });
  static silent = () => new Failure({ code: "timeout", message: "the server did not answer in time" });
}

const WORDS = {
  unreachable: "The server cannot be reached.",
  timeout: "The server did not answer in time.",
  rate_limited: "That was too quick; please wait a moment.",
  storage_unavailable: "The server cannot save anything at the moment.",
  shutting_down: "The server is about to restart.",
  internal: "The server made a mistake; it has been logged.",
  not_participant: "You are no longer in this conversation.",
  too_large: "The message is too long.",
};

/** One sentence for people. The server's own words where ours would say less. */
export function inWords(error) {
  if (!(error instanceof Failure)) return `The page made a mistake: ${error.message}.`;
  const known = WORDS[error.code];
  if (known) return known;
  const text = error.message.replace(/^[a-z_]+: /, "");
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
