"use strict";

// The controls beside the planes.

const HINTS = {
  probe: "Point at the plane; click to hold the point.",
  lasso: "Drag around embeddings to select them.",
  path: "Click where the path starts, then where it ends. Drag an end to move it.",
};

function setUpControls() {
  const { classes } = app.data;
  const boxes = document.querySelector("#classes .boxes");
  const counts = classes.map(() => 0);
  for (const label of app.data.labels) counts[label]++;
  classes.forEach(({ name, colour }, label) => {
    const [line, box, dot] = ["label", "input", "span"].map((kind) => document.createElement(kind));
    box.type = "checkbox";
    box.addEventListener("change", () => setClasses((on, k) => (k === label ? box.checked : on)));
    dot.className = "dot";
    dot.style.background = colour;
    line.title = `${counts[label].toLocaleString("en")} embeddings`;
    line.append(box, dot, name);
    boxes.append(line);
  });
  on("all", () => setClasses(() => true));
  on("none", () => setClasses(() => false));
  on("wipe", wipeDrawing);
  on("inside", selectInBox);
  on("csv", () => download("selection.csv", new Blob([csvOf()], { type: "text/csv" })));
  on("unselect", () => {
    app.lasso = null;
    select([]);
  });
  on("reset", () => {
    for (const side of app.data.sides) side.view = fittedView(side, side.width, side.height);
    redraw();
  });
  on("png", async () => download("latent-space.png", await pngOf()));
  on("svg", () => download("latent-space.svg", svgOf()));
  document.getElementById("controls").addEventListener("change", ({ target }) => {
    if (target.type === "radio") app[target.name] = target.value;
    if (target.id === "grid") app.grid = target.checked;
    if (target.name === "split") repaint();
    if (target.name === "tool") dropEnd();
    showControls();
    redraw();
  });
  document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
}

function on(id, action) {
  document.getElementById(id).addEventListener("click", action);
}

function setClasses(choose) {
  app.on = app.on.map(choose);
  repaint();
  showControls();
}

/** Let the controls show the state. */
function showControls() {
  for (const name of ["tool", "split", "layer"]) {
    document.querySelector(`[name=${name}][value=${app[name]}]`).checked = true;
  }
  document
    .querySelectorAll("#classes input")
    .forEach((box, label) => (box.checked = app.on[label]));
  document.getElementById("grid").checked = app.grid;
  document.getElementById("hint").textContent = HINTS[app.tool];
  for (const side of app.data.sides) side.section.querySelector(".limits").hidden = !app.grid;
  showScale();
}
