// The part of the clip's time that the timeline shows, in seconds.

import { store } from "./store.js";

// Seconds that are shown at least: a few samples of sound.
const CLOSEST = 0.002;

export const view = {
  start: 0,
  end: 1,
  watchers: [],

  on(watcher) {
    this.watchers.push(watcher);
  },

  get span() {
    return this.end - this.start;
  },

  set(start, end) {
    const whole = store.clip?.duration ?? 1;
    const span = Math.min(Math.max(end - start, CLOSEST), whole);
    this.start = Math.min(Math.max(start, 0), whole - span);
    this.end = this.start + span;
    for (const watcher of this.watchers) watcher();
  },

  all() {
    this.set(0, store.clip?.duration ?? 1);
  },

  // Times `factor` of the span, with what is at a time staying where it is.
  zoom(factor, at = (this.start + this.end) / 2) {
    const share = (at - this.start) / this.span;
    const whole = store.clip?.duration ?? 1;
    const span = Math.min(Math.max(this.span * factor, CLOSEST), whole);
    this.set(at - share * span, at + (1 - share) * span);
  },

  scroll(seconds) {
    this.set(this.start + seconds, this.end + seconds);
  },

  // Keeps a moving playhead in sight, a page at a time.
  follow(time) {
    if (time >= this.start && time <= this.end) return;
    this.set(time - 0.05 * this.span, time + 0.95 * this.span);
  },
};
