"use strict";

// Where geodesics may run: the convex hull of the cloud and of their ends.

/** The corners of the convex hull of points [x, y], counterclockwise (Andrew's monotone chain). */
function hullOf(points) {
  const sorted = [...points].sort(([ax, ay], [bx, by]) => ax - bx || ay - by);
  return [...chainOf(sorted), ...chainOf(sorted.reverse())];
}

// The corners to the right of the line from the first of some sorted points to the last.
function chainOf(points) {
  const chain = [];
  for (const point of points) {
    while (chain.length > 1 && turn(chain.at(-2), chain.at(-1), point) <= 0) chain.pop();
    chain.push(point);
  }
  return chain.slice(0, -1);
}

// Above 0 if the way from a over b to c turns left.
function turn([ax, ay], [bx, by], [cx, cy]) {
  return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
}

/** The hull of a side's cloud and of more points: its facets and its limits. */
function regionOf(side, more) {
  side.hull ??= hullOf(Array.from(side.x, (x, i) => [x, side.y[i]]));
  const corners = hullOf([...side.hull, ...more]);
  const limits = [0, 1].map((k) => limitsOf(corners.map((corner) => corner[k])));
  // A cloud on a line sets no bounds.
  const facets =
    corners.length < 3 ? [] : corners.map((corner, i) => facetOf(corners.at(i - 1), corner));
  for (const facet of facets) {
    facet.width = Math.max(...corners.map((corner) => -excess(facet, corner)));
  }
  return { facets, limits };
}

function facetOf([x0, y0], [x1, y1]) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  const normal = [(y1 - y0) / length, (x0 - x1) / length];
  return { normal, offset: normal[0] * x1 + normal[1] * y1 };
}

/** How far a point lies outside of a facet; below 0 inside. */
function excess({ normal, offset }, [x, y]) {
  return normal[0] * x + normal[1] * y - offset;
}
