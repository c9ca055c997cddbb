// A lane of keys that are dragged.

import { snapped, snapping } from "./beats.js";
import { color } from "./dom.js";
import { bezierOf, strokeCurve } from "./path.js";
import { player } from "./player.js";
import { Plot } from "./plot.js";
import { bytes, post, tried } from "./server.js";
import { store } from "./store.js";
import { T } from "./texts.js";
import { drawGrid } from "./wave.js";
import { view } from "./view.js";

// Pixels: the size of a key, how near a pointer has to be, a finger, and what snaps.
const [SIZE, NEAR, FINGER, SNAP] = [5, 9, 20, 9];
// Values that a dragged key snaps to, as shares of the range.
const VALUES = [0, 0.25, 0.5, 0.75, 1];

let clipboard = [];

export class Curve {
  // chosen: called when other keys are chosen, or these have changed.
  constructor(host, height, name, chosen) {
    this.name = name;
    this.keys = [];
    this.selected = new Set();
    this.values = null;
    this.onChosen = chosen;
    this.plot = new Plot(host, height, {
      draw: (plot, context, box) => this.draw(plot, context, box),
      under: (plot, context, box) => drawGrid(plot, context, box, false),
    });
    this.over = this.plot.plot.over;
    this.over.tabIndex = 0;
    this.over.classList.add("curve");
    this.over.setAttribute("role", "application");
    this.over.addEventListener("pointerdown", (event) => this.press(event));
    this.over.addEventListener("dblclick", (event) => this.double(event));
    this.over.addEventListener("pointermove", (event) => this.hover(event));
    this.over.addEventListener("focus", () => this.onChosen(this));
  }

  // The lane as the server has it.
  take(lane) {
    const was = [...this.selected].map((key) => `${key.seconds.toFixed(3)} ${key.value}`);
    this.lane = lane;
    this.name = lane.name;
    if (this.dragging) return;
    this.keys = lane.keys
      .map((key) => ({ ...key }))
      .sort((a, b) => a.seconds - b.seconds);
    this.selected = new Set(
      this.keys.filter((key) => was.includes(`${key.seconds.toFixed(3)} ${key.value}`)),
    );
    const label = T.lanes[lane.name];
    this.over.setAttribute("aria-label", T.laneHint(label));
    const ticks = [];
    for (let value = lane.low; value <= lane.high; value += (lane.high - lane.low) / (lane.name === "position" ? lane.high - lane.low : 2))
      ticks.push(value);
    const room = 0.06 * (lane.high - lane.low);
    this.plot.range(lane.low - room, lane.high + room, ticks);
    this.askForValues();
    this.plot.redraw();
    this.onChosen(this);
  }

  // What sound makes of the keys, of all frames; drawn over them.
  async askForValues() {
    if (!this.lane.reacts?.length || this.lane.name === "strength") {
      this.values = null;
      return;
    }
    const found = await tried(bytes("/api/values"));
    if (!found) return;
    this.values = new Float32Array(found);
    this.plot.redraw();
  }

  get points() {
    if (this.lane?.rounds && !this.dragging) return this.lane.rounds;
    return this.keys.map((key) => [key.seconds, key.value, key.easing]);
  }

  draw(plot, context, box) {
    if (!this.lane) return;
    const { ratio } = plot;
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    context.lineWidth = 2 * ratio;
    context.lineJoin = "round";
    const main = color(this.name === "strength" ? "second" : "accent");
    if (this.values) this.drawValues(plot, context, box, main);
    context.strokeStyle = this.lane.replaced ? color("faint") : main;
    context.setLineDash(this.values ? [4 * ratio, 4 * ratio] : []);
    strokeCurve(plot, context, box, this.points);
    context.setLineDash([]);
    context.restore();
    this.drawKeys(plot, context, box, main);
    if (this.box) {
      context.fillStyle = color("choose");
      const [a, b] = [plot.x(this.box.from), plot.x(this.box.to)];
      const [c, d] = [plot.y(this.box.high), plot.y(this.box.low)];
      context.fillRect(a, c, b - a, d - c);
    }
  }

  drawKeys(plot, context, box, main) {
    const { ratio } = plot;
    const handles = this.handles;
    if (handles) {
      context.strokeStyle = context.fillStyle = color("text");
      context.lineWidth = ratio;
      for (const { from, to } of handles) {
        context.beginPath();
        context.moveTo(plot.x(from[0]), plot.y(from[1]));
        context.lineTo(plot.x(to[0]), plot.y(to[1]));
        context.stroke();
        context.fillRect(plot.x(to[0]) - 4 * ratio, plot.y(to[1]) - 4 * ratio, 8 * ratio, 8 * ratio);
      }
    }
    context.lineWidth = 1.5 * ratio;
    const inView = this.keys.filter((key) => key.seconds >= view.start && key.seconds <= view.end).length;
    const size = inView * 3 * SIZE > box.width / ratio ? SIZE / 2 : SIZE;
    for (const key of this.keys) {
      const x = plot.x(key.seconds);
      if (x < box.left - 8 * ratio || x > box.left + box.width + 8 * ratio) continue;
      const y = plot.y(key.value);
      context.beginPath();
      context.arc(x, y, (this.selected.has(key) ? SIZE + 1.5 : size) * ratio, 0, 2 * Math.PI);
      context.fillStyle = this.selected.has(key) ? color("chosen") : color("panel");
      context.strokeStyle = main;
      context.fill();
      context.stroke();
    }
  }

