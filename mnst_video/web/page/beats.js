// Where beats, bars, frames and cuts are, and what is near a moment.

import { store } from "./store.js";
import { view } from "./view.js";

export const snapping = { kind: "beat", part: 1 };

// The seconds of a beat, from 0; fractions lie between beats.
export function secondsOf(tempo, beat) {
  if (!tempo.beats) return tempo.offset + (beat * 60) / tempo.bpm;
  const beats = tempo.beats;
  const place = beat + tempo.zero;
  const left = Math.min(Math.max(Math.floor(place), 0), beats.length - 2);
  return beats[left] + (place - left) * (beats[left + 1] - beats[left]);
}

export function beatOf(tempo, seconds) {
  if (!tempo.beats) return ((seconds - tempo.offset) * tempo.bpm) / 60;
  const beats = tempo.beats;
  let low = 0;
  let high = beats.length - 2;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (beats[middle] <= seconds) low = middle;
    else high = middle - 1;
  }
  return low - tempo.zero + (seconds - beats[low]) / (beats[low + 1] - beats[low]);
}

// Beats in sight, as [seconds, whether a bar begins], thinned to be so many at most.
export function beatsInView(most) {
  const tempo = store.state?.tempo;
  if (!tempo) return [];
  const first = Math.ceil(beatOf(tempo, view.start) - 1e-6);
  const last = Math.floor(beatOf(tempo, view.end) + 1e-6);
  const bar = tempo.beats_per_bar;
  let step = 1;
  if (last - first > most) step = bar;
  while ((last - first) / step > most) step *= 2;
  const found = [];
  for (let beat = Math.ceil(first / step) * step; beat <= last; beat += step) {
    const seconds = secondsOf(tempo, beat);
    if (seconds >= -1e-6) found.push([seconds, ((beat % bar) + bar) % bar === 0, beat]);
  }
  return found;
}

export const cuts = () => store.state?.cuts?.at ?? [];

// A moment near to another: its seconds, and what it is; reach: seconds on either side.
export function snapped(seconds, reach, free = false) {
  const kept = { seconds, snap: "none" };
  if (free || snapping.kind === "none" || !store.clip) return kept;
  const { fps, frames } = store.clip;
  if (snapping.kind === "frame") {
    const frame = Math.min(Math.max(Math.round(seconds * fps), 0), frames - 1);
    return { seconds: frame / fps, snap: "frame" };
  }
  if (snapping.kind === "cut") {
    const all = [0, ...cuts()];
    const near = all.reduce((a, b) => (Math.abs(b - seconds) < Math.abs(a - seconds) ? b : a));
    return Math.abs(near - seconds) <= reach ? { seconds: near, snap: "cut" } : kept;
  }
  const tempo = store.state.tempo;
  if (!tempo) return kept;
  const beat = Math.round(beatOf(tempo, seconds) * snapping.part) / snapping.part;
  const near = secondsOf(tempo, beat);
  const inside = near >= 0 && near <= store.clip.duration;
  return inside && Math.abs(near - seconds) <= reach ? { seconds: near, snap: "beat" } : kept;
}
