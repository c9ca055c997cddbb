// The page, put together.

import { button, h, iconButton, say } from "./dom.js";
import { Files } from "./files.js";
import { listenToKeys } from "./keyboard.js";
import { Paintings } from "./paintings.js";
import { player } from "./player.js";
import { redrawAll } from "./plot.js";
import { Renders } from "./renders.js";
import { get, post, tried, upload } from "./server.js";
import { Settings } from "./settings.js";
import { Stage } from "./stage.js";
import { store } from "./store.js";
import { T } from "./texts.js";
import { Timeline } from "./timeline.js";

const lightIsUsual = matchMedia("(prefers-color-scheme: light)");

function theme() {
  const usual = lightIsUsual.matches ? "light" : "dark";
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? usual;
  redrawAll();
}

function otherTheme() {
  const light = document.documentElement.dataset.theme === "light";
  localStorage.setItem("theme", light ? "dark" : "light");
  theme();
}

function shortcuts() {
  const rows = T.shortcuts.map(([keys, what]) => h("tr", {}, h("th", { scope: "row" }, keys), h("td", {}, what)));
  const dialog = h(
    "dialog",
    { ariaLabel: T.help },
    h("h2", {}, T.help),
    h("table", {}, h("tbody", {}, ...rows)),
    button(T.close, () => dialog.close(), { className: "main" }),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// A clip is chosen where none is open.
async function chooseClip() {
  const files = (await tried(get("/api/files?kind=clip"))) ?? [];
  const open = (path) => tried(post("/api/open", { path }));
  const list = files.map((path) => h("li", {}, button(path.split(/[\\/]/).pop(), () => open(path), { title: path })));
  const main = h(
    "main",
    { className: "welcome" },
    h("h1", {}, T.noClip),
    h("p", { className: "faint" }, T.noClipHint),
    files.length ? h("ul", {}, ...list) : h("p", {}, T.noFiles),
  );
  document.body.append(main);
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    const kept = file && (await tried(upload(file, "clip")));
    if (kept) open(kept.path);
  });
}

function tabs(host) {
  const names = Object.keys(T.tabs);
  const bar = h("div", { role: "tablist", className: "tabs" });
  const panels = names.map((name, index) => {
    const panel = h("div", { role: "tabpanel", id: `panel-${name}`, className: "panel", hidden: index > 0, tabIndex: 0 });
    panel.setAttribute("aria-labelledby", `tab-${name}`);
    const tab = h(
      "button",
      { type: "button", role: "tab", id: `tab-${name}`, onclick: () => choose(index), onkeydown: (e) => arrows(e, index) },
      T.tabs[name],
    );
    tab.setAttribute("aria-controls", panel.id);
    bar.append(tab);
    return panel;
  });
  const choose = (chosen) => {
    panels.forEach((panel, index) => {
      panel.hidden = index !== chosen;
      bar.children[index].setAttribute("aria-selected", String(index === chosen));
      bar.children[index].tabIndex = index === chosen ? 0 : -1;
    });
  };
  const arrows = (event, index) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    const next = (index + way + names.length) % names.length;
    choose(next);
    bar.children[next].focus();
  };
  choose(0);
  host.append(bar, ...panels);
  return { panels, choose };
}

function build() {
  const undo = iconButton("undo", T.undo(), () => tried(post("/api/undo")), { id: "undo" });
  const redo = iconButton("redo", T.redo(), () => tried(post("/api/redo")), { id: "redo" });
  const clipName = h("h1", {});
  const facts = h("span", { className: "faint" });
  const problem = h("p", { className: "banner", role: "alert", hidden: true });
  const header = h(
    "header",
    {},
    clipName,
    facts,
    h(
      "span",
      { className: "row end" },
      undo,
      redo,
      iconButton("theme", T.theme, otherTheme),
      button("?", shortcuts, { ariaLabel: T.help, title: T.help }),
    ),
  );
  const stageHost = h("section", { className: "stage", ariaLabel: T.look });
  const side = h("aside", { className: "side", ariaLabel: T.tabs.settings });
  const timelineHost = h("section", { className: "timeline", ariaLabel: T.time });
  document.body.append(header, problem, h("main", { className: "studio" }, stageHost, side, timelineHost));
  const { panels, choose } = tabs(side);
  player.begin();
  const stage = new Stage(stageHost);
  const timeline = new Timeline(timelineHost);
  stage.onStrip = (value) => timeline.main.addAtPlayhead(value);
  const paintings = new Paintings(panels[0]);
  new Settings(panels[1]);
  new Renders(
    panels[2],
    (slot, what) => stage.show(slot, what),
    (found, name) => timeline.scores(found, name),
  );
  const files = new Files(panels[3]);
  listenToKeys(timeline, shortcuts);
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    for (const file of event.dataTransfer.files) await files.take(file, paintings);
  });
  const show = () => {
    const { clip, undo: back, redo: again } = store.state;
    if (!clip) return;
    document.title = T.title(clip.name);
    clipName.textContent = clip.name;
    facts.textContent = `${clip.width}×${clip.height}, ${+clip.fps.toFixed(3)} fps, ${clip.duration.toFixed(2)} s`;
    undo.disabled = back === null;
    redo.disabled = again === null;
    undo.title = undo.ariaLabel = T.undo(back);
    redo.title = redo.ariaLabel = T.redo(again);
    problem.textContent = store.state.problem ?? (clip.there ? "" : T.vanished(clip.name));
    problem.hidden = !problem.textContent;
  };
  store.on("state", show);
  show();
  for (const note of store.state.clip.notes) say(note);
  // For tests and for who looks into the console; the page itself does not use it.
  window.studio = { store, player, stage, timeline, choose };
}

theme();
lightIsUsual.addEventListener("change", theme);
try {
  await store.begin();
  if (store.clip) build();
  else {
    await chooseClip();
    store.on("opened", () => location.reload());
  }
} catch (error) {
  say(error.message, "problem");
}
