"use strict";

// The state of the page, and the order in which things are drawn.

const DEFAULTS = { tool: "probe", split: "all", layer: "none" };

/** What is shown; everything in it can be set at any time, followed by redraw(). */
const app = {
  ...DEFAULTS,
  data: null,
  colours: null, // of the style sheet
  on: [], // whether each class is shown in colour
  grid: false,
  probe: null, // {side, x, y}
  found: null, // the nearest embedding: {index, distance}
  held: false, // whether the probe stays where it is
  path: null, // {side, start: [x, y], end: [x, y], moving: "start", "end" or null}
  lasso: null, // {side, points: [[x, y], ...]}
  selection: [],
  drawing: null, // {at: [x, y] for each side}
};

/** Draw again in the next frame. */
function redraw() {
  app.frame ??= requestAnimationFrame(() => {
    app.frame = null;
    advancePath();
    for (const side of app.data.sides) drawSide(side);
    showReadouts();
    remember();
  });
}

/** Draw the planes again, the cloud too. */
function repaint() {
  for (const side of app.data.sides) side.bitmap = null;
  redraw();
}

function drawSide(side) {
  const context = side.canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = app.colours.paper;
  context.fillRect(0, 0, side.width, side.height);
  drawBelow(side, context);
  drawCloud(side, context);
  drawEntropy(side, context);
  drawNames(side, context);
  drawAbove(side, context);
}

function drawBelow(side, context) {
  drawGaps(side, context);
  drawAxes(side, context);
}

function drawAbove(side, context) {
  drawGrid(side, context);
  drawPath(side, context);
  drawLasso(side, context);
  drawStar(side, context);
  drawProbe(side, context);
}

function makeSide(side, place) {
  const section = document.getElementById("side").content.cloneNode(true).querySelector("section");
  document.getElementById("sides").append(section);
  const find = (selector) => section.querySelector(selector);
  Object.assign(side, {
    place,
    section,
    canvas: find(".plane"),
    status: find(".status"),
    decoded: find(".decoded"),
    real: find(".real"),
    facts: find("dl"),
    strip: find(".strip"),
    limits: [...section.querySelectorAll(".limits input")],
  });
  find("h2").textContent = titleOf(side);
  side.canvas.setAttribute(
    "aria-label",
    `Embeddings of ${titleOf(side)}. Arrow keys move the probe.`,
  );
  find(".limits").setAttribute("role", "group");
  find(".limits").setAttribute("aria-label", `Sampling box of ${side.name}`);
  find(".strip button").addEventListener("click", clearPath);
  for (const input of side.limits) {
    input.addEventListener("input", () =>
      setBox(
        side,
        side.limits.map(({ valueAsNumber }) => valueAsNumber),
      ),
    );
  }
  measure(side);
  listen(side);
}

// Give the canvas as many pixels as the screen has where it lies.
function measure(side) {
  const box = side.canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  [side.width, side.height] = [Math.round(box.width), Math.round(box.height)];
  side.canvas.width = Math.round(side.width * ratio);
  side.canvas.height = Math.round(side.height * ratio);
  const zoomed = side.view ? side.view.scale / side.least : 1;
  const fitted = fittedView(side, side.width, side.height);
  side.least = fitted.scale;
  side.view = side.view ? { ...side.view, scale: zoomed * side.least } : fitted;
}

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "ink", "quiet", "line", "accent", "grey", "hatch"];
  app.colours = Object.fromEntries(
    names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  );
}

async function start() {
  app.data = await readData();
  document.querySelector("main").hidden = false;
  document.getElementById("dataset").textContent = app.data.dataset;
  document.getElementById("summary").textContent = summarize();
  document.title = `Latent space of ${app.data.dataset}`;
  document.body.classList.toggle("two", app.data.sides.length > 1);
  readColours();
  app.on = app.data.classes.map(() => true);
  app.data.sides.forEach(makeSide);
  setUpControls();
  setUpDrawing();
  recall();
  window.addEventListener("hashchange", recall);
  window.addEventListener("resize", () => {
    app.data.sides.forEach(measure);
    repaint();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    repaint();
  });
  document.body.dataset.ready = "true";
}

start().catch((error) => {
  const place = document.getElementById("error");
  place.hidden = false;
  place.textContent = `This page cannot show its data: ${error.message}. Try a current browser.`;
  throw error;
});
