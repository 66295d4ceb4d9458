"use strict";

// What is under the probe: images, numbers, and a sentence for screen readers.

const PAUSE = 250; // milliseconds without a move, after which the sentence is said

/** Move the probe to a point of a side's plane. */
function setProbe(probe) {
  const side = app.data.sides[probe.side];
  app.probe = probe;
  app.found = nearest(side, lift(side, probe.x, probe.y));
  followProbe();
  redraw();
}

function showReadouts() {
  app.data.sides.forEach(showReadout);
  clearTimeout(app.saying);
  app.saying = setTimeout(say, PAUSE);
}

function showReadout(side) {
  const own = app.probe.side === side.place;
  const { index, distance } = app.found;
  const [x, y] = own ? [app.probe.x, app.probe.y] : [side.x[index], side.y[index]];
  const z = own ? lift(side, x, y) : embeddingOf(side, index);
  const decoded = evaluate(side.decoder, Float32Array.from(z));
  const shown = app.data.pictured.includes(index)
    ? { index, distance: own ? distance : 0 }
    : nearest(side, z, app.data.pictured);
  showImage(side.decoded, decoded, 1);
  showImage(side.real, pictureOf(shown.index), 255);
  const pixels = pixelDistance(decoded, pictureOf(shown.index));
  const entropy = entropyAt(side, x, y);
  const facts = [
    ["point", `${short(x)}, ${short(y)}`],
    [own ? "nearest" : "same example", textOf(index)],
    own && ["distance", `${short(distance)}${isGap() ? ", in a gap" : ", not in a gap"}`],
    shown.index !== index && ["image", `${textOf(shown.index)}, ${short(shown.distance)} away`],
    ["pixel distance", short(pixels)],
    ["entropy", entropy === null ? "—" : `${short(entropy)} bits`],
    hasGeometry(side) && ["magnification", magnificationText(side, x, y)],
  ];
  side.facts.replaceChildren(
    ...facts.filter(Boolean).flatMap(([name, value]) => fact(name, value)),
  );
}

function fact(name, value) {
  const [term, text] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = name;
  text.textContent = value;
  return [term, text];
}

// The image area per latent area, in multiples of its median over the embeddings.
function magnificationAt(side, x, y) {
  const [a, b] = differentiateAt(side, x, y).slopes;
  const square = dot(a, a);
  const along = square && dot(a, b) / square;
  const height = b.map((value, k) => value - along * a[k]);
  return Math.sqrt(square * dot(height, height)) / Math.exp(side.magnification);
}

function magnificationText(side, x, y) {
  const value = magnificationAt(side, x, y);
  return `${value && value < 0.001 ? "less than 0.001" : short(value)}× the median`;
}

function isGap() {
  return app.found.distance > app.data.sides[app.probe.side].radius;
}

function say() {
  const { x, y } = app.probe;
  const side = app.data.sides[app.probe.side];
  const where = isGap() ? ", in a gap" : "";
  const found = `nearest embedding ${textOf(app.found.index)}, ${short(app.found.distance)} away`;
  const magnified = hasGeometry(side) ? `; magnification ${magnificationText(side, x, y)}` : "";
  side.status.textContent = `At ${short(x)}, ${short(y)}${where}: ${found}${magnified}.`;
}

/** The summary of the page in words. */
function summarize() {
  const { data } = app;
  const number = (value) => value.toLocaleString("en");
  const counted = (count, noun, ending = "s") =>
    `${number(count)} ${noun}${count > 1 ? ending : ""}`;
  const runs = data.sides
    .map((side) => `${side.name} (${side.model}, epoch ${side.epoch})`)
    .join(" and ");
  const sampled = data.count < data.total ? `, a random sample of ${number(data.total)},` : "";
  const words = [
    `${runs}: ${counted(data.count, "embedding")}${sampled} in ${counted(data.classes.length, "class", "es")}.`,
    data.pictured.length < data.count &&
      `The file holds the images of ${number(data.pictured.length)} examples, spread over the plane.`,
    ...data.sides
      .filter(({ plane }) => plane.isPca)
      .map(
        ({ name, origin }) =>
          `The plane of ${name} is that of the first two principal components of ${origin.length} latent dimensions.`,
      ),
  ];
  return words.filter(Boolean).join(" ");
}
