"use strict";

// The view as a file: PNG, or SVG with a dot for every embedding that is in view.

const SVG = "http://www.w3.org/2000/svg";
const HEAD = 34; // pixels for the name of a run
const SPACE = 16;

function download(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function titleOf(side) {
  return `${side.name}: ${side.model}`;
}

// Left edges of the sides, and the size of the whole.
function layout() {
  const lefts = [];
  let width = 0;
  for (const side of app.data.sides) {
    lefts.push(width);
    width += side.width + SPACE;
  }
  return {
    lefts,
    width: width - SPACE,
    height: Math.max(...app.data.sides.map((side) => side.height)) + HEAD,
  };
}

function pngOf() {
  const { lefts, width, height } = layout();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * width, 2 * height];
  const context = canvas.getContext("2d");
  context.fillStyle = app.colours.paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(2, 2);
  app.data.sides.forEach((side, k) => {
    context.fillStyle = app.colours.ink;
    context.font = "600 16px system-ui, sans-serif";
    context.textAlign = "left";
    context.fillText(titleOf(side), lefts[k], 22);
    context.drawImage(side.canvas, lefts[k], HEAD, side.width, side.height);
  });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function svgOf() {
  const { lefts, width, height } = layout();
  const svg = element("svg", { xmlns: SVG, viewBox: `0 0 ${width} ${height}`, width, height });
  svg.append(element("rect", { width, height, fill: app.colours.paper }));
  app.data.sides.forEach((side, k) => {
    const group = element("g", {
      transform: `translate(${lefts[k]} ${HEAD})`,
      "font-family": "sans-serif",
    });
    group.append(text(titleOf(side), 0, -12, 16));
    group.append(picture(side, drawBelow), ...dots(side), picture(side, drawEntropy));
    for (const { name, left, top } of namesOf(side)) {
      if (left < 0 || top < 0 || left > side.width || top > side.height) continue;
      const label = text(name, left, top + 5, 14);
      label.setAttribute("text-anchor", "middle");
      label.setAttribute("paint-order", "stroke");
      label.setAttribute("stroke", app.colours.paper);
      label.setAttribute("stroke-width", 4);
      group.append(label);
    }
    group.append(picture(side, drawAbove));
    svg.append(group);
  });
  return new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
}

// A path for each colour: round ends of lines without length are dots.
function dots(side) {
  const { radius, alpha } = dotsOf(side);
  const paths = new Map([[app.colours.grey, []]]);
  for (let i = 0; i < app.data.count; i++) {
    if (!isInSplit(i)) continue;
    const [left, top] = toScreen(side, side.x[i], side.y[i]);
    if (left < 0 || top < 0 || left > side.width || top > side.height) continue;
    const colour = isShown(i) ? app.data.classes[app.data.labels[i]].colour : app.colours.grey;
    if (!paths.has(colour)) paths.set(colour, []);
    paths.get(colour).push(`M${left.toFixed(1)} ${top.toFixed(1)}h0`);
  }
  return [...paths].map(([colour, places]) =>
    element("path", {
      d: places.join(""),
      stroke: colour,
      "stroke-opacity": alpha,
      "stroke-width": 2 * radius,
      "stroke-linecap": "round",
      fill: "none",
    }),
  );
}

function picture(side, draw) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * side.width, 2 * side.height];
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  draw(side, context);
  return element("image", {
    href: canvas.toDataURL("image/png"),
    width: side.width,
    height: side.height,
  });
}

function text(words, x, y, size) {
  const node = element("text", {
    x,
    y,
    "font-size": size,
    "font-weight": 600,
    fill: app.colours.ink,
  });
  node.textContent = words;
  return node;
}

function element(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key !== "xmlns") node.setAttribute(key, value);
  }
  return node;
}
