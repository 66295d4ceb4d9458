"use strict";

// Mouse, fingers and keys on a plane.

const CLICK = 5; // pixels that a click may move

function listen(side) {
  const { canvas } = side;
  const touches = new Map();
  let drag = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button === 2) return; // It opens the browser's menu.
    canvas.setPointerCapture(event.pointerId);
    touches.set(event.pointerId, at(event));
    drag = startDrag(side, event, at(event), touches.size);
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = at(event);
    const before = touches.get(event.pointerId);
    if (!before) {
      canvas.style.cursor = cursorAt(side, now);
      if (!app.held) probeAt(side, now);
      return;
    }
    if (touches.size === 2) {
      const other = [...touches].find(([id]) => id !== event.pointerId)[1];
      pinch(side, before, now, other);
    } else if (drag) {
      drag.far ||= Math.hypot(now[0] - drag.start[0], now[1] - drag.start[1]) > CLICK;
      if (drag.far) moveDrag(side, drag, before, now);
    }
    touches.set(event.pointerId, now);
  });
  for (const type of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(type, (event) => {
      touches.delete(event.pointerId);
      if (drag && type === "pointerup") endDrag(side, drag, at(event));
      drag = null;
    });
  }
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(side, Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...at(event));
      redraw();
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => press(side, event));
}

// What a drag will do: move an end of the path or the box, draw the lasso, move the plane, or move the probe (a finger).
function startDrag(side, event, start, fingers) {
  if (fingers > 1) return null;
  const end = endAt(side, ...start);
  if (end) return { kind: "end", end, start };
  const limits = handleAt(side, ...start);
  if (limits) return { kind: "box", limits, start };
  if (app.tool === "lasso") return { kind: "lasso", start };
  return { kind: event.pointerType === "mouse" ? "plane" : "probe", start };
}

function moveDrag(side, drag, before, now) {
  const [right, down] = [now[0] - before[0], now[1] - before[1]];
  const [x, y] = toPlane(side, ...now);
  if (drag.kind === "box")
    moveBox(side, drag.limits, right / side.view.scale, -down / side.view.scale);
  if (drag.kind === "plane") pan(side, right, down);
  if (drag.kind === "end") app.path.moving = drag.end;
  if (drag.kind === "end" || drag.kind === "probe") probeAt(side, now);
  if (drag.kind === "lasso") {
    drag.outline ??= [toPlane(side, ...drag.start)];
    drag.outline.push([x, y]);
    app.lasso = { side: side.place, points: drag.outline };
  }
  redraw();
}

function endDrag(side, drag, now) {
  if (drag.kind === "lasso" && drag.outline) selectWithin(side, drag.outline);
  else if (drag.kind === "end" && drag.far) dropEnd();
  else if (!drag.far && drag.kind !== "box") click(side, ...toPlane(side, ...now));
  remember();
}

function probeAt(side, at) {
  const [x, y] = toPlane(side, ...at);
  setProbe({ side: side.place, x, y });
}

function click(side, x, y) {
  if (app.tool === "path") clickPath(side, x, y);
  else {
    app.held = !app.held || app.probe.side !== side.place;
    setProbe({ side: side.place, x, y });
  }
  remember();
}

function pinch(side, before, now, other) {
  const distance = ([left, top]) => Math.hypot(left - other[0], top - other[1]) || 1;
  const middle = ([left, top]) => [(left + other[0]) / 2, (top + other[1]) / 2];
  const [from, to] = [middle(before), middle(now)];
  pan(side, to[0] - from[0], to[1] - from[1]);
  zoom(side, distance(now) / distance(before), ...to);
  redraw();
}

function cursorAt(side, at) {
  if (endAt(side, ...at)) return "grab";
  const limits = handleAt(side, ...at);
  if (!limits) return "crosshair";
  if (limits.length === 4) return "move";
  return (limits[0] === 0) === (limits[1] === 3) ? "nwse-resize" : "nesw-resize";
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function press(side, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { key } = event;
  const probe =
    app.probe.side === side.place
      ? app.probe
      : { side: side.place, x: side.view.x, y: side.view.y };
  if (ARROWS[key]) {
    const step = (event.shiftKey ? 50 : 8) / side.view.scale;
    const [right, up] = ARROWS[key];
    app.held = true;
    setProbe({ ...probe, x: probe.x + right * step, y: probe.y + up * step });
  } else if (key === "+" || key === "=") zoom(side, 1.25);
  else if (key === "-") zoom(side, 0.8);
  else if (key === "0") side.view = fittedView(side, side.width, side.height);
  else if (key === "Enter") click(side, probe.x, probe.y);
  else if (key === "Escape") {
    app.held = false;
    dropEnd();
  } else return;
  event.preventDefault();
  redraw();
}
