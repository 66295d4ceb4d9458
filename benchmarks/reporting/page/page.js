"use strict";

// Seconds of each process and the ratios, by task, in the order of the tables' rows.
const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 18;
const HEIGHT = 28;

const form = document.getElementById("filters");
const log = document.getElementById("log");
const tip = document.getElementById("tip");
const sections = [...document.querySelectorAll("section[data-task]")];
for (const section of sections) {
  const rows = [...section.querySelectorAll("tbody tr")];
  rows.forEach((row, i) => (row.data = DATA[section.dataset.task][i]));
}

// Sorting

function compare(a, b, sign) {
  if (!a.classList.contains("number")) return sign * a.textContent.localeCompare(b.textContent);
  const [x, y] = [a, b].map((cell) => Number(cell.dataset.value ?? NaN));
  // Empty cells stay at the end in either direction.
  return isNaN(x) - isNaN(y) || sign * (x - y);
}

function sort(head) {
  const sign = head.ariaSort === "ascending" ? -1 : 1;
  for (const other of head.parentNode.querySelectorAll("[aria-sort]")) other.ariaSort = "none";
  head.ariaSort = sign === 1 ? "ascending" : "descending";
  const [body, column] = [head.closest("table").tBodies[0], head.cellIndex];
  body.append(...[...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column], sign)));
}

for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => sort(button.parentNode));
}

// Scales

function scaleOf(values, logarithmic, width) {
  const low = logarithmic ? Math.min(...values) : 0;
  const high = Math.max(...values);
  const f = logarithmic ? Math.log : (value) => value;
  const span = f(high) - f(low) || 1;
  const place = (value) => MARGIN + ((width - 2 * MARGIN) * (f(value) - f(low))) / span;
  return { place, ticks: ticksOf(low, high, logarithmic) };
}

// Round values between two: multiples of powers of ten if they span enough, else even steps.
function ticksOf(low, high, logarithmic) {
  const ticks = [];
  if (logarithmic && high / low > 5) {
    const digits = high / low > 1000 ? [1] : high / low > 40 ? [1, 3] : [1, 2, 5];
    for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
      ticks.push(...digits.map((digit) => digit * power));
    }
  } else {
    const rough = (high - low) / 4 || high;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((digit) => digit * power).find((value) => value >= rough);
    for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(i * step);
  }
  return ticks.filter((tick) => low <= tick && tick <= high);
}

function secondsText(value) {
  if (value === 0) return "0";
  const [unit, factor] = value >= 1 ? ["s", 1] : value >= 1e-3 ? ["ms", 1e3] : ["µs", 1e6];
  return `${Number((value * factor).toPrecision(4))} ${unit}`;
}

// Drawing

function add(svg, name, attributes, text = "") {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  svg.append(node);
  return node;
}

function line(svg, kind, x) {
  add(svg, "path", { class: kind, d: `M${x} 0v${HEIGHT}` });
}

function clear(svg, scale) {
  svg.replaceChildren();
  for (const tick of scale.ticks) line(svg, "grid", scale.place(tick));
}

function drawAxis(svg, scale, text) {
  svg.replaceChildren();
  for (const tick of scale.ticks) {
    add(svg, "text", { x: scale.place(tick), y: 12 }, text(tick));
  }
}

// The dots of a row, from the first round at the top to the last.
function drawTimes(svg, row, scale) {
  clear(svg, scale);
  if (row.products !== null) line(svg, "products", scale.place(row.products));
  line(svg, "median", scale.place(row.seconds));
  const last = Math.max(1, ...row.processes.map(({ round }) => round));
  svg.dots = row.processes.map(({ round, seconds, slow }) => {
    const [x, y] = [scale.place(seconds), 5 + ((HEIGHT - 10) * round) / last];
    const node = slow
      ? add(svg, "path", { class: "slow", d: `M${x} ${y - 4.5}l4.5 4.5l-4.5 4.5l-4.5-4.5z` })
      : add(svg, "circle", { class: "process", cx: x, cy: y, r: 3 });
    return { node, text: `round ${round}: ${secondsText(seconds)}${slow ? ", slow machine" : ""}` };
  });
  const texts = svg.dots.map((dot) => dot.text).join("; ");
  svg.setAttribute("aria-label", `${row.framework}, ${svg.dots.length} processes: ${texts}`);
}

