// Sends a probe to a room and shows who answered.
"use strict";

(() => {
  const form = document.getElementById("probe-form");
  if (!form) return;
  const state = document.getElementById("probe-state");
  const table = document.getElementById("probe-table");
  const body = document.getElementById("probe-rows");
  const WORDS = {
    answered: ["healthy", "●", "answered"],
    no_answer: ["late", "▲", "no answer"],
    failed: ["failed", "■", "could not be sent"],
  };

  function mark(result) {
    const [status, shape, word] = WORDS[result] ?? ["unknown", "◌", String(result)];
    const span = document.createElement("span");
    span.className = `status ${status}`;
    const sign = document.createElement("span");
    sign.setAttribute("aria-hidden", "true");
    sign.textContent = shape;
    span.append(sign, ` ${word}`);
    return span;
  }

  function link(href, text) {
    const a = document.createElement("a");
    a.href = href;
    const name = document.createElement("bdi");
    name.textContent = text;
    a.append(name);
    return a;
  }

  function cell(row, label, content, number) {
    const td = document.createElement("td");
    td.dataset.label = label;
    if (number) td.className = "number";
    td.append(content);
    row.append(td);
  }

  function show(answer) {
    const order = ["failed", "no_answer", "answered"];
    const results = [...answer.results].sort((a, b) => order.indexOf(a.result) - order.indexOf(b.result) || (b.ms ?? 0) - (a.ms ?? 0));
    body.replaceChildren();
    for (const result of results) {
      const row = document.createElement("tr");
      cell(row, "Result", mark(result.result));
      cell(row, "Socket", link(`/admin/sockets/${encodeURIComponent(result.sid)}`, result.sid));
      cell(row, "User", link(`/admin/users/${encodeURIComponent(result.user_id)}`, result.username ?? result.user_id));
      cell(row, "Round trip", result.ms === undefined || result.ms === null ? "" : `${Math.round(result.ms * 10) / 10} ms`, true);
      body.append(row);
    }
    table.hidden = results.length === 0;
    const answered = results.filter((result) => result.result === "answered").length;
    const slowest = Math.max(0, ...results.map((result) => result.ms ?? 0));
    state.textContent =
      results.length === 0
        ? "Nobody is in this room: the probe reached nobody."
        : `${answered} of ${results.length} answered${answered ? `, the slowest after ${Math.round(slowest * 10) / 10} ms` : ""}.` +
          (answered < results.length ? " A client that does not answer has no listener for probe, or did not read it in time." : "") +
          (answer.not_asked ? ` ${answer.not_asked} more were not asked.` : "");
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const fields = new FormData(form);
    const body = { room: fields.get("room"), namespace: fields.get("namespace") || "/", timeout_ms: Number(fields.get("timeout_ms")) || 5000 };
    button.disabled = true;
    state.textContent = "Waiting for answers…";
    try {
      const answer = await fetch("/admin/api/probe", {
        method: "POST",
        headers: { "content-type": "application/json", "x-csrf-token": document.querySelector('meta[name="csrf-token"]').content },
        body: JSON.stringify(body),
      });
      const json = await answer.json();
      if (answer.ok) show(json);
      else state.textContent = `Not sent: ${json.detail || json.title}. ${json.hint || ""}`;
    } catch {
      state.textContent = "Not sent: the server does not answer. Try again.";
    } finally {
      button.disabled = false;
    }
  });
})();
