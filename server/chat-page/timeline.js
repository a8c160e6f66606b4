// The messages of one conversation as this page holds them: a window without gaps, and how far the page has heard.
//
// `head` is the highest seq up to which everything reached this page, whether it is in the window or not: it is what a
// reconnect resumes from. The window may lie further back, after a jump into the history; then it is not `atEnd`.

/** More than this is let go at the far end while scrolling; it is loaded again when somebody comes back to it. */
const WINDOW_MAX = 2_000;

export class Timeline {
  messages = [];
  head = 0;
  /** The window is known to begin at the conversation's first message. */
  fromStart = false;
  loaded = false;

  constructor(head) {
    this.head = head;
  }

  get first() {
    return this.messages[0];
  }

  get last() {
    return this.messages.at(-1);
  }

  /** The window reaches the newest message that this page has heard of. */
  get atEnd() {
    return this.loaded && (this.last?.seq ?? 0) >= this.head;
  }

  /** A message that came by itself. `gap` means that others are missing before it, and that it was not taken. */
  arrive(message) {
    if (message.seq <= this.head) {
      this.replace(message);
      return "known";
    }
    if (message.seq > this.head + 1) return "gap";
    const joins = this.atEnd;
    this.head = message.seq;
    if (joins) this.messages.push(message);
    return "new";
  }

  /** A newer version of a message in the window; one that would go back to before an edit is not taken. */
  replace(message) {
    const at = this.indexOf(message.seq);
    const held = this.messages[at];
    if (held?.id !== message.id) return false;
    const age = ({ edited_at, deleted_at }) => deleted_at ?? edited_at ?? "";
    if (age(message) < age(held)) return false;
    this.messages[at] = message;
    return true;
  }

  /** The first page: it becomes the window. */
  open(page, fromStart) {
    this.messages = [...page];
    this.fromStart = fromStart;
    this.loaded = true;
  }

  /** A page that ends just before the window. */
  prepend(page, fromStart) {
    const before = this.first?.seq ?? Infinity;
    this.messages.unshift(...page.filter(({ seq }) => seq < before));
    this.fromStart = fromStart;
    // The newest go only when nobody is looking at them: the caller scrolls up here.
    if (this.messages.length > WINDOW_MAX) this.messages.length = WINDOW_MAX;
  }

  /** A page that begins just after the window. */
  append(page) {
    const after = this.last?.seq ?? 0;
    this.messages.push(...page.filter(({ seq }) => seq > after));
    const over = this.messages.length - WINDOW_MAX;
    if (over > 0) {
      this.messages.splice(0, over);
      this.fromStart = false;
    }
  }

  /** Everything is to be loaded again, for example because the database is another one. */
  reset(head) {
    this.messages = [];
    this.head = head;
    this.fromStart = this.loaded = false;
  }

  /** Forgets the messages and keeps how far the page has heard. */
  unload() {
    this.reset(this.head);
  }

  indexOf(seq) {
    // Without gaps the place follows from the number.
    return this.messages.length ? seq - this.first.seq : -1;
  }

  find(id) {
    return this.messages.find((message) => message.id === id);
  }

  bySeq(seq) {
    return this.messages[this.indexOf(seq)];
  }
}
