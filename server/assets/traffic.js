// Shows events in and out of sockets as they happen. Whatever a client says is only ever text here.
"use strict";

(() => {
  const ROWS_MAX = 500;
  const WAITING_MAX = 2000;

  const body = document.getElementById("traffic-rows");
  if (!body) return;
  const state = document.getElementById("traffic-state");
  const empty = document.getElementById("traffic-empty");
  const pause = document.getElementById("traffic-pause");
  const clear = document.getElementById("traffic-clear");

  let source = null;
  let paused = false;
  let shown = 0;
  let dropped = 0;
  let waiting = [];

  function cell(row, label, ...content) {
    const td = document.createElement("td");
    td.dataset.label = label;
    td.append(...content);
    row.append(td);
    return td;
  }

  function element(name, text, title) {
    const made = document.createElement(name);
    made.textContent = text;
    if (title) made.title = title;
    return made;
  }

  function link(href, text, title) {
    const made = element("a", "", title);
    made.href = href;
    made.append(element("bdi", text));
    return made;
  }

  // As the server does it: what repaints or turns a line is written out.
  function visible(text) {
    return String(text).replace(/[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu, (c) => {
      return `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
    });
  }

  function short(id) {
    return id.length > 20 ? `${id.slice(0, 4)}…${id.slice(-4)}` : id;
  }

  // What stands before the last colon says what it is, and is kept; what it is called stands before it, where that is known.
  function room(room, name) {
    const colon = room.lastIndexOf(":") + 1;
    const id = element("bdi", room.slice(0, colon) + short(room.slice(colon)), room);
    if (!name) return [id];
    id.className = "quiet";
    return [element("bdi", visible(name), name), " ", id];
  }

  function time(at) {
    const made = element("time", `${new Date(at).toLocaleTimeString("sv-SE")}.${at.slice(20, 23)}`, at);
    made.dateTime = at;
    return made;
  }

  function show(event) {
    const row = document.createElement("tr");
    cell(row, "At", time(event.at)).className = "when";
    cell(row, "Direction", event.direction === "in" ? "→ in" : "← out");
    cell(row, "Event", element("code", visible(event.event)));
    const user = event.user_id || "";
    const name = visible(event.username || short(user));
    cell(row, "User", user ? link(`/admin/users/${encodeURIComponent(user)}`, name, user) : "");
    const sid = event.sid || "";
    cell(row, "Socket", sid ? link(`/admin/sockets/${encodeURIComponent(sid)}`, short(sid), sid) : "");
    cell(row, "Room", ...(event.room ? room(visible(event.room), event.room_name) : []));
    cell(row, "Bytes", String(event.bytes)).className = "number";
    const payload = visible(event.preview ?? "");
    cell(row, "Payload", element("code", payload, payload)).className = "prose";
    body.prepend(row);
    shown += 1;
    while (body.children.length > ROWS_MAX) body.lastElementChild.remove();
    empty.hidden = true;
  }

  function tell() {
    const parts = [paused ? `paused, ${waiting.length} waiting` : source ? "● live" : "▲ stream cut, trying again"];
    parts.push(`${shown} shown`);
    if (dropped > 0) parts.push(`${dropped} dropped: more came than is shown here; narrow the filter`);
    state.textContent = parts.join(" · ");
  }

  // Many at once are shown at once: laying the table out for each would be slower than they come.
  let due = false;
  function arrived(event) {
    waiting.push(event);
    if (waiting.length > WAITING_MAX) {
      waiting.shift();
      dropped += 1;
    }
    if (due) return;
    due = true;
    setTimeout(() => {
      due = false;
      if (!paused) {
        for (const one of waiting.slice(-ROWS_MAX)) show(one);
        waiting = [];
      }
      tell();
    }, 100);
  }

  function open() {
    if (source) return;
    source = new EventSource(body.dataset.stream);
    source.addEventListener("message", (message) => {
      try {
        arrived(JSON.parse(message.data));
      } catch {
        dropped += 1;
      }
    });
    source.addEventListener("dropped", (message) => {
      dropped += Number(JSON.parse(message.data).count) || 0;
      tell();
    });
    source.addEventListener("open", tell);
    source.addEventListener("error", () => {
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        setTimeout(open, 4000);
      }
      tell();
    });
    tell();
  }

  function close() {
    if (source) source.close();
    source = null;
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    if (!paused) {
      for (const one of waiting.slice(-ROWS_MAX)) show(one);
      waiting = [];
    }
    tell();
  });

  clear.addEventListener("click", () => {
    body.replaceChildren();
    empty.hidden = false;
    tell();
  });

  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted) open();
  });

  document.getElementById("traffic-controls").hidden = false;
  open();
})();
