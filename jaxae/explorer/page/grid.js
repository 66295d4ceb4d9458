"use strict";

// The sampling box with its grid of decoded images, which can be moved and resized.

const GRID = 12;
const BUDGET = 8; // milliseconds of decoding in a frame
const REACH = 9; // pixels around an edge or a corner

/** Set the box to [x0, x1, y0, y1]; its images are decoded in the next frames. */
function setBox(side, box) {
  if (!box.every(Number.isFinite) || box[0] >= box[1] || box[2] >= box[3]) return;
  side.box = box;
  // From the middle outwards, where one looks first.
  const middle = (GRID - 1) / 2;
  const far = (i) => Math.hypot((i % GRID) - middle, Math.floor(i / GRID) - middle);
  side.stale = [...Array(GRID * GRID).keys()].sort((a, b) => far(b) - far(a));
  showLimits(side);
  redraw();
}

function fillTiles(side) {
  const [height, width] = app.data.imageShape;
  if (!side.mosaic) {
    side.mosaic = document.createElement("canvas");
    side.mosaic.width = GRID * width;
    side.mosaic.height = GRID * height;
  }
  const context = side.mosaic.getContext("2d");
  const [x0, x1, y0, y1] = side.box;
  const end = performance.now() + BUDGET;
  while (side.stale.length && performance.now() < end) {
    const tile = side.stale.pop();
    const [column, row] = [tile % GRID, Math.floor(tile / GRID)];
    const x = x0 + ((x1 - x0) * column) / (GRID - 1);
    const y = y0 + ((y1 - y0) * row) / (GRID - 1);
    const image = imageData(decodeAt(side, x, y), 1);
    context.putImageData(image, column * width, (GRID - 1 - row) * height);
  }
  if (side.stale.length) redraw();
}

function drawGrid(side, context) {
  if (!app.grid) return;
  fillTiles(side);
  const [x0, x1, y0, y1] = side.box;
  // Each image is centred on its point.
  const [dx, dy] = [(x1 - x0) / (GRID - 1) / 2, (y1 - y0) / (GRID - 1) / 2];
  context.globalAlpha = 0.92;
  placeMap(side, context, side.mosaic, [x0 - dx, x1 + dx, y0 - dy, y1 + dy]);
  context.globalAlpha = 1;
  const [left, top] = toScreen(side, x0, y1);
  const [right, bottom] = toScreen(side, x1, y0);
  context.strokeStyle = app.colours.accent;
  context.lineWidth = 2;
  context.strokeRect(left, top, right - left, bottom - top);
  context.fillStyle = app.colours.paper;
  for (const x of [left, right]) {
    for (const y of [top, bottom]) {
      context.beginPath();
      context.arc(x, y, 6, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }
}

/** What of the box lies at a pixel: indices of the limits that follow the pointer, or null. */
function handleAt(side, left, top) {
  if (!app.grid) return null;
  const [x0, x1, y0, y1] = side.box;
  const [a, d] = toScreen(side, x0, y0);
  const [b, c] = toScreen(side, x1, y1);
  if (left < a - REACH || left > b + REACH || top < c - REACH || top > d + REACH) return null;
  const near = (value, at) => Math.abs(value - at) <= REACH;
  const across = near(left, a) ? 0 : near(left, b) ? 1 : null;
  const up = near(top, d) ? 2 : near(top, c) ? 3 : null;
  if (across !== null && up !== null) return [across, up];
  return across === null && up === null ? null : [0, 1, 2, 3];
}

/** Move limits of the box by some distance in the plane. */
function moveBox(side, limits, dx, dy) {
  const box = [...side.box];
  for (const limit of limits) box[limit] += limit < 2 ? dx : dy;
  setBox(side, box);
}

function showLimits(side) {
  side.limits.forEach((input, k) => {
    if (document.activeElement !== input) input.value = Number(side.box[k].toPrecision(4));
  });
}
