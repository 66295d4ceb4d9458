"use strict";

// The names of the classes on the plane.

const NAME = "600 14px system-ui, sans-serif";
const LINE = 16; // pixels from one name to the next below it

/**
 * The classes that are shown: each with the pixel in the middle of its name, at the median of its
 * embeddings, or beside it where names would overlap.
 */
function namesOf(side) {
  side.medians ??= app.data.classes.map((_, label) => {
    const median = (values) => values.filter((_, i) => app.data.labels[i] === label).sort();
    const [x, y] = [median(side.x), median(side.y)];
    return x.length ? [x[x.length >> 1], y[y.length >> 1]] : null;
  });
  const context = side.canvas.getContext("2d");
  context.font = NAME;
  const names = app.data.classes.flatMap(({ name }, label) => {
    if (!app.on[label] || !side.medians[label]) return [];
    const [left, top] = toScreen(side, ...side.medians[label]);
    return [{ name, left, top, width: context.measureText(name).width + 3 }];
  });
  for (let round = 0; round < 50 && pushApart(names); round++);
  return names;
}

// Move each two names that overlap apart, the shorter way; whether any did.
function pushApart(names) {
  let found = false;
  for (const [i, a] of names.entries()) {
    for (const b of names.slice(i + 1)) {
      const across = (a.width + b.width) / 2 - Math.abs(a.left - b.left);
      const down = LINE - Math.abs(a.top - b.top);
      if (across < 0.1 || down < 0.1) continue;
      found = true;
      const way = across < down ? "left" : "top";
      const push = (Math.min(across, down) / 2) * (a[way] > b[way] ? 1 : -1);
      a[way] += push;
      b[way] -= push;
    }
  }
  return found;
}

function drawNames(side, context) {
  context.font = NAME;
  context.textAlign = "center";
  for (const { name, left, top } of namesOf(side)) haloed(context, name, left, top + 5);
}
