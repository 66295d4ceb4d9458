"use strict";

// The cloud as a bitmap somewhat larger than the canvas. It is moved and scaled with the view, and
// painted again, sharp, when the view has come to rest.

const MARGIN = 1.25;
const REST = 120; // milliseconds

/** Draw the bitmap where the view puts it. */
function drawCloud(side, context) {
  if (!side.bitmap) side.bitmap = paintCloud(side);
  const { canvas, view } = side.bitmap;
  const factor = side.view.scale / view.scale;
  const [width, height] = [side.width * MARGIN * factor, side.height * MARGIN * factor];
  const [left, top] = toScreen(side, view.x, view.y);
  context.drawImage(canvas, left - width / 2, top - height / 2, width, height);
  const moved = view.x !== side.view.x || view.y !== side.view.y || factor !== 1;
  clearTimeout(side.repaint);
  if (moved) {
    side.repaint = setTimeout(() => {
      side.bitmap = null;
      redraw();
    }, REST);
  }
}

/** Whether an example is among those shown in colour; the others are grey. */
function isShown(i) {
  return app.on[app.data.labels[i]];
}

/** Whether an example belongs to the split that is shown. */
function isInSplit(i) {
  const row = app.data.rows ? app.data.rows[i] : i;
  const isTest = row >= app.data.train;
  return app.split === "all" || isTest === (app.split === "test");
}

function paintCloud(side) {
  const ratio = window.devicePixelRatio || 1;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(side.width * MARGIN * ratio);
  canvas.height = Math.round(side.height * MARGIN * ratio);
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const { radius, alpha } = dotsOf(side);
  const colours = app.data.classes.map(({ colour }) => rgb(colour));
  const grey = rgb(app.colours.grey);
  // What is grey lies below.
  for (const shown of [false, true]) {
    const taps = discOf(radius * ratio, shown ? alpha : alpha / 2, canvas.width);
    for (let i = 0; i < app.data.count; i++) {
      if (isShown(i) !== shown || !isInSplit(i)) continue;
      const { view } = side;
      const x = Math.round(canvas.width / 2 + (side.x[i] - view.x) * view.scale * ratio);
      const y = Math.round(canvas.height / 2 - (side.y[i] - view.y) * view.scale * ratio);
      const edge = taps.reach;
      if (x < edge || y < edge || x >= canvas.width - edge || y >= canvas.height - edge) continue;
      dab(image.data, (y * canvas.width + x) * 4, taps, shown ? colours[app.data.labels[i]] : grey);
    }
  }
  straighten(image.data);
  context.putImageData(image, 0, 0);
  return { canvas, view: side.view };
}

// Larger and more opaque where they are few, and when zoomed in.
function dotsOf(side) {
  const fewer = Math.max(0, Math.log10(70000 / app.data.count));
  const closer = Math.max(0, Math.log2(side.view.scale / side.least));
  return {
    radius: Math.min(4.5, (side.width < 500 ? 0.9 : 1.15) + 0.7 * fewer + 0.4 * closer),
    alpha: Math.min(0.85, 0.5 + 0.15 * fewer + 0.05 * closer),
  };
}

// Places of the bytes of a disc's pixels, relative to its centre, and how much they cover.
function discOf(radius, alpha, width) {
  const reach = Math.ceil(radius);
  const [places, covers] = [[], []];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const cover = alpha * Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
      if (cover > 0) {
        places.push((y * width + x) * 4);
        covers.push(cover);
      }
    }
  }
  return { places, covers, reach };
}

// Paint a disc over what is there, in colours multiplied by their opacity.
function dab(data, centre, { places, covers }, [red, green, blue]) {
  for (let k = 0; k < places.length; k++) {
    const at = centre + places[k];
    const cover = covers[k];
    data[at] += (red - data[at]) * cover;
    data[at + 1] += (green - data[at + 1]) * cover;
    data[at + 2] += (blue - data[at + 2]) * cover;
    data[at + 3] += (255 - data[at + 3]) * cover;
  }
}

// Canvas expects colours that are not multiplied by their opacity.
function straighten(data) {
  for (let at = 0; at < data.length; at += 4) {
    const opacity = data[at + 3];
    if (opacity === 0 || opacity === 255) continue;
    for (let k = 0; k < 3; k++) data[at + k] = (data[at + k] * 255) / opacity;
  }
}

function rgb(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}
