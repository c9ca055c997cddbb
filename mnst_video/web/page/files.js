// The panel of files: presets, timelines of other programs, sound, the command line, other clips.

import { button, choice, h, labelled, say } from "./dom.js";
import { get, post, tried, upload } from "./server.js";
import { store } from "./store.js";
import { T } from "./texts.js";

const name = (path) => path.split(/[\\/]/).pop();

export class Files {
  constructor(host) {
    this.host = host;
    this.lists = {};
    this.command = h("code", { id: "command" });
    this.draft = h("p", { className: "faint" });
    this.folders = h("p", { className: "faint" });
    this.presets = h("div", { className: "presets" });
    this.timelines = h("div", { className: "row" });
    this.exports = h("div", { className: "row" });
    this.sounds = h("div", { className: "row" });
    this.clips = h("div", { className: "row" });
    this.preset = h("input", { type: "text", id: "preset-name", ariaLabel: T.presetName, placeholder: T.presetName });
    host.append(
      h("h3", {}, T.presets),
      h("p", { className: "faint" }, T.presetHint),
      this.presets,
      h("div", { className: "row" }, this.preset, button(T.savePreset, () => this.save(), { id: "save-preset" })),
      h("h3", {}, T.commandLine),
      this.command,
      button(T.copy, () => this.copy()),
      this.draft,
      h("h3", {}, T.importTimeline),
      h("p", { className: "faint" }, T.importHint),
      this.timelines,
      h("h3", {}, T.exportTimeline),
      this.exports,
      h("h3", {}, T.sound),
      this.sounds,
      h("h3", {}, T.openClip),
      this.clips,
      h("h3", {}, T.folders),
      this.folders,
    );
    store.on("state", () => this.show());
    store.on("opened", () => this.refresh());
    this.refresh();
  }

  async refresh() {
    const kinds = ["preset", "timeline", "sound", "clip"];
    const lists = await Promise.all(kinds.map((kind) => tried(get(`/api/files?kind=${kind}`))));
    kinds.forEach((kind, index) => (this.lists[kind] = lists[index] ?? []));
    this.fill();
    this.show();
  }

  fill() {
    const { preset, timeline, sound, clip } = this.lists;
    const use = (which) => button(T.take, () => this.use(which));
    this.presets.replaceChildren(
      ...store.about.presets.map(({ name: which, about }) =>
        h("div", { className: "preset" }, h("b", {}, which), h("span", {}, about), use(which)),
      ),
      ...preset.map((path) => h("div", { className: "preset" }, h("b", {}, name(path)), h("span", {}), use(path))),
    );
    const lanes = ["gamma", "strength", "position"].map((lane) => [lane, T.lanes[lane]]);
    this.lane = choice(lanes, "gamma", () => this.exported(), { ariaLabel: T.into });
    const pick = (paths, act, text) =>
      choice([["", text], ...paths.map((path) => [path, name(path)])], "", (path) => path && act(path), {
        ariaLabel: text,
      });
    this.timelines.replaceChildren(
      pick(timeline, (path) => this.import(path), "…"),
      labelled(T.into, this.lane),
    );
    this.form = choice(Object.entries(store.about.formats), "csv", () => this.exported(), {
      ariaLabel: T.exportTimeline,
    });
    this.link = h("a", { className: "button", id: "export", download: "" }, T.download);
    this.exports.replaceChildren(this.form, this.link);
    this.exported();
    const own = store.settings.audio ?? "";
    const sounds = [...new Set([...sound, ...(own ? [own] : [])])].map((path) => [path, name(path)]);
    this.sounds.replaceChildren(
      choice([["", T.ownSound], ...sounds], own, (path) => store.set("audio", path || null), { ariaLabel: T.sound }),
    );
    this.clips.replaceChildren(pick(clip, (path) => tried(post("/api/open", { path })), "…"));
  }

  exported() {
    if (this.link) this.link.href = `/api/export?form=${this.form.value}&lane=${this.lane.value}`;
  }

  show() {
    if (!store.clip) return;
    this.command.textContent = store.state.command;
    this.draft.textContent = T.draft(store.state.draft);
    this.folders.textContent = store.state.folders.join("\n");
  }

  async use(preset) {
    this.noted(await tried(post("/api/preset/open", { preset, keep: true })));
  }

  async import(path) {
    this.noted(await tried(post("/api/import", { path, lane: this.lane.value })));
  }

  noted(answer) {
    for (const note of answer?.notes ?? []) say(note);
  }

  async save() {
    const chosen = this.preset.value.trim();
    if (!chosen) return this.preset.focus();
    const given = { name: chosen, overwrite: false };
    try {
      say(T.saved((await post("/api/preset/save", given)).path));
    } catch (error) {
      const there = error.message.includes("exists");
      if (!there) return say(error.message, "problem");
      if (!window.confirm(T.overwrite(chosen))) return undefined;
      const answer = await tried(post("/api/preset/save", { ...given, overwrite: true }));
      if (answer) say(T.saved(answer.path));
    }
    return this.refresh();
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(store.state.command);
      say(T.copied);
    } catch {
      window.getSelection().selectAllChildren(this.command);
    }
  }

  // A file that was dropped onto the page, by its ending.
  async take(file, paintings) {
    const ending = file.name.toLowerCase();
    const is = (kind) => store.about.kinds[kind].some((end) => ending.endsWith(end));
    if (is("preset")) return this.kept(file, "preset", (path) => this.use(path));
    if (is("timeline")) return this.kept(file, "timeline", (path) => this.import(path));
    if (is("sound")) return this.kept(file, "sound", (audio) => store.set("audio", audio));
    if (is("picture") && store.clip) return paintings.take(file);
    if (is("clip")) return this.kept(file, "clip", (path) => tried(post("/api/open", { path })));
    return say(T.wrongFile(file.name), "problem");
  }

  async kept(file, kind, act) {
    const kept = await tried(upload(file, kind));
    if (kept) await act(kept.path);
    this.refresh();
  }
}
