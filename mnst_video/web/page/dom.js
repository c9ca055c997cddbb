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
