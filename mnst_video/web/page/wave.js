// The lane of the sound, with beats, bars and cuts; and the overview of the whole clip.

import { beatsInView, cuts, secondsOf, beatOf } from "./beats.js";
import { color, h } from "./dom.js";
import { Plot } from "./plot.js";
import { player } from "./player.js";
import { bytes } from "./server.js";
import { store } from "./store.js";
import { T } from "./texts.js";
import { view } from "./view.js";

// Milliseconds of quiet after which the sound of what is shown is asked for.
const QUIET = 60;

async function peaks(start, end, count) {
  try {
    return new Int8Array(
      await bytes(`/api/peaks?start=${start}&end=${end}&count=${Math.round(count)}`),
    );
  } catch {
    return new Int8Array(0);
  }
}

function strokePeaks(context, found, x, width, middle, half) {
  const count = found.length / 2;
  context.beginPath();
  for (let bin = 0; bin < count; bin++) {
    const left = x + (bin * width) / count;
    const low = middle - (found[2 * bin] / 127) * half;
    const high = middle - (found[2 * bin + 1] / 127) * half;
    context.rect(left, high, Math.max(width / count, 1), Math.max(low - high, 1));
  }
  context.fill();
}

export function drawGrid(plot, context, box, strong) {
  context.save();
  for (const [seconds, bar] of beatsInView(box.width / plot.ratio / 16)) {
    context.fillStyle = color(bar ? "bar" : "beat");
    const height = bar || !strong ? box.height : 0.3 * box.height;
    context.fillRect(Math.round(plot.x(seconds)), box.top + box.height - height, plot.ratio, height);
  }
  context.fillStyle = color("cut");
  for (const seconds of cuts()) {
    if (seconds < view.start || seconds > view.end) continue;
    const x = plot.x(seconds);
    context.fillRect(Math.round(x), box.top, plot.ratio, box.height);
    if (strong) {
      context.beginPath();
      context.moveTo(x - 5 * plot.ratio, box.top);
      context.lineTo(x + 5 * plot.ratio, box.top);
      context.lineTo(x, box.top + 7 * plot.ratio);
      context.fill();
    }
  }
  context.restore();
}

export class Wave {
  constructor(host) {
    this.host = host;
    this.shown = { start: 0, end: 1, peaks: new Int8Array(0) };
    this.plot = new Plot(host, window.innerHeight < 860 ? 76 : 96, {
      low: -1,
      high: 1,
      times: true,
      under: (plot, context, box) => this.draw(plot, context, box),
    });
    const over = this.plot.plot.over;
    over.setAttribute("role", "img");
    over.setAttribute("aria-label", T.wave);
    over.title = T.wave;
    over.addEventListener("pointerdown", (event) => this.scrub(event));
    view.on(() => this.ask());
    this.opened();
  }

  opened() {
    this.shown = { start: 0, end: 1, peaks: new Int8Array(0) };
    this.asked = null;
    this.ask();
  }

  ask() {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      if (!store.clip?.sound) return;
      const { start, end } = view;
      const width = this.plot.box.width;
      const sound = `${store.clip.path} ${store.settings.audio ?? ""}`;
      const wanted = `${start} ${end} ${width} ${sound}`;
      if (wanted === this.asked) return;
      this.asked = wanted;
      const found = await peaks(start, end, Math.min(width, 4000));
      if (wanted !== this.asked) return;
      this.shown = { start, end, peaks: found };
      this.plot.redraw();
    }, QUIET);
  }

  draw(plot, context, box) {
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    drawGrid(plot, context, box, true);
    context.fillStyle = color("wave");
    const { start, end, peaks: found } = this.shown;
    const middle = plot.y(0);
    if (found.length) {
      strokePeaks(context, found, plot.x(start), plot.x(end) - plot.x(start), middle, 0.47 * box.height);
    } else if (store.clip && !store.clip.sound) {
      context.fillStyle = color("faint");
      context.font = `${12 * plot.ratio}px system-ui`;
      context.fillText(T.noSound, box.left + 8 * plot.ratio, middle);
    }
    context.restore();
  }

  scrub(event) {
    const over = this.plot.plot.over;
    over.setPointerCapture(event.pointerId);
    player.pause();
    const move = (at) => player.seek(this.plot.timeAt(at));
    move(event);
    over.addEventListener("pointermove", move);
    over.addEventListener("pointerup", () => over.removeEventListener("pointermove", move), {
      once: true,
    });
  }
}

