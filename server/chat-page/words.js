// Times and counts as people write them, in the browser's own language; the page's words are English.

const LANGUAGES = navigator.languages;
const clock = new Intl.DateTimeFormat(LANGUAGES, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en", { weekday: "short" });
const dayMonth = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const wholeDay = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const wholeDate = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const exact = new Intl.DateTimeFormat(LANGUAGES, { dateStyle: "medium", timeStyle: "medium" });

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
/** Days between today and then; 1 is yesterday. Rounded, since one day a year has 23 hours. */
const daysAgo = (date) => Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);

export const time = (when) => clock.format(new Date(when));
export const exactly = (when) => exact.format(new Date(when));
/** The same for all moments of a day. */
export const dayOf = (when) => midnight(new Date(when)).getTime();

export function day(when) {
  const date = new Date(when);
  const ago = daysAgo(date);
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  return (date.getFullYear() === new Date().getFullYear() ? wholeDay : wholeDate).format(date);
}

/** Short, for a list: a time today, a weekday this week, a date before. */
export function briefly(when) {
  const date = new Date(when);
  const ago = daysAgo(date);
  if (ago <= 0) return clock.format(date);
  return ago < 7 ? weekday.format(date) : dayMonth.format(date);
}

/** "12:03", or "Tue 12:03", or "3 Nov, 12:03". */
export function moment(when) {
  const ago = daysAgo(new Date(when));
  if (ago <= 0) return time(when);
  return ago < 7 ? `${briefly(when)} ${time(when)}` : `${briefly(when)}, ${time(when)}`;
}

export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

export const capped = (n) => (n > 99 ? "99+" : String(n));

/** "Bob", "Bob and Carol", "Bob, Carol and Dave". */
export const list = (names) => (names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

const scale = (ms) => (ms < 1_000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`);
export const duration = scale;

const BYTES = new Intl.NumberFormat("en", { useGrouping: true });
export const number = (n) => BYTES.format(n);

/** The letters of a round mark beside a name. */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0]).join("").toLocaleUpperCase() || "?";
}
