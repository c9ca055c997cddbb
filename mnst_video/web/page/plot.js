// A lane of the timeline: a plot whose time is the view's, with something drawn on it.

import { clock, color } from "./dom.js";
import uPlot from "./uplot/uPlot.esm.js";
import { view } from "./view.js";

// Pixels beside all plots, so that their times lie above one another.
const LEFT = 46;
const RIGHT = 22;

const plots = new Set();

function shownTime(seconds, step) {
  if (step < 0.001) return `${seconds.toFixed(5)}`;
  const digits = [0, 1, 2, 3].find((d) => Math.abs(step * 10 ** d - Math.round(step * 10 ** d)) < 1e-6) ?? 3;
  const text = clock(seconds);
  return digits ? text.slice(0, text.length - 3 + digits) : text.slice(0, -4);
}

export class Plot {
  // draw: called with this, its context, and its box in pixels of the canvas.
  constructor(host, height, { low = 0, high = 1, times = false, head = 20, ticks = [], series = [], draw, under }) {
    this.host = host;
    this.draw = draw;
    const axis = () => color("faint");
    const grid = { stroke: () => color("grid"), width: 1 };
    this.plot = new uPlot(
      {
        width: Math.max(host.clientWidth, 50),
        height,
        padding: [times ? 0 : head, RIGHT, 6, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false, auto: false, range: () => [view.start, view.end] },
          y: { auto: false, range: () => [this.low, this.high] },
        },
        axes: [
          times
            ? {
                side: 0,
                size: 22,
                stroke: axis,
                grid,
                ticks: { ...grid, size: 4 },
                space: 70,
                values: (_, all) => all.map((t) => shownTime(t, all[1] - all[0])),
              }
            : { show: true, size: 0, values: () => [], grid, ticks: { show: false }, space: 70 },
          {
            size: LEFT,
            stroke: axis,
            grid,
            ticks: { show: false },
            splits: () => (this.ticks ?? ticks),
            values: (_, all) => all.map((value) => `${+value.toFixed(2)}`),
          },
        ],
        series: [{}, ...(series.length ? series : [{ show: false }])],
        hooks: {
          drawClear: under ? [() => this.alone(under)] : [],
          draw: draw ? [() => this.alone(draw)] : [],
        },
      },
      [[0, 1], ...(series.length ? series : [0]).map(() => [null, null])],
      host,
    );
    this.low = low;
    this.high = high;
    this.resized = new ResizeObserver(() => {
      const width = Math.max(host.clientWidth, 50);
      if (width !== this.plot.width) this.plot.setSize({ width, height });
    });
    this.resized.observe(host);
    plots.add(this);
    this.show();
  }

  // uPlot remembers how its context is set: what is drawn by hand leaves no trace there.
  alone(draw) {
    const { ctx } = this.plot;
    ctx.save();
    draw(this, ctx, this.box);
    ctx.restore();
  }

  // The plot's rectangle in pixels of the canvas.
  get box() {
    return this.plot.bbox;
  }

  get ratio() {
    return this.box.width / Math.max(this.plot.over.clientWidth, 1);
  }

  x(time) {
    return this.box.left + ((time - view.start) / view.span) * this.box.width;
  }

  y(value) {
    return this.box.top + (1 - (value - this.low) / (this.high - this.low)) * this.box.height;
  }

  // Of a pointer over the plot.
  timeAt(event) {
    const box = this.plot.over.getBoundingClientRect();
    return view.start + ((event.clientX - box.left) / box.width) * view.span;
  }

  valueAt(event) {
    const box = this.plot.over.getBoundingClientRect();
    return this.low + (1 - (event.clientY - box.top) / box.height) * (this.high - this.low);
  }

  // Of a time, in pixels of the page, from the left of the plot.
  left(time) {
    return ((time - view.start) / view.span) * this.plot.over.clientWidth;
  }

  range(low, high, ticks) {
    if (low === this.low && high === this.high && this.ticks) return;
    [this.low, this.high, this.ticks] = [low, high, ticks];
    this.show();
  }

  show() {
    this.plot.setScale("x", { min: view.start, max: view.end });
    this.plot.setScale("y", { min: this.low, max: this.high });
  }

  redraw() {
    this.plot.redraw(false, false);
  }

  close() {
    this.resized.disconnect();
    plots.delete(this);
    this.plot.destroy();
  }
}

let waiting = false;
view.on(() => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const plot of plots) plot.plot.setScale("x", { min: view.start, max: view.end });
  });
});

export const redrawAll = () => {
  for (const plot of plots) plot.plot.redraw();
};
