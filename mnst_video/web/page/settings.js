// The panel of all settings, made of the list that --help is made of.

import { h, iconButton } from "./dom.js";
import { store } from "./store.js";
import { T } from "./texts.js";

// A value as a person types it.
function text(name, value) {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.join(name === "output_size" ? "x" : name === "react" ? "; " : ", ");
  return String(value);
}

// What was typed, as a setting; null takes it back.
function value(option, typed) {
  const trimmed = typed.trim();
  if (!trimmed) return null;
  if (option.kind === "number" || option.kind === "integer") return Number(trimmed);
  if (option.name === "react") return trimmed.split(/\s*;\s*/).filter(Boolean);
  return trimmed;
}

export class Settings {
  constructor(host) {
    this.host = host;
    this.rows = [];
    this.filter = h("input", {
      type: "search",
      placeholder: T.filter,
      ariaLabel: T.filter,
      oninput: () => this.search(),
    });
    this.groups = h("div", {});
    host.append(this.filter, this.groups);
    const panels = new Map();
    for (const option of store.about.options) {
      if (!panels.has(option.panel)) panels.set(option.panel, []);
      panels.get(option.panel).push(this.row(option));
    }
    for (const [panel, rows] of panels) {
      const open = panel === "Look";
      this.groups.append(h("details", { open }, h("summary", {}, panel), ...rows));
    }
    store.on("state", () => this.show());
    this.show();
  }

  row(option) {
    const id = `option-${option.name}`;
    const control = this.control(option, id);
    const back = iconButton("back", T.setBack(option.flag), () => store.set(option.name, null), {
      className: "quiet",
    });
    const row = h(
      "div",
      { className: "option" },
      h("label", { htmlFor: id }, option.name.replaceAll("_", " ")),
      control,
      back,
      h("p", { className: "faint", id: `${id}-text` }, option.text),
    );
    row.dataset.words = `${option.name} ${option.flag} ${option.text}`.toLowerCase();
    this.rows.push({ option, control, back, row });
    return row;
  }

  control(option, id) {
    const more = { id, "aria-describedby": `${id}-text` };
    if (option.kind === "flag") {
      return h("input", {
        ...more,
        type: "checkbox",
        onchange: (event) => store.set(option.name, event.target.checked || null),
      });
    }
    if (option.closed) {
      const select = h("select", {
        ...more,
        onchange: () => store.set(option.name, select.value || null),
      });
      select.append(h("option", { value: "" }, option.default ? T.usual(option.default) : "–"));
      for (const word of option.words) select.append(h("option", { value: word }, word));
      return select;
    }
    const numeric = option.kind === "number" || option.kind === "integer";
    const input = h("input", {
      ...more,
      type: numeric ? "number" : "text",
      placeholder: option.default ?? (option.placeholder || "").toLowerCase(),
      onchange: async () => {
        const answer = await store.set(option.name, value(option, input.value));
        if (!answer) input.value = text(option.name, this.current(option));
      },
    });
    if (numeric) input.step = option.kind === "integer" ? 1 : "any";
    if (option.words.length) {
      const words = h("datalist", { id: `${id}-words` });
      for (const word of option.words) words.append(h("option", { value: word }));
      input.setAttribute("list", words.id);
      return h("span", { className: "control" }, input, words);
    }
    return input;
  }

  show() {
    for (const { option, control, back } of this.rows) {
      const input = control.matches("span") ? control.firstChild : control;
      const set = this.current(option);
      back.disabled = set === undefined;
      if (document.activeElement === input) continue;
      if (option.kind === "flag") input.checked = Boolean(set);
      else input.value = text(option.name, set);
    }
  }

  current(option) {
    if (option.name !== "strokes") return store.settings[option.name];
    const shares = store.settings.layer_shares;
    const same = ([, own]) => JSON.stringify(own) === JSON.stringify(shares);
    return shares && Object.entries(store.about.strokes).find(same)?.[0];
  }

  search() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const { row } of this.rows) row.hidden = !words.every((word) => row.dataset.words.includes(word));
    for (const group of this.groups.children) {
      const some = [...group.querySelectorAll(".option")].some((row) => !row.hidden);
      group.hidden = !some;
      if (words.length && some) group.open = true;
    }
  }
}
