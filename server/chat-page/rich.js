// A message's text as elements: links, code, nothing else. Everything is made of text nodes, so there is nothing in a
// message that could become markup.

import { el } from "./dom.js";

const CODE = /```(?:[\w+#.-]*\n)?([\s\S]*?)```|`([^`\n]+)`/g;
const LINK = /\bhttps?:\/\/[^\s<>"`]+/giu;
const CLOSING = { ")": "(", "]": "[", "}": "{" };

/** Where an address ends that stands in a sentence: before its full stop, and before a bracket that it did not open. */
function trimmed(address) {
  for (;;) {
    const end = address.at(-1);
    const opening = CLOSING[end];
    const unopened = opening && address.split(end).length > address.split(opening).length;
    if (!unopened && !/[.,;:!?'*_~…»”’]/u.test(end)) return address;
    address = address.slice(0, -1);
  }
}

function link(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (!["http:", "https:"].includes(url.protocol) || url.username || url.password) return null;
  // What is shown is what was written; where it leads, as the browser will read it, is in the title.
  return el("a", { href: url.href, title: url.href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, address);
}

function withLinks(text) {
  const parts = [];
  let done = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const address = trimmed(found);
    const anchor = link(address);
    if (!anchor) continue;
    if (index > done) parts.push(text.slice(done, index));
    parts.push(anchor);
    done = index + address.length;
  }
  if (done < text.length) parts.push(text.slice(done));
  return parts;
}

/** The nodes of a message's content. */
export function rich(content) {
  const parts = [];
  let done = 0;
  for (const { 0: whole, 1: block, 2: span, index } of content.matchAll(CODE)) {
    parts.push(...withLinks(content.slice(done, index)));
    done = index + whole.length;
    if (block === undefined) parts.push(el("code", {}, span));
    else {
      parts.push(el("pre", { tabindex: "0", dir: "ltr" }, el("code", {}, block.replace(/\n$/, ""))));
      // The block stands on lines of its own already.
      if (content[done] === "\n") done += 1;
    }
  }
  parts.push(...withLinks(content.slice(done)));
  return parts;
}

const PICTURES = /^(?:[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\u200d\ufe0f\s])+$/u;

/** A few emoji and nothing else are shown large. */
export function isEmojiOnly(content) {
  if (content.length > 40 || !PICTURES.test(content)) return false;
  const seen = [...new Intl.Segmenter().segment(content.replace(/\s/gu, ""))].length;
  return seen > 0 && seen <= 5;
}

/** The first words, for a list or a quote. */
export function gist(message) {
  if (message.deleted_at) return "Message deleted";
  const line = message.content.replace(/```[\w+#.-]*\n?|`/g, "").replace(/\s+/gu, " ").trim();
  const letters = [...line];
  return letters.length > 120 ? `${letters.slice(0, 120).join("")}…` : line;
}