  drawValues(plot, context, box, main) {
    const { values } = this;
    const count = values.length / 2;
    context.beginPath();
    context.fillStyle = context.strokeStyle = main;
    let begun = false;
    const step = Math.max(1, Math.floor((count * view.span) / (store.clip.duration * box.width)));
    for (let index = 0; index < count; index += step) {
      const seconds = values[2 * index];
      if (seconds < view.start - 1 || seconds > view.end + 1) continue;
      const [x, y] = [plot.x(seconds), plot.y(values[2 * index + 1])];
      if (begun) context.lineTo(x, y);
      else context.moveTo(x, y);
      begun = true;
    }
    context.stroke();
  }

  // The two handles of a Bézier, where one key is chosen that has one and a next key.
  get handles() {
    if (this.selected.size !== 1) return null;
    const [key] = this.selected;
    const bezier = bezierOf(key.easing);
    const next = this.keys[this.keys.indexOf(key) + 1];
    if (!bezier || !next) return null;
    const [a, b, c, d] = bezier;
    const point = (x, y) => [
      key.seconds + x * (next.seconds - key.seconds),
      key.value + y * (next.value - key.value),
    ];
    return [
      { key, next, which: 0, from: point(0, 0), to: point(a, b) },
      { key, next, which: 1, from: point(1, 1), to: point(c, d) },
    ];
  }

  // Pixels of the page from a pointer to a moment and a value.
  distance(event, seconds, value) {
    const box = this.over.getBoundingClientRect();
    const x = this.plot.left(seconds) - (event.clientX - box.left);
    const y = this.plot.y(value) / this.plot.ratio - this.plot.box.top / this.plot.ratio - (event.clientY - box.top);
    return Math.hypot(x, y);
  }

  nearest(event) {
    const reach = event.pointerType === "touch" ? FINGER : NEAR;
    let found = null;
    let least = reach;
    for (const key of this.keys) {
      const far = this.distance(event, key.seconds, key.value);
      if (far < least) [found, least] = [key, far];
    }
    return found;
  }

  nearestHandle(event) {
    return (this.handles ?? []).find((handle) => this.distance(event, ...handle.to) < NEAR) ?? null;
  }

  hover(event) {
    if (this.dragging) return;
    const over = this.nearestHandle(event) || this.nearest(event);
    this.over.style.cursor = over ? "grab" : "crosshair";
  }

  press(event) {
    if (event.button > 0) return;
    this.over.focus();
    this.over.setPointerCapture(event.pointerId);
    const handle = this.nearestHandle(event);
    const key = this.nearest(event);
    if (handle && !(key && key !== handle.key)) this.dragHandle(event, handle);
    else if (key) this.dragKeys(event, key);
    else this.dragBox(event);
  }

  dragged(event, move, end) {
    let moved = false;
    const onMove = (e) => {
      if (!moved && Math.hypot(e.clientX - event.clientX, e.clientY - event.clientY) < 3) return;
      moved = true;
      move(e);
      this.plot.redraw();
    };
    const onEnd = (e) => {
      this.over.removeEventListener("pointermove", onMove);
      this.over.removeEventListener("pointercancel", onEnd);
      this.over.removeEventListener("pointerup", onEnd);
      end(moved, e);
    };
    this.over.addEventListener("pointermove", onMove);
    this.over.addEventListener("pointerup", onEnd);
    this.over.addEventListener("pointercancel", onEnd);
  }

