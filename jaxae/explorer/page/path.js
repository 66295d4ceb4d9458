"use strict";

// A straight path between two points, with the images decoded along it.

const STEPS = 12;

/** Start a path at a point, or end it there. */
function addToPath(side, x, y) {
  const started = app.path && app.path.side === side.place && !app.path.end;
  app.path = started
    ? { ...app.path, end: [x, y] }
    : { side: side.place, start: [x, y], end: null };
  showPath();
}

/** The points of the path, both ends included. */
function pathPoints() {
  const { start, end } = app.path;
  if (!end) return [start];
  const at = (k, t) => start[k] + (end[k] - start[k]) * t;
  return [...Array(STEPS).keys()].map((i) => [at(0, i / (STEPS - 1)), at(1, i / (STEPS - 1))]);
}

function showPath() {
  for (const side of app.data.sides) {
    side.strip.hidden = app.path?.side !== side.place;
    if (side.strip.hidden) continue;
    const { start, end } = app.path;
    showStrip(
      side.strip.querySelector("canvas"),
      pathPoints().map(([x, y]) => decodeAt(side, x, y)),
    );
    const text = (point) => point.map(short).join(", ");
    side.strip.querySelector("span").textContent = end
      ? `Decoded on the straight path from ${text(start)} to ${text(end)}.`
      : `The path starts at ${text(start)}. Click where it should end.`;
  }
  redraw();
}

function clearPath() {
  app.path = null;
  showPath();
}
