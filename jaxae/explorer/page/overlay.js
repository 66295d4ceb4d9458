"use strict";

// What is drawn on the plane below and above the cloud.

/** Lines and numbers of the axes. */
function drawAxes(side, context) {
  const [x0, y0] = toPlane(side, 0, side.height);
  const [x1, y1] = toPlane(side, side.width, 0);
  const count = side.width < 500 ? 4 : 7;
  const numbers = [];
  context.strokeStyle = app.colours.line;
  context.lineWidth = 1;
  context.beginPath();
  for (const tick of ticksOf(x0, x1, count)) {
    const left = Math.round(toScreen(side, tick, 0)[0]) + 0.5;
    context.moveTo(left, 0);
    context.lineTo(left, side.height - 18);
    if (left > 30 && left < side.width - 12) numbers.push([tick, left, side.height - 6, "center"]);
  }
  for (const tick of ticksOf(y0, y1, (count * side.height) / side.width)) {
    const top = Math.round(toScreen(side, 0, tick)[1]) + 0.5;
    if (top > side.height - 26 || top < 10) continue;
    context.moveTo(28, top);
    context.lineTo(side.width, top);
    numbers.push([tick, 5, top + 4, "left"]);
  }
  context.stroke();
  context.font = "11px system-ui, sans-serif";
  for (const [tick, left, top, align] of numbers) {
    context.textAlign = align;
    haloed(context, short(tick), left, top, app.colours.quiet);
  }
}

function haloed(context, text, left, top, colour = app.colours.ink) {
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = app.colours.paper;
  context.strokeText(text, left, top);
  context.fillStyle = colour;
  context.fillText(text, left, top);
}

/** The probe, and a ring around the nearest embedding, which is the same example on both sides. */
function drawProbe(side, context) {
  const found = toScreen(side, side.x[app.found.index], side.y[app.found.index]);
  const own = app.probe.side === side.place;
  const at = own ? toScreen(side, app.probe.x, app.probe.y) : found;
  for (const [colour, width] of [
    [app.colours.paper, 4],
    [app.colours.ink, 1.75],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    if (own) {
      context.moveTo(...at);
      context.lineTo(...found);
      cross(context, ...at, 9);
    }
    circle(context, ...found, 6);
    context.stroke();
  }
}

/** Where the drawing was encoded: a star. */
function drawStar(side, context) {
  if (!app.drawing) return;
  const [left, top] = toScreen(side, ...app.drawing.at[side.place]);
  context.font = "30px system-ui, sans-serif";
  context.textAlign = "center";
  haloed(context, "★", left, top + 9);
}

/** The lasso's outline, and rings around what it selected. */
function drawLasso(side, context) {
  context.strokeStyle = app.colours.ink;
  context.lineWidth = 1;
  context.beginPath();
  // More rings would hide the plane.
  if (app.selection.length <= 3000) {
    for (const i of app.selection) circle(context, ...toScreen(side, side.x[i], side.y[i]), 3.5);
  }
  context.stroke();
  if (app.lasso?.side !== side.place) return;
  context.setLineDash([6, 4]);
  context.lineWidth = 2;
  context.beginPath();
  for (const [x, y] of app.lasso.points) context.lineTo(...toScreen(side, x, y));
  context.closePath();
  context.stroke();
  context.setLineDash([]);
}

/** The straight line in dashes and the geodesic, with a dot for each image, and the path's ends. */
function drawPath(side, context) {
  if (app.path?.side !== side.place) return;
  const { start, end, found } = app.path;
  const { paper, accent } = app.colours;
  const { straight, geodesic } = pathPoints();
  drawLine(side, context, [start, end], [8, 6]);
  drawDots(side, context, straight, 3, paper);
  if (found) {
    drawLine(side, context, found.curve, []);
    drawDots(side, context, geodesic, 3, accent);
  }
  drawDots(side, context, [start, end], 6, paper);
}

function drawLine(side, context, line, dashes) {
  context.beginPath();
  for (const point of line) context.lineTo(...toScreen(side, ...point));
  context.strokeStyle = app.colours.paper;
  context.lineWidth = 6;
  context.stroke();
  context.strokeStyle = app.colours.accent;
  context.lineWidth = 2.5;
  context.setLineDash(dashes);
  context.stroke();
  context.setLineDash([]);
}

function drawDots(side, context, dots, radius, colour) {
  context.beginPath();
  for (const dot of dots) circle(context, ...toScreen(side, ...dot), radius);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 2;
  context.stroke();
}

function circle(context, left, top, radius) {
  context.moveTo(left + radius, top);
  context.arc(left, top, radius, 0, 2 * Math.PI);
}

function cross(context, left, top, size) {
  context.moveTo(left - size, top);
  context.lineTo(left + size, top);
  context.moveTo(left, top - size);
  context.lineTo(left, top + size);
}
