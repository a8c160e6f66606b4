// Whom a message names: the same rule as the server's (chat-core/src/mention.rs).

import { me } from "./session.js";

/** An `@` that does not stand right behind a character of a word, and the characters of usernames behind it. */
const NAME = /(?<![\p{L}\p{N}_.@-])@([A-Za-z0-9_.-]+)/gu;

/** Does this message of somebody else name oneself? */
export function namesMe({ sender_id, content, deleted_at }) {
  const own = me();
  if (sender_id === own.id || deleted_at) return false;
  return [...content.matchAll(NAME)].some(([, name]) => {
    const whole = name.toLowerCase();
    return whole === own.username || whole.replace(/[.-]+$/, "") === own.username;
  });
}
