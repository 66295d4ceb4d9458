"use strict";

// Shortest paths on a grid over the cloud, from which geodesics start, as in jaxae.geometry.

const NODES = 64; // along each side of the grid
const JOINTS = 4; // nodes to which an end of a path is joined
// Steps to those neighbours of a node that are decoded before it. There are 16 directions with the
// opposite ones, so that paths are at most 3 % longer than straight lines.
const BACK = [
  [-1, 0],
  [0, -1],
  [-1, -1],
  [1, -1],
  [-2, -1],
  [2, -1],
  [-1, -2],
  [1, -2],
];

/** The grid of a side: its nodes and their neighbours. Pauses after each node that it decodes. */
function* graphOf(side) {
  side.making ??= makeGraph(side);
  while (!side.graph) {
    side.making.next();
    yield;
  }
  return side.graph;
}

function* makeGraph(side) {
  const { limits, facets } = regionOf(side, []);
  const [points, edges, images, numbers] = [[], [], [], []];
  for (let place = 0; place < NODES ** 2; place++) {
    const [column, row] = [place % NODES, Math.floor(place / NODES)];
    const point = [column, row].map((step, k) => {
      const [low, high] = limits[k];
      return low + ((high - low) * step) / (NODES - 1);
    });
    if (facets.some((facet) => excess(facet, point) > 0)) continue;
    const own = points.length;
    numbers[place] = own;
    points.push(point);
    edges.push([]);
    images.push(decodeAt(side, ...point));
    images[own - 3 * NODES] = null; // Too far back to be a neighbour.
    for (const [across, up] of BACK) {
      const other = numbers[place + up * NODES + across];
      const isInside = column + across >= 0 && column + across < NODES;
      if (other === undefined || !isInside) continue;
      const length = distance(images[own], images[other]);
      edges[own].push([other, length]);
      edges[other].push([own, length]);
    }
    yield;
  }
  side.graph = { points, edges };
}

/**
 * Find the shortest path from start to end through the grid (Dijkstra).
 *
 * @returns {{curve: number[][], along: number[]}} its points, and how far along it they are,
 *   measured on images
 */
function pathThrough(side, { points, edges }, start, end) {
  const far = new Float64Array(points.length).fill(Infinity);
  const before = new Int32Array(points.length).fill(-1);
  const done = new Uint8Array(points.length);
  const onward = new Map(jointsOf(side, points, end));
  let [last, total] = [-1, Infinity];
  for (const [node, length] of jointsOf(side, points, start)) far[node] = length;
  for (;;) {
    let next = -1;
    for (let node = 0; node < far.length; node++) {
      if (!done[node] && far[node] < (next < 0 ? total : far[next])) next = node;
    }
    if (next < 0) break;
    done[next] = 1;
    const whole = far[next] + (onward.get(next) ?? Infinity);
    if (whole < total) [last, total] = [next, whole];
    for (const [node, length] of edges[next]) {
      if (far[next] + length >= far[node]) continue;
      far[node] = far[next] + length;
      before[node] = next;
    }
  }
  if (last < 0) return { curve: [start, end], along: [0, 1] };
  const nodes = [];
  for (let node = last; node >= 0; node = before[node]) nodes.unshift(node);
  return {
    curve: [start, ...nodes.map((node) => points[node]), end],
    along: [0, ...nodes.map((node) => far[node]), total],
  };
}

// The nodes nearest to a point, each with the distance between the images.
function jointsOf(side, points, [x, y]) {
  const image = decodeAt(side, x, y);
  return points
    .map((point, node) => [node, Math.hypot(point[0] - x, point[1] - y)])
    .sort((a, b) => a[1] - b[1])
    .slice(0, JOINTS)
    .map(([node]) => [node, distance(image, decodeAt(side, ...points[node]))]);
}
