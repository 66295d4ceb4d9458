"use strict";

// The least energy of a curve with fixed ends (Levenberg and Marquardt's method).

const ROUNDS = 12; // at most
const FALL = 1e-3; // of the energy in a round, below which the search stops
const LEAVING = 1e3; // weight of leaving the region, where its width and the unit are 1

/** Move the inner points of a curve to less energy; pauses after each point that is decoded. */
function* relaxed(side, region, unit, curve) {
  let now = yield* expanded(side, region, unit, curve);
  let damping = 1e-3;
  for (let round = 0; round < ROUNDS; round++) {
    const next = yield* expanded(side, region, unit, moved(now, damping));
    const fall = (now.cost - next.cost) / now.cost;
    damping *= fall > 0 ? 0.1 : 10;
    if (fall > 0) now = next;
    if (fall > 0 && fall < FALL) break;
  }
  return now;
}

// The cost of a curve, half of its gradient, and half of its curvature. That is a band matrix: its
// row 2i + k, of coordinate k of the inner point i, is zero before the one of coordinate 0 of point
// i − 1; the upper half is not filled.
function* expanded(side, region, unit, curve) {
  const decoded = [];
  for (const [x, y] of curve) {
    decoded.push(differentiateAt(side, x, y));
    yield;
  }
  const last = curve.length - 1;
  const gradient = new Float64Array(2 * last - 2);
  const curvature = Array.from(gradient, () => new Float64Array(gradient.length));
  const images = decoded.map(({ value }) => value);
  let cost = energyOf(images) / unit;
  for (let i = 1; i < last; i++) {
    const row = 2 * (i - 1);
    const pull = images[i].map((value, k) => 2 * value - images[i - 1][k] - images[i + 1][k]);
    const [slopes, before] = [decoded[i].slopes, decoded[i - 1].slopes];
    for (const a of [0, 1]) {
      gradient[row + a] = (last / unit) * dot(slopes[a], pull);
      for (const b of [0, 1]) {
        curvature[row + a][row + b] = ((2 * last) / unit) * dot(slopes[a], slopes[b]);
        if (i > 1) curvature[row + a][row - 2 + b] = (-last / unit) * dot(slopes[a], before[b]);
      }
    }
    for (const facet of region.facets) {
      const outside = Math.max(0, excess(facet, curve[i]));
      const weight = outside && LEAVING / curve.length / facet.width ** 2;
      cost += weight * outside ** 2;
      for (const a of [0, 1]) {
        gradient[row + a] += weight * outside * facet.normal[a];
        for (const b of [0, 1]) {
          curvature[row + a][row + b] += weight * facet.normal[a] * facet.normal[b];
        }
      }
    }
  }
  return { curve, cost, gradient, curvature };
}

// The curve after a step. Damping keeps points still where images hardly change.
function moved({ curve, gradient, curvature }, damping) {
  const mean = curvature.reduce((sum, row, i) => sum + row[i], 0) / gradient.length;
  const damped = curvature.map((row, i) => {
    const copy = row.slice();
    copy[i] += damping * (row[i] + mean) + Number.MIN_VALUE;
    return copy;
  });
  const step = solved(damped, gradient);
  return curve.map((point, i) => {
    const isEnd = i === 0 || i === curve.length - 1;
    return isEnd ? point : point.map((value, k) => value - step[2 * (i - 1) + k]);
  });
}

// Solve A x = b for a positive definite A whose entries are zero more than three places below the
// diagonal (Cholesky). Overwrites the lower half of A.
function solved(A, b) {
  const x = b.slice();
  const width = 3;
  for (let i = 0; i < x.length; i++) {
    const first = Math.max(0, i - width);
    for (let j = first; j <= i; j++) {
      for (let k = first; k < j; k++) A[i][j] -= A[i][k] * A[j][k];
      A[i][j] = i === j ? Math.sqrt(A[i][i]) : A[i][j] / A[j][j];
      if (j < i) x[i] -= A[i][j] * x[j];
    }
    x[i] /= A[i][i];
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let j = i + 1; j <= Math.min(i + width, x.length - 1); j++) x[i] -= A[j][i] * x[j];
    x[i] /= A[i][i];
  }
  return x;
}

function dot(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}
