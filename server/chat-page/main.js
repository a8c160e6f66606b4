// The page begins here: who is it, then the chat.

import * as bar from "./bar.js";
import { on } from "./bus.js";
import * as chat from "./chat.js";
import * as composer from "./composer.js";
import { confirm, mount as mountDialogs } from "./dialogs.js";
import * as door from "./door.js";
import { byId, say } from "./dom.js";
import { inWords } from "./failure.js";
import * as finder from "./finder.js";
import * as link from "./link.js";
import * as log from "./log.js";
import * as outbox from "./outbox.js";
import * as people from "./people.js";
import * as reading from "./reading.js";
import * as receipts from "./receipts.js";
import * as room from "./room.js";
import * as session from "./session.js";
import { ADMIN_HERE } from "./settings.js";
import * as sidebar from "./sidebar.js";
import * as stranded from "./stranded.js";
import * as title from "./title.js";
import { count } from "./words.js";

let mounted = false;
let owner = null;
let retitle = () => {};

function mountChat() {
  bar.mount();
  mountDialogs();
  sidebar.mount();
  finder.mount();
  stranded.mount();
  composer.mount();
  log.mount();
  room.mount({ look: reading.mount() });
  retitle = title.mount();
  byId("new").addEventListener("click", people.start);
  byId("sign-out").addEventListener("click", signOut);
  mounted = true;
}

/** The first time, and again after a session has ended: whatever was there is still there. */
function enter(user) {
  // Somebody else at the same browser: nothing of the one before is shown to them.
  if (owner && owner !== user.id) return location.reload();
  owner = user.id;
  document.body.dataset.screen = "chat";
  say(byId("me-name"), user.display_name);
  byId("me-admin").hidden = !(ADMIN_HERE && ["admin", "observer"].includes(user.role));
  if (mounted) {
    link.tryNow();
  } else {
    mountChat();
    outbox.adopt();
    link.start({ held: chat.held, handlers: chat.handlers });
  }
  retitle();
  room.enter();
}

async function signOut() {
  const waiting = outbox.unsent().length;
  if (waiting) {
    const words = `${count(waiting, "message has", "messages have")} not been sent and would be lost.`;
    if (!(await confirm("Sign out?", words, "Sign out and discard", "Stay"))) return;
  }
  receipts.farewell();
  try {
    await session.signOut();
  } catch (error) {
    await confirm("Not signed out", `${inWords(error)} You are still signed in at this browser.`, "Understood", "Close");
    return;
  }
  outbox.discardAll();
  composer.forgetDrafts();
  link.stop();
  // A fresh page: nothing of the one who left stays in memory.
  history.replaceState(null, "", "/");
  location.reload();
}

on("signed-out", ({ why }) => door.show(why));

async function begin() {
  try {
    const user = await session.restore();
    if (user) enter(user);
    else door.show();
  } catch (error) {
    // Not signed out: nobody could say. The page asks again by itself.
    byId("boot-words").textContent = `${inWords(error)} Trying again…`;
    setTimeout(begin, 3_000);
  }
}

door.mount(enter);
begin();