  dragKeys(event, key) {
    if (event.shiftKey) {
      if (this.selected.has(key)) this.selected.delete(key);
      else this.selected.add(key);
    } else if (!this.selected.has(key)) {
      this.selected = new Set([key]);
    }
    this.onChosen(this);
    this.plot.redraw();
    if (!this.selected.has(key)) return;
    const began = new Map([...this.selected].map((k) => [k, { seconds: k.seconds, value: k.value }]));
    const [time, value] = [this.plot.timeAt(event), this.plot.valueAt(event)];
    this.dragging = true;
    const reach = (SNAP / this.over.clientWidth) * view.span;
    let last = { snap: "none" };
    this.dragged(
      event,
      (e) => {
        const from = began.get(key);
        last = snapped(from.seconds + this.plot.timeAt(e) - time, reach, e.altKey);
        const later = last.seconds - from.seconds;
        const higher = this.near(from.value + this.plot.valueAt(e) - value, e.altKey) - from.value;
        for (const [k, was] of began) {
          k.seconds = Math.min(Math.max(was.seconds + later, 0), store.clip.duration);
          k.value = this.within(was.value + higher);
          k.moved = k === key || began.size === 1 ? last.snap : "none";
        }
        this.keys.sort((a, b) => a.seconds - b.seconds);
        this.onChosen(this);
      },
      (moved) => {
        this.dragging = false;
        if (moved) {
          // What was moved together keeps its distances: each snaps as the one that is held.
          for (const k of began.keys()) if (k !== key) k.moved = snapped(k.seconds, 1e-4).snap;
          this.send(T.done.move(began.size));
        }
      },
    );
  }

  dragHandle(event, handle) {
    const { key, next, which } = handle;
    this.dragging = true;
    this.dragged(
      event,
      (e) => {
        const numbers = bezierOf(key.easing);
        const x = (this.plot.timeAt(e) - key.seconds) / Math.max(next.seconds - key.seconds, 1e-6);
        const way = next.value - key.value || this.lane.high - this.lane.low;
        const y = (this.plot.valueAt(e) - key.value) / way;
        numbers[2 * which] = +Math.min(Math.max(x, 0), 1).toFixed(3);
        numbers[2 * which + 1] = +Math.min(Math.max(y, -2), 3).toFixed(3);
        key.easing = `cubic-bezier(${numbers.join(",")})`;
        this.onChosen(this);
      },
      (moved) => {
        this.dragging = false;
        if (moved) this.send(T.done.easing);
      },
    );
  }

  dragBox(event) {
    const [time, value] = [this.plot.timeAt(event), this.plot.valueAt(event)];
    this.dragged(
      event,
      (e) => {
        const [t, v] = [this.plot.timeAt(e), this.plot.valueAt(e)];
        this.box = {
          from: Math.min(time, t),
          to: Math.max(time, t),
          low: Math.min(value, v),
          high: Math.max(value, v),
        };
        const { from, to, low, high } = this.box;
        this.selected = new Set(
          this.keys.filter((k) => k.seconds >= from && k.seconds <= to && k.value >= low && k.value <= high),
        );
      },
      (moved, e) => {
        this.box = null;
        if (!moved) {
          this.selected.clear();
          player.seek(this.plot.timeAt(e));
        }
        this.onChosen(this);
        this.plot.redraw();
      },
    );
  }

  double(event) {
    if (this.nearest(event)) return;
    const reach = (SNAP / this.over.clientWidth) * view.span;
    const at = snapped(this.plot.timeAt(event), reach, event.altKey);
    this.add(at, this.near(this.plot.valueAt(event), event.altKey));
    player.seek(at.seconds);
  }

  within(value) {
    return +Math.min(Math.max(value, this.lane.low), this.lane.high).toFixed(4);
  }

  // A value near to a round one, within a few pixels.
  near(value, free) {
    const { low, high } = this.lane;
    const reach = (6 / this.over.clientHeight) * (this.plot.high - this.plot.low);
    const round = VALUES.map((share) => low + share * (high - low));
    if (this.name === "position") for (let p = low; p <= high; p++) round.push(p);
    const found = free ? undefined : round.find((r) => Math.abs(r - value) < reach);
    return this.within(found ?? +value.toFixed(3));
  }

  // Where the curve is at a moment, without what reacts to sound.
  valueAt(seconds) {
    const points = this.points;
    let index = points.findIndex(([time]) => time > seconds);
    if (index === 0) return points[0][1];
    if (index < 0) return points[points.length - 1][1];
    const [[t0, v0, easing], [t1, v1]] = [points[index - 1], points[index]];
    const share = (seconds - t0) / Math.max(t1 - t0, 1e-9);
    return this.within(v0 + shareOf(easing, share) * (v1 - v0));
  }

  add({ seconds, snap }, value, done = T.done.add) {
    const same = this.keys.find((key) => Math.abs(key.seconds - seconds) < 0.5 / store.clip.fps);
    const key = same ?? { easing: this.easingAt(seconds) };
    Object.assign(key, { seconds, value: this.within(value), moved: snap });
    if (!same) this.keys.push(key);
    this.keys.sort((a, b) => a.seconds - b.seconds);
    this.selected = new Set([key]);
    this.send(done);
  }

  easingAt(seconds) {
    const before = this.keys.filter((key) => key.seconds <= seconds).pop();
    return before?.easing ?? "linear";
  }

