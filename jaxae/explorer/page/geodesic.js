"use strict";

// Geodesics: curves whose images change as little as possible, as in jaxae.geometry. A curve is a
// list of points [x, y] of the plane.

const COARSE = 16; // points along a curve at first
const FINE = 64; // points along a curve at last

/**
 * Search for a geodesic; pauses often, and hands out the best curve so far.
 *
 * @yields {{curve: number[][], along: number[]} | undefined} a curve, and how far along it its
 *   points are, measured on images
 * @returns the geodesic, the same with its `length` on images and that of the `straight` line
 */
function* geodesic(side, start, end) {
  const graph = yield* graphOf(side);
  const path = pathThrough(side, graph, start, end);
  yield path;
  // At even steps in the plane, the line's energy may be far above that of its length.
  const line = yield* remeasured(side, { curve: [start, end], along: [0, 1] });
  const straight = yield* remeasured(side, line);
  const unit = energyOf(straight.images) || 1;
  const region = regionOf(side, [start, end]);
  const starts = [straight, yield* remeasured(side, path)];
  // Few points may jump over what lies between them, so that curves are compared with many.
  let best = shorter(...starts);
  for (const { curve, along } of starts) {
    const coarse = yield* relaxed(side, region, unit, resampled(curve, along, COARSE));
    const rough = yield* remeasured(side, yield* measured(side, coarse.curve));
    best = shorter(best, rough);
  }
  yield best;
  const { curve } = yield* relaxed(side, region, unit, resampled(best.curve, best.along, FINE));
  best = shorter(best, yield* measured(side, curve));
  return { ...best, straight: straight.length };
}

const shorter = (a, b) => (b.length < a.length ? b : a);

// A curve at many points, at equal distances on images.
function* remeasured(side, { curve, along }) {
  return yield* measured(side, resampled(curve, along, FINE));
}

// A curve with its images, and how far along it these are.
function* measured(side, curve) {
  const images = [];
  for (const [x, y] of curve) {
    images.push(decodeAt(side, x, y));
    yield;
  }
  const along = [0];
  for (const step of stepsOf(images)) along.push(along.at(-1) + step);
  return { curve, images, along, length: along.at(-1) };
}

/**
 * Points of a curve at equal distances, where `along` says how far along it its points are; at even
 * steps, if that is nowhere.
 */
function resampled(curve, along, count) {
  if (!along.at(-1)) along = along.map((_, i) => i);
  let piece = 0;
  return Array.from({ length: count }, (_, i) => {
    const at = (along.at(-1) * i) / (count - 1);
    while (piece < curve.length - 2 && along[piece + 1] < at) piece++;
    const size = along[piece + 1] - along[piece];
    const part = size ? Math.min(1, (at - along[piece]) / size) : 0;
    const [from, to] = [curve[piece], curve[piece + 1]];
    return from.map((value, k) => value + part * (to[k] - value));
  });
}

function stepsOf(images) {
  return images.slice(1).map((image, i) => distance(image, images[i]));
}

/** The energy (n − 1) Σ ‖f(zᵢ₊₁) − f(zᵢ)‖² of the images along a curve. */
function energyOf(images) {
  const squares = stepsOf(images).map((step) => step ** 2);
  return (images.length - 1) * squares.reduce((sum, square) => sum + square, 0);
}
