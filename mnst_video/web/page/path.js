// A curve of keys on a canvas: each easing as the program has it.

import { store } from "./store.js";

const FUNCTION = /^(cubic-bezier|steps)\(([^)]*)\)$/;

// The four numbers of an easing that is a Bézier; else null.
export function bezierOf(easing) {
  const match = FUNCTION.exec(easing);
  if (match?.[1] === "cubic-bezier") return match[2].split(",").map(Number);
  return store.about.easings[easing]?.bezier ?? null;
}

// A way from one point to another, from where the path is.
function way(context, x0, y0, x1, y1, easing) {
  const bezier = bezierOf(easing);
  if (bezier) {
    const [a, b, c, d] = bezier;
    const [dx, dy] = [x1 - x0, y1 - y0];
    context.bezierCurveTo(x0 + a * dx, y0 + b * dy, x0 + c * dx, y0 + d * dy, x1, y1);
    return;
  }
  if (easing === "hold") {
    context.lineTo(x1, y0);
  } else if (easing.startsWith("steps")) {
    const count = Math.min(Number(FUNCTION.exec(easing)?.[2] ?? 1), 400);
    for (let step = 1; step <= count; step++) {
      const x = x0 + ((x1 - x0) * step) / count;
      context.lineTo(x, y0 + ((y1 - y0) * (step - 1)) / count);
      context.lineTo(x, y0 + ((y1 - y0) * step) / count);
    }
  } else {
    const points = store.about.easings[easing]?.points ?? [0, 1];
    points.forEach((share, index) => {
      if (index) context.lineTo(x0 + ((x1 - x0) * index) / (points.length - 1), y0 + (y1 - y0) * share);
    });
  }
  context.lineTo(x1, y1);
}

// Draws keys, [seconds, value, easing] in order of time, over a plot's width.
export function strokeCurve(plot, context, box, keys) {
  if (!keys.length) return;
  const right = box.left + box.width;
  context.beginPath();
  context.moveTo(box.left, plot.y(keys[0][1]));
  let before = null;
  for (let index = 0; index < keys.length; index++) {
    const [seconds, value, easing] = keys[index];
    const x = plot.x(seconds);
    const y = plot.y(value);
    const nextX = index + 1 < keys.length ? plot.x(keys[index + 1][0]) : Infinity;
    if (nextX < box.left) {
      before = null;
      continue; // all of this way lies before what is shown
    }
    if (before) way(context, before.x, before.y, x, y, before.easing);
    else {
      // The first in sight: what holds up to it.
      if (index === 0) context.lineTo(x, y);
      else context.moveTo(x, y);
    }
    before = { x, y, easing };
    if (x > right) break;
  }
  if (before && before.x < right) context.lineTo(right, before.y);
  context.stroke();
}
