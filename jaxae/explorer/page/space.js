"use strict";

// Latent space: the data set and the runs, the plane that is shown, and nearest neighbours.

/** Read the data and unpack its arrays. */
async function readData() {
  const data = JSON.parse(document.getElementById("data").textContent);
  [data.labels, data.pictured, data.pictures, data.rows] = await Promise.all([
    unpack(data.labels),
    unpack(data.pictured),
    unpack(data.pictures),
    data.rows && unpack(data.rows),
  ]);
  data.count = data.labels.length;
  data.sides = await Promise.all(data.sides.map((side) => readSide(side, data.count)));
  return data;
}

async function readSide(side, count) {
  const [z, mask, levels, encoder, decoder] = await Promise.all([
    unpack(side.z),
    unpack(side.gaps.mask),
    side.entropy && unpack(side.entropy.levels),
    unpackLayers(side.encoder),
    unpackLayers(side.decoder),
  ]);
  const read = { ...side, encoder, decoder };
  // One array for each latent dimension.
  read.z = side.origin.map((low, k) =>
    Float32Array.from(z.subarray(k * count, (k + 1) * count), (level) => low + level * side.step),
  );
  read.gaps = { ...side.gaps, mask };
  if (side.entropy) read.entropy = { ...side.entropy, levels };
  read.x = new Float32Array(count);
  read.y = new Float32Array(count);
  for (let i = 0; i < count; i++) [read.x[i], read.y[i]] = project(read, embeddingOf(read, i));
  return read;
}

function embeddingOf(side, i) {
  return side.z.map((values) => values[i]);
}

/** Coordinates in the plane of a latent point. */
function project({ plane }, z) {
  return plane.axes.map((axis) =>
    axis.reduce((sum, value, k) => sum + value * (z[k] - plane.origin[k]), 0),
  );
}

/** The latent point at coordinates in the plane. */
function lift({ plane }, x, y) {
  return plane.origin.map((value, k) => value + x * plane.axes[0][k] + y * plane.axes[1][k]);
}

/** The index of the example whose embedding is nearest, and its distance. */
function nearest(side, z, examples = null) {
  let [best, least] = [-1, Infinity];
  const count = examples ? examples.length : side.x.length;
  for (let j = 0; j < count; j++) {
    const i = examples ? examples[j] : j;
    let square = 0;
    for (let k = 0; k < z.length; k++) {
      const difference = side.z[k][i] - z[k];
      square += difference * difference;
    }
    if (square < least) [best, least] = [i, square];
  }
  return { index: best, distance: Math.sqrt(least) };
}

/** The nearest examples with an image in the file, nearest first. */
function nearestPictured(side, z, count) {
  const found = [];
  while (found.length < Math.min(count, app.data.pictured.length)) {
    const left = app.data.pictured.filter((i) => !found.some(({ index }) => index === i));
    found.push(nearest(side, z, left));
  }
  return found;
}

function decodeAt(side, x, y) {
  return evaluate(side.decoder, Float32Array.from(lift(side, x, y)));
}

/** The image at coordinates in the plane, and its derivatives along the plane's axes. */
function differentiateAt(side, x, y) {
  const axes = side.plane.axes.map((axis) => Float32Array.from(axis));
  return differentiate(side.decoder, Float32Array.from(lift(side, x, y)), axes);
}

/** What an example is called: the data set's own number of it, and its class. */
function nameOf(i) {
  const { rows, train, labels, classes } = app.data;
  const row = rows ? rows[i] : i;
  const test = row >= train;
  return {
    split: test ? "test" : "training",
    number: test ? row - train : row,
    label: classes[labels[i]].name,
  };
}

function textOf(i) {
  const { split, number, label } = nameOf(i);
  return `${label} (${split} ${number.toLocaleString("en")})`;
}
