// The timeline: transport, lanes, and what is known of the chosen keys.

import { cuts, snapping } from "./beats.js";
import { Curve } from "./curve.js";
import { button, choice, clock, color, h, icon, iconButton, labelled } from "./dom.js";
import { bezierOf } from "./path.js";
import { player } from "./player.js";
import { Plot, redrawAll } from "./plot.js";
import { post, tried } from "./server.js";
import { store } from "./store.js";
import { Tempo } from "./tempo.js";
import { T } from "./texts.js";
import { view } from "./view.js";
import { BeatRow, Overview, Wave } from "./wave.js";

// Pixels of the lanes; less on a low screen, where pictures need the room.
const low = window.innerHeight < 860;
const HEIGHTS = low ? { main: 116, strength: 56, scores: 76 } : { main: 150, strength: 74, scores: 84 };

export class Timeline {
  constructor(host) {
    this.host = host;
    this.bar = h("div", { className: "transport" });
    this.inspector = h("div", { className: "inspector" });
    this.lanes = h("div", { className: "lanes" });
    const row = (name, ...children) => h("div", { className: `lane ${name}` }, ...children);
    this.playhead = h("div", { className: "playhead" });
    const waveHost = h("div", { className: "plot" });
    const beatHost = h("div", { className: "beats" });
    const mainHost = h("div", { className: "plot" });
    const strengthHost = h("div", { className: "plot" });
    const overview = h("div", { className: "overview" });
    this.scoreRow = row("scores", h("p", { className: "lane-name" }), h("div", { className: "plot" }));
    this.scoreRow.hidden = true;
    this.mainName = h("p", { className: "lane-name" });
    this.lanes.append(
      row("wave", waveHost, beatHost),
      row("main", this.mainName, mainHost),
      row("strength", h("p", { className: "lane-name" }, T.lanes.strength), strengthHost),
      this.scoreRow,
      this.playhead,
    );
    host.append(this.bar, this.lanes, overview, this.inspector);
    this.wave = new Wave(waveHost);
    this.overview = new Overview(overview);
    this.beatRow = new BeatRow(beatHost);
    const chosen = (curve) => this.chose(curve);
    this.curves = [
      new Curve(mainHost, HEIGHTS.main, "gamma", chosen),
      new Curve(strengthHost, HEIGHTS.strength, "strength", chosen),
    ];
    [this.active] = this.curves;
    this.makeBar();
    this.makeInspector();
    this.lanes.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    store.on("state", () => this.changed());
    store.on("opened", () => {
      this.sounded = undefined;
      this.scoreRow.hidden = true;
      view.all();
    });
    player.on(() => this.place());
    view.on(() => this.place());
    new ResizeObserver(() => this.place()).observe(this.lanes);
    this.changed();
    view.all();
  }

  get main() {
    return this.curves[0];
  }

  makeBar() {
    this.playButton = iconButton("play", T.play, () => player.toggle(), { className: "main", id: "play" });
    this.time = h("input", {
      type: "text",
      size: 9,
      id: "time",
      ariaLabel: T.time,
      title: T.time,
      onchange: () => this.typedTime(),
    });
    this.snap = choice(Object.entries(T.snaps), snapping.kind, (kind) => this.setSnap(kind), {
      id: "snap",
      ariaLabel: T.snap,
    });
    this.part = choice(Object.entries(T.beatParts), "1", (part) => (snapping.part = Number(part)), {
      ariaLabel: T.part,
      title: T.part,
    });
    const tempo = h("span", { className: "row" });
    this.tempo = new Tempo(tempo);
    this.cutsButton = button(T.findCuts, () => tried(post("/api/cuts")), { id: "find-cuts" });
    this.bar.append(
      h(
        "span",
        { className: "row" },
        iconButton("start", T.toStart, () => player.seek(0)),
        this.playButton,
        this.time,
      ),
      h("span", { className: "row" }, labelled(T.snap, this.snap), this.part),
      tempo,
      this.cutsButton,
      h(
        "span",
        { className: "row end" },
        iconButton("out", T.zoomOut, () => view.zoom(1.6, player.time)),
        iconButton("add", T.zoomIn, () => view.zoom(0.6, player.time), { id: "zoom-in" }),
        iconButton("all", T.zoomAll, () => view.all()),
      ),
    );
    player.on(() => {
      const [sign, text] = player.playing ? ["pause", T.pause] : ["play", T.play];
      if (this.playButton.title !== text) {
        this.playButton.replaceChildren(icon(sign));
        this.playButton.ariaLabel = this.playButton.title = text;
      }
    });
  }

