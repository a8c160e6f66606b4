// Signing in and registering: the page's first screen, and the one that lies over the chat when a session has ended.

import { byId, el } from "./dom.js";
import { inWords } from "./failure.js";
import * as session from "./session.js";
import { ADMIN_HERE, REGISTRATION_OPEN } from "./settings.js";

let mode = "in";
let entered = () => {};

const field = (name) => byId(`door-${name}`);

function draw() {
  const registering = mode === "register";
  byId("door-title").textContent = registering ? "Make an account" : "Sign in";
  byId("door-name-row").hidden = !registering;
  byId("door-hint").hidden = !registering;
  field("password").autocomplete = registering ? "new-password" : "current-password";
  field("password").minLength = registering ? 8 : 0;
  byId("door-go").textContent = registering ? "Make account" : "Sign in";
  byId("door-other-words").textContent = registering ? "You have an account?" : "New here?";
  byId("door-other").textContent = registering ? "Sign in" : "Make an account";
  byId("door-other-row").hidden = !REGISTRATION_OPEN;
}

function complain(text) {
  const place = byId("door-error");
  place.replaceChildren(...(text ? [el("span", { class: "mark", "aria-hidden": "true" }, "■ "), text] : []));
  place.hidden = !text;
}

function wrongAt(error) {
  if (mode === "in" && error.code === "unauthorized") return "Username or password is wrong.";
  if (error.code === "rate_limited") {
    const seconds = Math.ceil((error.retryAfterMs ?? 1_000) / 1_000);
    return `Too many attempts from here. Try again in ${seconds} s.`;
  }
  return [inWords(error), error.hint && `${error.hint.charAt(0).toUpperCase()}${error.hint.slice(1)}.`].filter(Boolean).join(" ");
}

async function submit(event) {
  event.preventDefault();
  const [username, password] = [field("username").value.trim(), field("password").value];
  const go = byId("door-go");
  if (go.disabled) return;
  complain("");
  if (!username || !password) {
    complain(username ? "Enter your password." : "Enter your username.");
    return field(username ? "password" : "username").focus();
  }
  go.disabled = true;
  try {
    const user =
      mode === "in"
        ? await session.signIn(username, password)
        : await session.register(username, password, field("name").value.trim());
    field("password").value = "";
    entered(user);
  } catch (error) {
    complain(wrongAt(error));
    field(error.message.startsWith("username") ? "username" : "password").focus();
  } finally {
    go.disabled = false;
  }
}

/** Prepares the form; `enter` is called with the user who came in. */
export function mount(enter) {
  entered = enter;
  byId("door-form").addEventListener("submit", submit);
  byId("door-other").addEventListener("click", () => {
    mode = mode === "in" ? "register" : "in";
    complain("");
    draw();
    field("username").focus();
  });
  byId("door-admin").hidden = !ADMIN_HERE;
  draw();
}

/** Shows the form, with the reason why somebody sees it again. */
export function show(why = "") {
  document.body.dataset.screen = "door";
  byId("door-why").textContent = why;
  byId("door-why").hidden = !why;
  document.title = "Sign in – Rollcall";
  field("username").focus();
}
