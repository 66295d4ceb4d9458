"use strict";

// Maps over the plane: where gaps are, and how much the classes mix.

const CIVIDIS = ["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838"].map(rgb);

function drawGaps(side, context) {
  if (app.layer !== "gaps") return;
  side.gaps.canvas ??= mapOf(side.gaps.mask, (gap) => (gap ? [0, 0, 0, 255] : [0, 0, 0, 0]));
  const { width, height } = side;
  const hatched = document.createElement("canvas");
  hatched.width = context.canvas.width;
  hatched.height = context.canvas.height;
  const own = hatched.getContext("2d");
  own.setTransform(context.getTransform());
  const size = Math.sqrt(side.gaps.mask.length);
  const [x0, x1, y0, y1] = side.gaps.box;
  // The lattice has points on the edges of its box, so each cell is centred on a point.
  const [dx, dy] = [(x1 - x0) / (size - 1) / 2, (y1 - y0) / (size - 1) / 2];
  // Everything outside of the lattice is a gap.
  own.fillRect(0, 0, width, height);
  own.globalCompositeOperation = "destination-out";
  const [left, top] = toScreen(side, x0, y1);
  own.fillRect(left, top, (x1 - x0) * side.view.scale, (y1 - y0) * side.view.scale);
  own.globalCompositeOperation = "source-over";
  placeMap(side, own, side.gaps.canvas, [x0 - dx, x1 + dx, y0 - dy, y1 + dy]);
  own.globalCompositeOperation = "source-in";
  own.strokeStyle = app.colours.hatch;
  own.beginPath();
  for (let start = -height; start < width; start += 9) {
    own.moveTo(start, height);
    own.lineTo(start + height, 0);
  }
  own.stroke();
  context.drawImage(hatched, 0, 0, width, height);
}

function drawEntropy(side, context) {
  if (app.layer !== "entropy" || !side.entropy) return;
  side.entropy.canvas ??= mapOf(side.entropy.levels, (level) =>
    level === 255 ? [0, 0, 0, 0] : [...cividis(level / 254), 225],
  );
  placeMap(side, context, side.entropy.canvas, side.entropy.box);
}

/** Entropy of the labels around a point, in bits; null where too few embeddings are. */
function entropyAt({ entropy }, x, y) {
  if (!entropy) return null;
  const size = Math.sqrt(entropy.levels.length);
  const [x0, x1, y0, y1] = entropy.box;
  const column = Math.floor(((x - x0) / (x1 - x0)) * size);
  const row = Math.floor(((y - y0) / (y1 - y0)) * size);
  if (Math.min(row, column) < 0 || Math.max(row, column) >= size) return null;
  const level = entropy.levels[row * size + column];
  return level === 255 ? null : (level / 254) * entropy.most;
}

/** Draw the scale of the entropy map. */
function showScale() {
  const scale = document.getElementById("scale");
  const { entropy } = app.data.sides[0];
  scale.hidden = app.layer !== "entropy" || !entropy;
  if (scale.hidden) return;
  const context = scale.querySelector("canvas").getContext("2d");
  for (let x = 0; x < 96; x++) {
    context.fillStyle = `rgb(${cividis(x / 95)})`;
    context.fillRect(x, 0, 1, 8);
  }
  scale.querySelector("span").textContent = `0 to ${short(entropy.most)} bits`;
}

function cividis(fraction) {
  const place = fraction * (CIVIDIS.length - 1);
  const below = Math.min(Math.floor(place), CIVIDIS.length - 2);
  return CIVIDIS[below].map((a, k) =>
    Math.round(a + (CIVIDIS[below + 1][k] - a) * (place - below)),
  );
}

// A square map as a canvas; its rows go up, those of a canvas down.
function mapOf(values, colour) {
  const size = Math.sqrt(values.length);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const image = new ImageData(size, size);
  values.forEach((value, i) => {
    const row = size - 1 - Math.floor(i / size);
    image.data.set(colour(value), (row * size + (i % size)) * 4);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Draw a canvas over a box of the plane. */
function placeMap(side, context, canvas, [x0, x1, y0, y1]) {
  const [left, top] = toScreen(side, x0, y1);
  const [right, bottom] = toScreen(side, x1, y0);
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, left, top, right - left, bottom - top);
  context.imageSmoothingEnabled = true;
}
