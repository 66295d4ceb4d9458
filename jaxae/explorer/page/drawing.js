"use strict";

// A box to draw in. What is drawn is prepared as the images of MNIST are, encoded, and decoded.

const NEIGHBOURS = 5;

function setUpDrawing() {
  const pad = document.getElementById("pad");
  const [height, width] = app.data.imageShape;
  pad.width = 280;
  pad.height = Math.round((280 * height) / width);
  const context = pad.getContext("2d", { willReadFrequently: true });
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = pad.width / 13;
  const [high, wide] = innerSize();
  document.getElementById("inner").textContent = `${wide} × ${high}`;
  let last = null;
  const at = (event) => {
    const box = pad.getBoundingClientRect();
    const scale = pad.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  const stroke = (event) => {
    const next = at(event);
    context.strokeStyle = "#fff";
    context.beginPath();
    context.moveTo(...(last ?? next));
    context.lineTo(...next);
    context.stroke();
    last = next;
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.button === 2) return; // It opens the browser's menu.
    pad.setPointerCapture(event.pointerId);
    stroke(event);
  });
  pad.addEventListener("pointermove", (event) => last && stroke(event));
  for (const type of ["pointerup", "pointercancel"]) {
    pad.addEventListener(type, () => {
      last = null;
      encodeDrawing();
    });
  }
  wipeDrawing();
}

function wipeDrawing() {
  const pad = document.getElementById("pad");
  const context = pad.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, pad.width, pad.height);
  app.drawing = null;
  showImage(
    document.getElementById("entered"),
    new Float32Array(app.data.imageShape.reduce((a, b) => a * b)),
    1,
  );
  document.getElementById("drawn").replaceChildren();
  redraw();
}

// MNIST scales a digit to 20×20 of 28×28 pixels.
function innerSize() {
  return app.data.imageShape.slice(0, 2).map((size) => Math.max(1, Math.round((size * 20) / 28)));
}

/** Prepare the drawing: fit it into the inner box, move its centre of mass to the centre. */
function prepared(pad) {
  const [height, width] = app.data.imageShape;
  const ink = inkOf(pad.getContext("2d").getImageData(0, 0, pad.width, pad.height));
  if (!ink) return null;
  const [high, wide] = innerSize();
  const scale = Math.min(wide / ink.width, high / ink.height);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const place = (left, top) => {
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = "high";
    const size = [ink.width * scale, ink.height * scale];
    context.drawImage(pad, ink.left, ink.top, ink.width, ink.height, left, top, ...size);
    return context.getImageData(0, 0, width, height);
  };
  const left = (width - ink.width * scale) / 2;
  const top = (height - ink.height * scale) / 2;
  const [x, y] = centreOf(place(left, top));
  const { data } = place(left + Math.round(width / 2 - x), top + Math.round(height / 2 - y));
  const channels = app.data.imageShape[2] ?? 1;
  return Float32Array.from({ length: width * height * channels }, (_, k) => {
    const pixel = Math.floor(k / channels);
    return data[pixel * 4] / 255;
  });
}

// The rectangle around what is drawn; null if nothing is.
function inkOf({ data, width, height }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let pixel = 0; pixel < width * height; pixel++) {
    if (data[pixel * 4] < 64) continue;
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

// Centre of mass, with the centre of a pixel at one half.
function centreOf({ data, width, height }) {
  let [sum, x, y] = [0, 0, 0];
  for (let pixel = 0; pixel < width * height; pixel++) {
    const value = data[pixel * 4];
    sum += value;
    x += value * ((pixel % width) + 0.5);
    y += value * (Math.floor(pixel / width) + 0.5);
  }
  return [x / sum, y / sum];
}

function encodeDrawing() {
  const image = prepared(document.getElementById("pad"));
  if (!image) return;
  showImage(document.getElementById("entered"), image, 1);
  app.drawing = { at: [] };
  const results = app.data.sides.map((side) => {
    const z = evaluate(side.encoder, image);
    app.drawing.at.push(project(side, z));
    return resultOf(side, z);
  });
  document.getElementById("drawn").replaceChildren(...results);
  redraw();
}

function resultOf(side, z) {
  const result = document.createElement("div");
  const heading = document.createElement("p");
  heading.textContent = `${side.name}: ★ at ${project(side, z).map(short).join(", ")}`;
  const row = document.createElement("div");
  row.className = "row";
  row.append(figureOf(evaluate(side.decoder, z), 1, "decoded"));
  for (const { index } of nearestPictured(side, z, NEIGHBOURS)) {
    row.append(figureOf(pictureOf(index), 255, nameOf(index).label));
  }
  result.append(heading, row);
  return result;
}