// All of the clip's sound in a strip, with a window that is what the timeline shows.
export class Overview {
  constructor(host) {
    this.canvas = h("canvas", { role: "img", ariaLabel: T.overview, title: T.overview });
    this.window = h("div", { className: "window" });
    this.host = host;
    host.append(this.canvas, this.window);
    this.peaks = new Int8Array(0);
    new ResizeObserver(() => this.draw()).observe(host);
    host.addEventListener("pointerdown", (event) => this.drag(event));
    view.on(() => this.place());
    this.opened();
  }

  async opened() {
    this.peaks = new Int8Array(0);
    this.draw();
    if (store.clip?.sound) {
      this.peaks = await peaks(0, store.clip.duration, 800);
      this.draw();
    }
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const width = (this.canvas.width = Math.max(this.host.clientWidth * ratio, 1));
    const height = (this.canvas.height = Math.max(this.host.clientHeight * ratio, 1));
    const context = this.canvas.getContext("2d");
    context.fillStyle = color("wave");
    strokePeaks(context, this.peaks, 0, width, height / 2, 0.45 * height);
    this.place();
  }

  place() {
    const whole = store.clip?.duration ?? 1;
    this.window.style.left = `${(100 * view.start) / whole}%`;
    this.window.style.width = `${Math.max((100 * view.span) / whole, 0.3)}%`;
  }

  drag(event) {
    const box = this.host.getBoundingClientRect();
    const whole = store.clip?.duration ?? 1;
    const at = (e) => ((e.clientX - box.left) / box.width) * whole;
    this.host.setPointerCapture(event.pointerId);
    const inside = at(event) >= view.start && at(event) <= view.end;
    const grip = inside ? at(event) - view.start : view.span / 2;
    const move = (e) => view.set(at(e) - grip, at(e) - grip + view.span);
    move(event);
    this.host.addEventListener("pointermove", move);
    this.host.addEventListener("pointerup", () => this.host.removeEventListener("pointermove", move), {
      once: true,
    });
  }
}

// The row of bars and beats, which is dragged to move the grid.
export class BeatRow {
  constructor(host) {
    this.host = host;
    host.title = T.grid;
    host.addEventListener("pointerdown", (event) => this.drag(event));
    view.on(() => this.draw());
    store.on("state", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(host);
  }

  draw() {
    const tempo = this.moved ?? store.state?.tempo;
    this.host.hidden = !tempo;
    if (!tempo) return;
    const bar = tempo.beats_per_bar;
    const marks = beatsInView(this.host.clientWidth / 44).map(([seconds, isBar, beat]) => {
      const mark = h("span", { className: isBar ? "bar" : "beat" });
      mark.style.left = `${(100 * (seconds - view.start)) / view.span}%`;
      mark.textContent = isBar ? `${Math.floor(beat / bar) + 1}` : `.${(((beat % bar) + bar) % bar) + 1}`;
      return mark;
    });
    this.host.replaceChildren(...marks);
  }

  drag(event) {
    const tempo = store.state?.tempo;
    if (!tempo || tempo.beats) return;
    this.host.setPointerCapture(event.pointerId);
    const width = this.host.clientWidth;
    const began = event.clientX;
    const at = view.start + ((event.clientX - this.host.getBoundingClientRect().left) / width) * view.span;
    const held = Math.round(beatOf(tempo, at));
    const from = secondsOf(tempo, held);
    const move = (e) => {
      const seconds = ((e.clientX - began) / width) * view.span;
      const moved = { ...tempo };
      if (e.shiftKey && held > 0) moved.bpm = (60 * held) / Math.max(from + seconds - tempo.offset, 0.1);
      else moved.offset = tempo.offset + seconds;
      store.state.tempo = this.moved = moved;
      this.draw();
      store.tell("state", store.state);
    };
    const end = () => {
      this.host.removeEventListener("pointermove", move);
      const moved = this.moved;
      this.moved = null;
      if (!moved) return;
      // Within a beat of the first frame: the same grid, and a number that people can read.
      const beat = 60 / moved.bpm;
      const given = { beat_offset: +moved.offset.toFixed(4) };
      if (moved.bpm !== tempo.bpm) given.bpm = +moved.bpm.toFixed(3);
      if (Math.abs(moved.offset) > 64 * beat) given.beat_offset = +(moved.offset % beat).toFixed(4);
      store.change(given, T.done.tempo).then((done) => done ?? store.refreshState());
    };
    this.host.addEventListener("pointermove", move);
    this.host.addEventListener("pointerup", end, { once: true });
  }
}
