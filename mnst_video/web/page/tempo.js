// The tempo: tapped while the clip plays, or typed.

import { h, button } from "./dom.js";
import { player } from "./player.js";
import { store } from "./store.js";
import { T } from "./texts.js";

// Seconds without a tap after which the next one begins anew, and taps that set a tempo.
const [PAUSE, ENOUGH] = [2.5, 4];

// A straight line through taps that are a beat apart: seconds of a beat, and of the first one.
export function fitted(taps) {
  const count = taps.length;
  const meanBeat = (count - 1) / 2;
  const mean = taps.reduce((a, b) => a + b) / count;
  let above = 0;
  let below = 0;
  taps.forEach((seconds, beat) => {
    above += (beat - meanBeat) * (seconds - mean);
    below += (beat - meanBeat) ** 2;
  });
  const period = above / below;
  return { period, offset: mean - meanBeat * period };
}

export class Tempo {
  constructor(host) {
    this.taps = [];
    this.count = h("span", { className: "faint", id: "taps" });
    this.bpm = h("input", {
      type: "text",
      inputMode: "decimal",
      size: 5,
      ariaLabel: T.bpm,
      title: T.bpm,
      placeholder: "bpm",
      onchange: () => store.change({ bpm: this.bpm.value.trim() || null }, T.done.tempo),
    });
    host.append(button(T.tap, () => this.tap(), { title: T.tapHint, id: "tap" }), this.bpm, this.count);
    store.on("state", () => this.show());
  }

  show() {
    if (document.activeElement === this.bpm) return;
    const tempo = store.state.tempo;
    this.bpm.value = store.settings.bpm ?? "";
    if (!this.taps.length) this.count.textContent = tempo?.beats ? `${tempo.bpm.toFixed(1)} bpm` : "";
  }

  tap() {
    const now = player.playing ? player.video.currentTime : performance.now() / 1000;
    const last = this.taps[this.taps.length - 1];
    if (last === undefined || now < last || now - last > PAUSE || this.playing !== player.playing) {
      this.taps = [];
    }
    this.playing = player.playing;
    this.taps.push(now);
    const enough = this.taps.length >= ENOUGH;
    const { period, offset } = enough ? fitted(this.taps) : { period: 0, offset: 0 };
    this.count.textContent = T.tapCount(this.taps.length, enough ? 60 / period : 0);
    clearTimeout(this.timer);
    if (enough) this.timer = setTimeout(() => this.set(period, offset), 700);
  }

  set(period, offset) {
    const given = { bpm: +(60 / period).toFixed(2) };
    // Taps beside a clip that stands say how fast, and not where: bars begin at the first tap.
    if (this.playing) {
      const bar = period * (store.settings.beats_per_bar ?? 4);
      given.beat_offset = +(((offset % bar) + bar) % bar).toFixed(3);
    }
    store.change(given, T.done.tempo);
  }
}
