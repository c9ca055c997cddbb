// The keyboard, wherever no text is being typed.

import { snapping } from "./beats.js";
import { player } from "./player.js";
import { post, tried } from "./server.js";
import { store } from "./store.js";
import { view } from "./view.js";

const TYPED = "input:not([type=range]):not([type=checkbox]), select, textarea, dialog *";

export function listenToKeys(timeline, help) {
  document.addEventListener("keydown", (event) => {
    if (event.target.closest?.(TYPED) || !store.clip) return;
    // A button is pressed by these.
    const pressing = event.target.closest?.("button, a, summary") && [" ", "Enter"].includes(event.key);
    if (pressing) return;
    if (act(event, timeline, help)) event.preventDefault();
  });
}

function act(event, timeline, help) {
  const curve = timeline.active;
  const { key, shiftKey } = event;
  const chosen = curve.selected.size > 0;
  if (event.ctrlKey || event.metaKey) return withControl(key.toLowerCase(), shiftKey, curve);
  if (event.altKey) return false;
  const frame = 1 / store.clip.fps;
  const tempo = store.state.tempo;
  const beat = tempo && snapping.kind === "beat" ? 60 / tempo.bpm / snapping.part : frame;
  switch (key) {
    case " ":
      player.toggle();
      break;
    case "ArrowLeft":
    case "ArrowRight": {
      const way = key === "ArrowLeft" ? -1 : 1;
      if (chosen) curve.nudge(way * (shiftKey ? 10 * frame : beat), 0);
      else if (shiftKey) player.seek(player.time + way);
      else player.step(way);
      break;
    }
    case "ArrowUp":
    case "ArrowDown":
      if (!chosen) return false;
      curve.nudge(0, (key === "ArrowUp" ? 1 : -1) * (shiftKey ? 0.1 : 0.01));
      break;
    case "Home":
      player.seek(0);
      break;
    case "End":
      player.seek(player.duration);
      break;
    case "k":
    case "K":
      curve.addAtPlayhead();
      break;
    case "Delete":
    case "Backspace":
      curve.remove();
      break;
    case "[":
    case "]":
      curve.choose(key === "[" ? -1 : 1);
      break;
    case "Escape":
      curve.chooseNone();
      break;
    case "t":
    case "T":
      timeline.tempo.tap();
      break;
    case "s":
    case "S":
      timeline.nextSnap();
      break;
    case "+":
    case "=":
      view.zoom(0.6, player.time);
      break;
    case "-":
    case "−":
      view.zoom(1.6, player.time);
      break;
    case "\\":
      view.all();
      break;
    case "?":
      help();
      break;
    default:
      if (!/^\d$/.test(key)) return false;
      curve.addAtPlayhead(key === "1" ? 1 : Number(key) / 10);
  }
  return true;
}

function withControl(key, shift, curve) {
  if (key === "z") tried(post(shift ? "/api/redo" : "/api/undo"));
  else if (key === "y") tried(post("/api/redo"));
  else if (key === "c") curve.copy();
  else if (key === "v") curve.paste();
  else if (key === "a") curve.chooseAll();
  else return false;
  return true;
}
