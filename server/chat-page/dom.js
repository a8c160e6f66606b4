// Making and finding elements. Text only ever becomes text: nothing here parses markup, and the page's policy forbids it.

/** The element with this id, which the page has. */
export const byId = (id) => document.getElementById(id);

/**
 * An element with attributes and children. `on` holds listeners, `data` the data attributes; an attribute that is
 * `null`, `undefined` or `false` is left out, `true` is there without a value.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  const { on = {}, data = {}, ...plain } = attributes;
  for (const [name, value] of Object.entries(plain)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [name, value] of Object.entries(data)) {
    if (value !== null && value !== undefined) element.dataset[name] = String(value);
  }
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button that does one thing, named by a verb. */
export const button = (words, press, attributes = {}) =>
  el("button", { type: "button", ...attributes, on: { click: press } }, words);

/** Changes the text only where it differs, so that nothing is announced or painted for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes `parent` hold exactly `wanted`, moving as little as possible: what has the focus keeps it. */
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.childNodes]) if (!keep.has(child)) child.remove();
  let at = parent.firstChild;
  for (const child of wanted) {
    if (child === at) at = at.nextSibling;
    else parent.insertBefore(child, at);
  }
}

/** Calls `draw` once, soon, however often it is asked for. Not with the frame: a hidden tab's title counts too. */
export function soon(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    queueMicrotask(() => {
      asked = false;
      draw();
    });
  };
}

/** An id that cannot be guessed or met twice. (`crypto.randomUUID` is only there over https.) */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const announcer = () => byId("announcer");
let clearing = 0;

/** Says something to a screen reader, once it has finished what it says. */
export function announce(text) {
  const region = announcer();
  region.append(el("p", {}, text));
  clearTimeout(clearing);
  clearing = setTimeout(() => region.replaceChildren(), 5_000);
}