  addAtPlayhead(value) {
    const reach = player.playing ? 0.12 : 0.5 / store.clip.fps;
    const tempo = store.state.tempo && snapping.kind === "beat";
    const at = player.playing && tempo ? snapped(player.time, reach) : atFrame(player.time);
    this.add(at, value ?? this.valueAt(player.time));
  }

  remove() {
    if (!this.selected.size) return;
    const count = this.selected.size;
    const rest = this.keys.filter((key) => !this.selected.has(key));
    // One key is left, where all go: a curve has a value.
    this.keys = rest.length ? rest : [this.keys[0]];
    this.selected.clear();
    this.send(T.done.remove(count));
  }

  choose(way) {
    if (!this.keys.length) return;
    const [key] = this.selected;
    const index = key ? this.keys.indexOf(key) + way : way > 0 ? 0 : this.keys.length - 1;
    const found = this.keys[Math.min(Math.max(index, 0), this.keys.length - 1)];
    this.selected = new Set([found]);
    if (found.seconds < view.start || found.seconds > view.end) view.follow(found.seconds);
    this.onChosen(this);
    this.plot.redraw();
  }

  chooseAll() {
    this.selected = new Set(this.keys);
    this.onChosen(this);
    this.plot.redraw();
  }

  chooseNone() {
    this.selected.clear();
    this.onChosen(this);
    this.plot.redraw();
  }

  nudge(later, higher) {
    if (!this.selected.size) return;
    for (const key of this.selected) {
      if (later) {
        const seconds = Math.min(Math.max(key.seconds + later, 0), store.clip.duration);
        Object.assign(key, snapped(seconds, 1e-3), { seconds });
        key.moved = key.snap === "none" ? "frame" : key.snap;
      }
      key.value = this.within(key.value + higher);
    }
    this.keys.sort((a, b) => a.seconds - b.seconds);
    this.send(T.done.move(this.selected.size), true);
  }

  copy() {
    const keys = this.keys.filter((key) => this.selected.has(key));
    if (!keys.length) return;
    clipboard = keys.map(({ seconds, value, easing }) => ({
      later: seconds - keys[0].seconds,
      value,
      easing,
    }));
  }

  paste() {
    if (!clipboard.length) return;
    const made = clipboard.map(({ later, value, easing }) => ({
      ...snapped(player.time + later, 0.5 / store.clip.fps),
      value: this.within(value),
      easing,
    }));
    const fit = made.filter((key) => key.seconds <= store.clip.duration);
    const taken = (key) => fit.some((k) => Math.abs(k.seconds - key.seconds) < 1e-3);
    this.keys = [...this.keys.filter((key) => !taken(key)), ...fit.map((k) => ({ ...k, moved: k.snap }))];
    this.keys.sort((a, b) => a.seconds - b.seconds);
    this.selected = new Set(this.keys.filter((key) => "moved" in key));
    this.send(T.done.paste(fit.length));
  }

  // Tells the server the keys as they are; `soon`: of several in a row the last.
  send(done, soon = false) {
    this.onChosen(this);
    this.plot.redraw();
    clearTimeout(this.timer);
    const go = async () => {
      const keys = this.keys.map((key) => ({
        ...(key.moved || key.time === undefined
          ? { seconds: key.seconds, snap: key.moved ?? "none" }
          : { time: key.time }),
        value: key.value,
        easing: key.easing,
      }));
      const { repeat } = this.lane;
      const answer = await tried(post("/api/keys", { lane: this.name, keys, repeat, done }));
      if (answer === null) store.refreshState();
    };
    if (soon) this.timer = setTimeout(go, 250);
    else go();
  }
}

function atFrame(seconds) {
  const { fps } = store.clip;
  return { seconds: Math.round(seconds * fps) / fps, snap: "frame" };
}

// The share of the way that is gone, for showing: the program's own curve decides.
function shareOf(easing, share) {
  if (easing === "linear") return share;
  if (easing === "hold") return 0;
  const bezier = bezierOf(easing);
  if (bezier) {
    const cubic = (s, a, b) => 3 * (1 - s) ** 2 * s * a + 3 * (1 - s) * s * s * b + s ** 3;
    let [low, high] = [0, 1];
    for (let i = 0; i < 30; i++) {
      const middle = (low + high) / 2;
      if (cubic(middle, bezier[0], bezier[2]) < share) low = middle;
      else high = middle;
    }
    return cubic(high, bezier[1], bezier[3]);
  }
  const points = store.about.easings[easing]?.points;
  if (!points) {
    const count = Number(/^steps\((\d+)/.exec(easing)?.[1] ?? 1);
    return Math.floor(share * count) / count;
  }
  const place = share * (points.length - 1);
  const left = Math.min(Math.floor(place), points.length - 2);
  return points[left] + (place - left) * (points[left + 1] - points[left]);
}