  makeInspector() {
    this.count = h("span", { className: "faint", id: "chosen" });
    this.keyTime = h("input", { type: "text", size: 9, id: "key-time", onchange: () => this.typedKey("time") });
    this.keyValue = h("input", {
      type: "number",
      step: 0.01,
      id: "key-value",
      onchange: () => this.typedKey("value"),
    });
    this.easings = ["linear", "hold", ...Object.keys(store.about.easings)];
    this.easing = choice(
      [...this.easings.map((name) => [name, name]), ["custom", T.custom]],
      "linear",
      (easing) => this.chooseEasing(easing),
      { id: "key-easing" },
    );
    this.repeat = h("input", {
      type: "text",
      size: 6,
      id: "repeat",
      title: T.repeatHint,
      placeholder: "–",
      onchange: () => this.typedRepeat(),
    });
    this.inspector.append(
      iconButton("add", T.addKey, () => this.active.addAtPlayhead(), { id: "add-key" }),
      iconButton("remove", T.deleteKeys, () => this.active.remove(), { id: "delete-keys" }),
      this.count,
      labelled(T.keyTime, this.keyTime),
      labelled(T.keyValue, this.keyValue),
      labelled(T.keyEasing, this.easing),
      labelled(T.repeat, this.repeat),
    );
  }

  changed() {
    const { lanes, cuts: found, problem } = store.state;
    if (!store.clip) return;
    const sound = `${store.clip.path} ${store.settings.audio ?? ""}`;
    if (sound !== this.sounded) {
      this.sounded = sound;
      this.wave.opened();
      this.overview.opened();
    }
    this.host.classList.toggle("problem", Boolean(problem));
    lanes.forEach((lane, index) => this.curves[index].take(lane));
    if (lanes[0]) {
      const [lane] = lanes;
      const notes = [];
      if (lane.replaced) notes.push(T.byMask);
      if (lane.repeat) notes.push(T.rounds(lane.repeat));
      if (lane.reacts.length) notes.push(T.reacts(lane.reacts.join(", ")));
      this.mainName.textContent = [T.lanes[lane.name], ...notes].join(" · ");
      if (document.activeElement !== this.repeat) this.repeat.value = lane.repeat ?? "";
    }
    this.wave.plot.redraw();
    const busy = found?.search?.busy;
    this.cutsButton.hidden = found?.given || (found?.search && !busy && !found.search.problem);
    this.cutsButton.disabled = Boolean(busy);
    this.cutsButton.textContent = busy ? T.findingCuts(found.search.done, found.search.total) : T.findCuts;
    this.place();
  }

  chose(curve) {
    if (curve.selected.size || document.activeElement === curve.over) {
      if (this.active !== curve) {
        this.active.selected.clear();
        this.active.plot.redraw();
      }
      this.active = curve;
    }
    const keys = [...this.active.selected];
    const one = keys.length === 1 ? keys[0] : null;
    if (!this.count) return;
    this.count.textContent = keys.length ? T.chosen(keys.length) : T.noneChosen;
    this.keyTime.disabled = !one;
    this.keyValue.disabled = this.easing.disabled = !keys.length;
    const same = (name) => keys.every((key) => key[name] === keys[0][name]);
    if (document.activeElement !== this.keyTime) {
      this.keyTime.value = one ? (one.moved || !one.time ? `${one.seconds.toFixed(3)}` : one.time) : "";
    }
    if (document.activeElement !== this.keyValue) {
      this.keyValue.value = keys.length && same("value") ? keys[0].value : "";
    }
    const easing = keys.length && same("easing") ? keys[0].easing : "";
    this.easing.value = this.easings.includes(easing) ? easing : easing ? "custom" : "";
    this.keyValue.min = this.active.lane?.low ?? 0;
    this.keyValue.max = this.active.lane?.high ?? 1;
  }

