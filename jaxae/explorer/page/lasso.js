"use strict";

// Examples selected with a lasso or with the sampling box, and their list as CSV.

/** Select the examples of a side whose embedding lies within an outline. */
function selectWithin(side, outline) {
  select([...app.data.labels.keys()].filter((i) => isWithin(side.x[i], side.y[i], outline)));
}

function select(examples) {
  app.selection = examples.filter((i) => isShown(i) && isInSplit(i));
  const counts = app.data.classes
    .map(({ name }, label) => [
      name,
      app.selection.filter((i) => app.data.labels[i] === label).length,
    ])
    .filter(([, count]) => count);
  const words = counts.map(([name, count]) => `${name}: ${count.toLocaleString("en")}`).join(", ");
  const count = app.selection.length;
  document.getElementById("selected").textContent = count
    ? `${count.toLocaleString("en")} selected (${words}).`
    : "No examples selected.";
  for (const id of ["csv", "unselect"]) document.getElementById(id).disabled = !count;
  redraw();
}

function selectInBox() {
  const side = app.data.sides[app.probe.side];
  const [x0, x1, y0, y1] = side.box;
  app.lasso = null;
  selectWithin(side, [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
  ]);
}

// Whether a ray from the point crosses the outline an odd number of times.
function isWithin(x, y, outline) {
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
    const [[ax, ay], [bx, by]] = [outline[i], outline[j]];
    if (ay > y !== by > y && x < ax + ((bx - ax) * (y - ay)) / (by - ay)) inside = !inside;
  }
  return inside;
}

/** The selection as CSV: the data set's own numbers, classes, and coordinates in each plane. */
function csvOf() {
  const { sides } = app.data;
  const columns = sides.flatMap(({ name }) =>
    sides.length > 1 ? [`x ${name}`, `y ${name}`] : ["x", "y"],
  );
  const rows = app.selection.map((i) => {
    const { split, number, label } = nameOf(i);
    return [split, number, label, ...sides.flatMap((side) => [side.x[i], side.y[i]])];
  });
  const quoted = (value) =>
    /[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value;
  const lines = [["split", "index", "class", ...columns], ...rows];
  return lines.map((line) => `${line.map(quoted).join(",")}\n`).join("");
}
