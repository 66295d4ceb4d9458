"use strict";

// A path between two points: the straight line and the geodesic, with images along each.

const STEPS = 12; // images along each
const SEARCH = 8; // milliseconds in a frame

/** Put down the end that moves, pick up the one that is here, or start a path. */
function clickPath(side, x, y) {
  const end = endAt(side, ...toScreen(side, x, y));
  if (app.path?.moving && app.path.side === side.place) {
    app.path[app.path.moving] = [x, y];
    app.path.moving = null;
  } else if (end) app.path.moving = end;
  else app.path = { side: side.place, start: [x, y], end: [x, y], moving: "end" };
  app.held = false;
  showPath();
}

/** Let the end that moves follow the probe. */
function followProbe() {
  if (!app.path?.moving || app.path.side !== app.probe.side) return;
  app.path[app.path.moving] = [app.probe.x, app.probe.y];
  showPath();
}

/** Leave the end that moves where it is. */
function dropEnd() {
  if (!app.path?.moving) return;
  app.path.moving = null;
  showPath();
}

/** Which end of the path is at a pixel: "start", "end" or null. */
function endAt(side, left, top) {
  if (app.path?.side !== side.place) return null;
  const near = (name) => {
    const [x, y] = toScreen(side, ...app.path[name]);
    return Math.hypot(x - left, y - top) <= 1.5 * REACH;
  };
  return ["end", "start"].find(near) ?? null;
}

/** Whether geodesics and the magnification are shown, for which latent space must be a plane. */
function hasGeometry(side) {
  return side.magnification !== null;
}

/** Show the path and search for its geodesic, in the next frames. */
function showPath() {
  const { path } = app;
  for (const side of app.data.sides) side.strip.hidden = path?.side !== side.place;
  if (path) {
    const side = app.data.sides[path.side];
    path.search = hasGeometry(side) ? geodesic(side, path.start, path.end) : null;
    path.found = null;
    path.isShown = false;
  }
  redraw();
}

/** Search until there is a better curve, for a part of a frame at most, and show it. */
function advancePath() {
  const { path } = app;
  const search = path ? path.search : graphs();
  const end = performance.now() + SEARCH;
  let step = { done: !search };
  while (!step.done && !step.value && performance.now() < end) step = search.next();
  if (step.value) [path.found, path.isShown] = [step.value, false];
  if (path && step.done) path.search = null;
  if (path && !path.isShown) showStrips();
  if (!step.done) redraw();
}

// Before there is a path, so that its geodesic is soon found.
function* graphs() {
  if (app.tool !== "path") return;
  for (const side of app.data.sides.filter(hasGeometry)) yield* graphOf(side);
}

/** The points of the path whose images are shown: on the straight line and on the geodesic. */
function pathPoints() {
  const { start, end, found } = app.path;
  const straight = resampled([start, end], [0, 1], STEPS);
  return { straight, geodesic: found ? resampled(found.curve, found.along, STEPS) : straight };
}

function showStrips() {
  const { start, end, moving, found } = app.path;
  const side = app.data.sides[app.path.side];
  const points = pathPoints();
  app.path.isShown = true;
  const find = (selector) => side.strip.querySelector(selector);
  for (const name of ["straight", "geodesic"]) {
    const images = points[name].map(([x, y]) => decodeAt(side, x, y));
    showStrip(find(`.${name} canvas`), images);
  }
  find(".geodesic").hidden = !hasGeometry(side);
  const text = (point) => point.map(short).join(", ");
  find(".ends").textContent =
    `From ${text(start)} to ${text(end)}.` + (moving ? ` The ${moving} follows the pointer.` : "");
  const isFinal = found?.straight !== undefined;
  find(".straight p").textContent = isFinal
    ? `Straight line (dashed): ${short(found.straight)} pixels`
    : "Straight line (dashed)";
  find(".geodesic p").textContent = isFinal
    ? `Geodesic (solid): ${short(found.length)} pixels, ${gainOf(found)} shorter`
    : "Geodesic (solid): searching …";
}

function gainOf({ length, straight }) {
  return `${straight ? Math.round(100 * (1 - length / straight)) : 0} %`;
}

function clearPath() {
  app.path = null;
  showPath();
}