  typedTime() {
    const parts = this.time.value.split(":").map(Number);
    const seconds = parts.reduce((sum, part) => 60 * sum + part, 0);
    if (Number.isFinite(seconds)) player.seek(seconds);
    this.place();
  }

  typedKey(what) {
    for (const key of this.active.selected) {
      if (what === "value") key.value = this.active.within(Number(this.keyValue.value));
      else {
        key.time = this.keyTime.value.trim();
        delete key.moved;
      }
    }
    this.active.send(T.done.move(this.active.selected.size));
  }

  chooseEasing(easing) {
    for (const key of this.active.selected) {
      const numbers = bezierOf(key.easing) ?? [0.4, 0, 0.6, 1];
      key.easing = easing === "custom" ? `cubic-bezier(${numbers.join(",")})` : easing;
    }
    this.active.send(T.done.easing);
  }

  typedRepeat() {
    this.main.lane.repeat = this.repeat.value.trim() || null;
    this.main.send(T.done.repeat);
  }

  setSnap(kind) {
    snapping.kind = kind;
    this.snap.value = kind;
    this.part.hidden = kind !== "beat";
    if (kind === "cut" && !cuts().length && !store.state.cuts?.given) tried(post("/api/cuts"));
  }

  nextSnap() {
    const kinds = Object.keys(T.snaps);
    this.setSnap(kinds[(kinds.indexOf(snapping.kind) + 1) % kinds.length]);
  }

  wheel(event) {
    event.preventDefault();
    const at = this.main.plot.timeAt(event);
    if (event.ctrlKey || event.metaKey) view.zoom(Math.exp(event.deltaY / 300), at);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      view.scroll(((event.deltaX || event.deltaY) / 800) * view.span);
    } else view.zoom(Math.exp(event.deltaY / 500), at);
  }

  place() {
    if (!store.clip) return;
    if (player.playing) view.follow(player.time);
    const over = this.main.plot.plot.over;
    const left = over.getBoundingClientRect().left - this.lanes.getBoundingClientRect().left;
    const x = this.main.plot.left(player.time);
    this.playhead.hidden = x < -1 || x > over.clientWidth + 1;
    this.playhead.style.transform = `translateX(${left + x}px)`;
    if (document.activeElement !== this.time) this.time.value = clock(player.time);
  }

  // The scores of a finished render below the curves.
  scores(found, name) {
    const frames = found.frames;
    const names = Object.keys(T.scoreNames);
    const columns = names.map((score) => frames.map((frame) => frame[score]));
    const highest = columns.map((column) => Math.max(...column.map((value) => value ?? 0), 1e-9));
    const [title, host] = this.scoreRow.children;
    this.scorePlot?.close();
    this.scoreRow.hidden = false;
    title.replaceChildren(
      `${T.scoresOf(name)}: `,
      ...names.map((score, i) =>
        h("b", { className: `legend-${i}` }, `${T.scoreNames[score]} (${highest[i].toPrecision(2)}) `),
      ),
    );
    const colors = ["accent", "second", "third"];
    this.scorePlot = new Plot(host, HEIGHTS.scores, {
      low: 0,
      high: 1.05,
      ticks: [0, 1],
      series: names.map((_, i) => ({ stroke: () => color(colors[i]), width: 1.5, points: { show: false } })),
    });
    this.scorePlot.plot.setData(
      [frames.map((frame) => frame.seconds), ...columns.map((c, i) => c.map((v) => (v === null ? null : v / highest[i])))],
      false,
    );
    this.scorePlot.show();
    redrawAll();
  }
}
