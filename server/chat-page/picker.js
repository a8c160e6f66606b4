// Finding and choosing people.

import { button, el } from "./dom.js";
import { inWords } from "./failure.js";
import { api, me } from "./session.js";
import { portrait } from "./sidebar.js";

const PAUSE_MS = 200;

/** A field to find people by, and the ones chosen so far. `without` are never offered; `changed` hears of each choice. */
export function picker({ without = new Set(), changed }) {
  const chosen = new Map();
  const chips = el("ul", { class: "chips", "aria-label": "Chosen" });
  const results = el("ul", { class: "people" });
  const status = el("p", { class: "quiet", role: "status" });
  const field = el("input", { id: "picker", type: "search", autocomplete: "off", spellcheck: "false", autofocus: true });
  let timer = 0;
  let asked = 0;

  const choose = (user) => {
    chosen.set(user.id, user);
    field.value = "";
    field.focus();
    draw();
    find();
  };
  const unchoose = (id) => {
    chosen.delete(id);
    field.focus();
    draw();
    find();
  };
  const draw = () => {
    chips.hidden = chosen.size === 0;
    chips.replaceChildren(
      ...[...chosen.values()].map(({ id, display_name }) =>
        el("li", {}, el("bdi", {}, display_name), button("Remove", () => unchoose(id), { "aria-label": `Remove ${display_name}` })),
      ),
    );
    changed([...chosen.values()]);
  };
  const find = async () => {
    const mine = ++asked;
    try {
      const { users, more } = await api("GET", `users?${new URLSearchParams({ q: field.value.trim(), limit: 30 })}`);
      if (mine !== asked) return;
      const offered = users.filter(({ id }) => id !== me().id && !without.has(id) && !chosen.has(id));
      results.replaceChildren(
        ...offered.map((user) =>
          el(
            "li",
            {},
            el(
              "button",
              { type: "button", class: "person", on: { click: () => choose(user) } },
              portrait(user.display_name),
              el("span", {}, el("bdi", {}, user.display_name), " ", el("span", { class: "quiet" }, user.username)),
              el("span", { class: "verb", "aria-hidden": "true" }, "Choose"),
            ),
          ),
        ),
      );
      status.textContent = offered.length ? (more ? "There are more; type a name." : "") : "Nobody of this name.";
    } catch (error) {
      if (mine === asked) status.textContent = inWords(error);
    }
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, PAUSE_MS);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    results.querySelector("button")?.click();
  });
  draw();
  find();
  return el("div", { class: "picker" }, el("label", { for: "picker" }, "Find people by name"), field, chips, status, results);
}
