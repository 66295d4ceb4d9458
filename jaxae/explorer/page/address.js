"use strict";

// The view in the address, after "#".

const WAIT = 300; // milliseconds; browsers limit how often the address may change

/** Write the view into the address, soon. */
function remember() {
  clearTimeout(app.remembering);
  app.remembering = setTimeout(() => history.replaceState(null, "", `#${addressOf()}`), WAIT);
}

function addressOf() {
  const state = new URLSearchParams();
  const numbers = (...values) => values.map((value) => Number(value.toPrecision(6))).join(" ");
  for (const side of app.data.sides) {
    const { place, view } = side;
    state.set(`view${place}`, numbers(view.x, view.y, view.scale / side.least));
    if (app.grid) state.set(`box${place}`, numbers(...side.box));
  }
  const off = app.on.flatMap((on, label) => (on ? [] : [label]));
  if (off.length) state.set("off", off.join(" "));
  if (app.split !== "all") state.set("split", app.split);
  if (app.layer !== "none") state.set("layer", app.layer);
  if (app.tool !== "probe") state.set("tool", app.tool);
  if (app.held) state.set("probe", numbers(app.probe.side, app.probe.x, app.probe.y));
  if (app.path) {
    const { side, start, end, moving } = app.path;
    state.set("path", numbers(side, ...start, ...(moving === "end" ? [] : end)));
  }
  return state;
}

/** Restore the view from the address; what it lacks, or has wrong, gets its default. */
function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  const numbers = (name, ...counts) => {
    const found = (state.get(name) ?? "").split(" ").map(Number);
    // The page decodes in single precision, in which larger numbers are infinite.
    const areFinite = found.every((value) => Number.isFinite(Math.fround(value)));
    return counts.includes(found.length) && areFinite && state.has(name) ? found : null;
  };
  for (const side of app.data.sides) {
    const [x, y, scale] = numbers(`view${side.place}`, 3) ?? [];
    side.view =
      scale > 0 ? { x, y, scale: scale * side.least } : fittedView(side, side.width, side.height);
    side.bitmap = null;
    setBox(side, numbers(`box${side.place}`, 4) ?? side.box);
  }
  app.grid = state.has("box0");
  const off = (state.get("off") ?? "").split(" ").filter(Boolean).map(Number);
  app.on = app.data.classes.map((_, label) => !off.includes(label));
  for (const name of ["split", "layer", "tool"]) {
    const choice = document.querySelector(
      `[name=${name}][value="${CSS.escape(state.get(name) ?? "")}"]`,
    );
    app[name] = choice ? choice.value : DEFAULTS[name];
  }
  app.path = null;
  const isSide = (place) => place in app.data.sides;
  const probe = numbers("probe", 3);
  app.held = Boolean(probe && isSide(probe[0]));
  const [place, x, y] = app.held ? probe : [0, app.data.sides[0].view.x, app.data.sides[0].view.y];
  setProbe({ side: place, x, y });
  const path = numbers("path", 3, 5);
  if (path && isSide(path[0])) {
    const hasEnd = path.length === 5;
    app.path = {
      side: path[0],
      start: path.slice(1, 3),
      end: hasEnd ? path.slice(3) : path.slice(1),
      moving: hasEnd ? null : "end",
    };
  }
  showPath();
  showControls();
}
