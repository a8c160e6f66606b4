// Keeps an open page true: asks the server for the page's live parts when the stream says that something changed, and
// changes in place what is different. Without this script every page works, and shows what was true when it was loaded.
"use strict";

(() => {
  const CUT_AFTER_MS = 8000;
  const RETRY_MS = 4000;
  const FRESH_MS = 2000;

  document.documentElement.classList.add("js");

  // --- times, in the reader's own zone -------------------------------------------------------------------------------

  // Swedish writes times as everybody can read them: 2026-01-31 23:59:59. The exact value in UTC stays in the title.
  function localise(root) {
    const today = new Date().toLocaleDateString("sv-SE");
    for (const time of root.querySelectorAll("time[datetime]:not([data-fixed])")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const [day, clock] = at.toLocaleString("sv-SE").split(" ");
      const words = day === today ? clock : `${day} ${clock}`;
      if (time.textContent !== words) time.textContent = words;
    }
  }

  // --- changing in place ---------------------------------------------------------------------------------------------

  // What the reader set, not the server.
  const OWN_ATTRIBUTES = new Set(["open", "value", "checked"]);

  function tint(element) {
    if (!element || element.closest("[data-quiet]")) return;
    const cell = element.closest("td, dd, .status") || element;
    cell.classList.remove("changed");
    // Without reading the layout in between, taking a class away and putting it back is nothing at all.
    void cell.offsetWidth;
    cell.classList.add("changed");
  }

  document.addEventListener("animationend", (event) => event.target.classList.remove("changed"));

  function morphAttributes(from, to) {
    for (const { name, value } of to.attributes) {
      if (!OWN_ATTRIBUTES.has(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    for (const { name } of [...from.attributes]) {
      if (!OWN_ATTRIBUTES.has(name) && !to.hasAttribute(name)) from.removeAttribute(name);
    }
  }

  function alike(from, to) {
    return from.nodeType === to.nodeType && from.nodeName === to.nodeName;
  }

  function morph(from, to) {
    if (from.nodeType === Node.TEXT_NODE) {
      if (from.data !== to.data) {
        from.data = to.data;
        tint(from.parentElement);
      }
      return;
    }
    if (from.nodeType !== Node.ELEMENT_NODE) return;
    morphAttributes(from, to);
    if (from.hasAttribute("data-rows")) morphRows(from, to);
    else morphChildren(from, to);
  }

  function morphChildren(from, to) {
    const wanted = [...to.childNodes];
    const present = [...from.childNodes].filter((node) => !(node.dataset && "ours" in node.dataset));
    wanted.forEach((node, at) => {
      const old = present[at];
      if (!old) from.append(node.cloneNode(true));
      else if (alike(old, node)) morph(old, node);
      else old.replaceWith(node.cloneNode(true));
    });
    present.slice(wanted.length).forEach((node) => node.remove());
  }

  // --- rows ----------------------------------------------------------------------------------------------------------

  function keyed(body) {
    const rows = new Map();
    for (const row of body.children) {
      let key = row.dataset.key;
      while (rows.has(key)) key += "'";
      rows.set(key, row);
    }
    return rows;
  }

  // Somebody points at a row, or is in one with the keyboard: it must stay where it is.
  function isHeld(body) {
    return body.matches(":hover, :focus-within") || body.querySelector("details[open]") !== null;
  }

  function morphRows(body, fresh) {
    const present = keyed(body);
    const wanted = keyed(fresh);
    const added = [...wanted.keys()].filter((key) => !present.has(key)).length;
    for (const [key, row] of wanted) {
      if (present.has(key)) morph(present.get(key), row);
    }
    const sameOrder = [...present.keys()].join("\n") === [...wanted.keys()].join("\n");
    if (!sameOrder && isHeld(body)) {
      for (const [key, row] of present) row.classList.toggle("gone", !wanted.has(key));
      tellWaiting(body, added);
      return;
    }
    tellWaiting(body, 0);
    if (sameOrder) return;
    for (const [key, row] of present) if (!wanted.has(key)) row.remove();
    let before = body.firstElementChild;
    for (const [key, row] of wanted) {
      const old = present.get(key);
      const placed = old || row.cloneNode(true);
      if (placed === before) before = before.nextElementSibling;
      else body.insertBefore(placed, before);
      if (!old) for (const cell of placed.cells) cell.classList.add("changed");
    }
  }

  function tellWaiting(body, added) {
    const table = body.closest("table");
    let note = table.previousElementSibling;
    if (!note || !note.classList.contains("waiting")) note = null;
    if (added === 0) {
      if (note) note.remove();
      return;
    }
    if (!note) {
      note = document.createElement("p");
      note.className = "waiting";
      note.dataset.ours = "";
      const button = document.createElement("button");
      button.type = "button";
      button.addEventListener("click", () => {
        note.remove();
        if (document.activeElement) document.activeElement.blur();
        refresh();
      });
      note.append(button);
      table.before(note);
    }
    note.firstChild.textContent = `${added} new`;
  }

  // Whoever lets go of the rows gets the waiting ones at once.
  document.addEventListener("mouseout", (event) => {
    const body = event.target.closest && event.target.closest("[data-rows]");
    if (body && !body.contains(event.relatedTarget) && document.querySelector(".waiting, .gone")) refresh();
  });

  // --- asking --------------------------------------------------------------------------------------------------------

  const page = document.body;
  const mark = document.getElementById("fresh");
  if (!page.dataset.stream || !mark) return;

  let freshAt = Date.now();
  let cut = false;
  let signedOut = false;
  let asking = false;
  let again = false;

  async function refresh() {
    if (signedOut || document.hidden) return;
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const answer = await fetch(location.href, {
        headers: { "x-rollcall-fragment": "1" },
        redirect: "manual",
        cache: "no-store",
        signal: AbortSignal.timeout(10000),
      });
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
        endOfSession();
        return;
      }
      const type = answer.headers.get("content-type") || "";
      if (answer.status >= 500 || !type.startsWith("text/html")) throw new Error(`status ${answer.status}`);
      swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
      freshAt = Date.now();
    } catch {
      // The mark says how old the page is; the next event or the next retry asks again.
    } finally {
      asking = false;
      showFreshness();
      if (again) {
        again = false;
        setTimeout(refresh, 500);
      }
    }
  }

  function swap(fresh) {
    localise(fresh);
    for (const region of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(region.id);
      if (next) morphChildren(region, next);
    }
  }

  // --- the stream ----------------------------------------------------------------------------------------------------

  let source = null;
  let heardAt = Date.now();

  function open() {
    if (source || signedOut) return;
    source = new EventSource(page.dataset.stream);
    const heard = () => {
      heardAt = Date.now();
      setCut(false);
      refresh();
    };
    source.addEventListener("changed", heard);
    source.addEventListener("tick", heard);
    source.addEventListener("error", () => {
      setCut(true);
      // The browser comes back by itself after a cut, but not after a refusal.
      if (source && source.readyState === EventSource.CLOSED) close();
    });
  }

  function close() {
    if (source) source.close();
    source = null;
  }

  function setCut(now) {
    if (now === cut) return;
    cut = now;
    say(cut ? "The live stream is cut; trying again." : "Live again.");
    showFreshness();
  }

  function endOfSession() {
    signedOut = true;
    close();
    say("You are signed out.");
    showFreshness();
  }

  function say(words) {
    const said = document.getElementById("said");
    if (said) said.textContent = words;
  }

  function age() {
    const seconds = Math.round((Date.now() - freshAt) / 1000);
    return seconds < 60 ? `${seconds} s ago` : `${Math.floor(seconds / 60)} min ago`;
  }

  function showFreshness() {
    mark.classList.toggle("cut", cut || signedOut);
    if (signedOut) {
      const link = document.createElement("a");
      link.href = `/admin/login?next=${encodeURIComponent(location.pathname + location.search)}`;
      link.textContent = "Sign in again";
      mark.replaceChildren("▲ signed out · ", link);
    } else if (cut) {
      mark.textContent = `▲ stream cut, trying again · ${age()}`;
    } else {
      mark.textContent = Date.now() - freshAt < FRESH_MS ? "● live · now" : `● live · ${age()}`;
    }
  }

  setInterval(() => {
    if (signedOut || document.hidden) return;
    if (Date.now() - heardAt > CUT_AFTER_MS) setCut(true);
    showFreshness();
  }, 1000);

  // While the stream is cut, asking goes on: it may be only the stream that is refused.
  setInterval(() => {
    if (signedOut || document.hidden || !cut) return;
    open();
    refresh();
  }, RETRY_MS);

  // A page that nobody looks at asks nothing, and holds no stream that others need.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
    } else {
      heardAt = Date.now();
      open();
      refresh();
    }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      open();
      refresh();
    }
  });

  localise(document);
  open();
  showFreshness();
})();

(() => {
  // --- what was done is told once ------------------------------------------------------------------------------------
  const here = new URL(location.href);
  if (here.searchParams.has("done")) {
    here.searchParams.delete("done");
    history.replaceState(null, "", here);
  }

  // --- copying -------------------------------------------------------------------------------------------------------
  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    // Browsers offer the clipboard by https only; an operator may well come by http.
    const field = document.createElement("textarea");
    field.className = "unseen";
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await copy(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });

  // --- "/" looks for something ---------------------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = document.querySelector("[data-search]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
})();
