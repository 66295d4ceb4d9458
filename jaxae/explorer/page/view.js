"use strict";

// The part of the plane that a canvas shows: its centre, and pixels for each latent unit.

/** The view that shows a whole cloud. */
function fittedView(side, width, height) {
  const [[x0, x1], [y0, y1]] = [limitsOf(side.x), limitsOf(side.y)];
  const scale = 0.92 * Math.min(width / (x1 - x0 || 1), height / (y1 - y0 || 1));
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale };
}

/** The least and the largest of some numbers. */
function limitsOf(values) {
  return values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
}

function toScreen(side, x, y) {
  const { view, width, height } = side;
  return [width / 2 + (x - view.x) * view.scale, height / 2 - (y - view.y) * view.scale];
}

function toPlane(side, left, top) {
  const { view, width, height } = side;
  return [view.x + (left - width / 2) / view.scale, view.y - (top - height / 2) / view.scale];
}

/** Zoom by a factor; the point at (left, top) stays where it is. */
function zoom(side, factor, left = side.width / 2, top = side.height / 2) {
  const [x, y] = toPlane(side, left, top);
  const scale = Math.min(Math.max(side.view.scale * factor, side.least / 4), side.least * 2000);
  side.view = { x, y, scale };
  pan(side, left - side.width / 2, top - side.height / 2);
}

/** Move the plane by pixels. */
function pan(side, right, down) {
  const { x, y, scale } = side.view;
  side.view = { x: x - right / scale, y: y + down / scale, scale };
}

/** Round numbers between two, about `count` of them. */
function ticksOf(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((value) => value >= 0.7 * rough);
  const first = Math.ceil(low / step);
  const length = Math.floor(high / step) - first + 1;
  return Array.from({ length }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}

/** A number as text, to three significant digits. */
function short(value) {
  return String(Number(value.toPrecision(3))).replace("-", "−");
}
