// Elements from code, and short messages.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const ICONS = {
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  start: "M6 5v14M18 5l-9 7 9 7z",
  add: "M12 5v14M5 12h14",
  remove: "M6 6l12 12M18 6L6 18",
  out: "M5 12h14",
  all: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  undo: "M8 5L4 9l4 4M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "M16 5l4 4-4 4M20 9H10a6 6 0 0 0 0 12h3",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  back: "M4 5v5h5M4 10a8 8 0 1 1 2 8",
};

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

// A button with a picture; its text is what it is called.
export const iconButton = (name, text, action, more = {}) =>
  h("button", { type: "button", onclick: action, ariaLabel: text, title: text, ...more }, icon(name));

export const button = (text, action, more = {}) =>
  h("button", { type: "button", onclick: action, ...more }, text);

// A select of [value, text] pairs.
export function choice(pairs, chosen, action, more = {}) {
  const select = h("select", { onchange: () => action(select.value), ...more });
  for (const [value, text] of pairs) select.append(h("option", { value }, text));
  select.value = chosen;
  return select;
}

export function labelled(text, control, more = {}) {
  return h("label", { className: "field", ...more }, h("span", {}, text), control);
}

const messages = h("div", { id: "messages", role: "status", "aria-live": "polite" });

export function say(text, kind = "note") {
  if (!messages.isConnected) document.body.append(messages);
  const line = h("p", { className: kind }, text);
  messages.append(line);
  while (messages.children.length > 4) messages.firstChild.remove();
  setTimeout(() => line.remove(), kind === "problem" ? 9000 : 4000);
}

export const clock = (seconds) => {
  const sign = seconds < 0 ? "-" : "";
  const whole = Math.abs(seconds);
  const minutes = Math.floor(whole / 60);
  return `${sign}${minutes}:${(whole - 60 * minutes).toFixed(3).padStart(6, "0")}`;
};

export const duration = (seconds) => {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
};

export const color = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