function drawRatio(svg, row, scale) {
  clear(svg, scale);
  line(svg, "one", scale.place(1));
  if (row.ratio === null) return;
  const { median, low, high } = row.ratio;
  if (low !== null) {
    const [a, b] = [scale.place(low), scale.place(high)];
    add(svg, "path", { class: "interval", d: `M${a} 14H${b}M${a} 10v8M${b} 10v8` });
  }
  const kind = low !== null && (low > 1 || high < 1) ? "process" : "unclear";
  add(svg, "circle", { class: kind, cx: scale.place(median), cy: 14, r: 4 });
}

function draw(section) {
  const rows = [...section.querySelectorAll("tbody tr:not([hidden])")];
  const seconds = rows.flatMap(({ data }) => [
    data.seconds,
    data.products ?? data.seconds,
    ...data.processes.map(({ seconds }) => seconds),
  ]);
  const ratios = rows.flatMap(({ data: { ratio } }) =>
    ratio ? [ratio.median, ratio.low ?? ratio.median, ratio.high ?? ratio.median] : [],
  );
  const [times, intervals] = section.querySelectorAll("thead svg");
  const time = scaleOf(seconds, log.checked, times.clientWidth);
  const ratio = scaleOf([1, ...ratios], true, intervals.clientWidth);
  drawAxis(times, time, secondsText);
  drawAxis(intervals, ratio, (tick) => Number(tick.toPrecision(3)));
  for (const row of rows) {
    drawTimes(row.querySelector(".times"), row.data, time);
    drawRatio(row.querySelector(".ratios"), row.data, ratio);
  }
}

// Filters, which the address keeps

const kinds = [...form.querySelectorAll("fieldset")];

function members(field) {
  return [...field.querySelectorAll("[data-member]")];
}

function filter() {
  const chosen = {};
  for (const field of kinds) {
    const boxes = members(field);
    const names = boxes.filter((box) => box.checked).map((box) => box.value);
    chosen[field.dataset.kind] = names;
    field.querySelector(".count").textContent = `${names.length} of ${boxes.length}`;
    for (const group of field.querySelectorAll("[data-group]")) {
      const own = boxes.filter((box) => box.dataset.member === group.dataset.group);
      group.checked = own.every((box) => box.checked);
      group.indeterminate = !group.checked && own.some((box) => box.checked);
    }
  }
  for (const section of sections) {
    const rows = [...section.querySelectorAll("tbody tr")];
    for (const row of rows) row.hidden = !chosen.framework.includes(row.dataset.framework);
    section.hidden =
      !chosen.task.includes(section.dataset.task) || rows.every((row) => row.hidden);
    if (!section.hidden) draw(section);
  }
  document.getElementById("nothing").hidden = !sections.every((section) => section.hidden);
}

function remember() {
  const state = new URLSearchParams();
  for (const field of kinds) {
    const boxes = members(field);
    if (boxes.some((box) => box.checked !== box.defaultChecked)) {
      const names = boxes.filter((box) => box.checked).map((box) => box.value);
      state.set(field.dataset.kind, names.join(" "));
    }
  }
  if (!log.checked) state.set("axis", "linear");
  history.replaceState(null, "", `#${state}`);
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const field of kinds) {
    const names = state.get(field.dataset.kind)?.split(" ");
    for (const box of members(field)) {
      box.checked = names ? names.includes(box.value) : box.defaultChecked;
    }
  }
  log.checked = state.get("axis") !== "linear";
  filter();
}

form.addEventListener("change", ({ target }) => {
  for (const box of members(target.closest("fieldset") ?? form)) {
    if (box.dataset.member === target.dataset.group) box.checked = target.checked;
  }
  filter();
  remember();
});
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", recall);
window.addEventListener("resize", filter);
form.hidden = false;
recall();

// A process's round and seconds, by pointer or arrow keys

function choose(svg, index) {
  leave();
  const dot = svg.dots[index];
  dot.node.classList.add("chosen");
  svg.chosen = index;
  tip.textContent = dot.text;
  tip.hidden = false;
  const { left, bottom } = dot.node.getBoundingClientRect();
  tip.style.left = `${Math.min(left, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${bottom + 6}px`;
}

function leave() {
  document.querySelector(".chosen")?.classList.remove("chosen");
  tip.hidden = true;
}

for (const svg of document.querySelectorAll("tbody .times")) {
  svg.addEventListener("pointermove", (event) => {
    const distances = svg.dots.map(({ node }) => {
      const box = node.getBoundingClientRect();
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      return Math.hypot(event.clientX - x, event.clientY - y);
    });
    choose(svg, distances.indexOf(Math.min(...distances)));
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose(svg, Math.min(Math.max(svg.chosen + step, 0), svg.dots.length - 1));
  });
  svg.addEventListener("focus", () => choose(svg, 0));
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
}
