"""Shortest paths on a grid of latent points, as starts for shortest curves."""

import itertools
import math

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from jaxae.geometry.decoders import Decoder, images_of
from jaxae.geometry.region import Region

Array = npt.NDArray[np.float64]

_NODES = 4096
# A step of the grid goes up to two nodes in each dimension: 16 directions on a plane, so that paths
# are at most 3 % longer than straight lines.
_REACH = 2
# In higher dimensions the grid would be too coarse.
MOST_DIMENSIONS = 3


def grid_paths(decoder: Decoder, ends: Array, region: Region, n: int) -> Array:
    """Find the shortest paths between pairs of points on a grid that covers a region (Dijkstra).

    Args:
      decoder: gives the length of an edge, the distance between the images of its nodes.
      ends: pairs of points in the region, shape (pairs, 2, latent_dim), latent_dim ≤ 3.
      region: where nodes may lie.
      n: points to return for each path.

    Returns:
      Points at equal distances along each path, measured on images, shape (pairs, n, latent_dim). A
      path is the straight line where the grid does not connect the pair.
    """
    nodes, edges = _grid(region)
    pairs, _, latent_dim = ends.shape
    z = np.concatenate([nodes, ends.reshape(-1, latent_dim)])
    # Each end is joined to the corners of the cell around it.
    corners = min(2**latent_dim, len(nodes))
    near = KDTree(nodes).query(z[len(nodes) :], k=range(1, corners + 1))[1] if corners else []
    own = np.repeat(np.arange(len(nodes), len(z)), corners)
    edges = np.concatenate([edges, np.stack([own, np.reshape(near, -1)], axis=1).astype(int)])
    images, scales = images_of(decoder, z)

    def steps(edges: npt.NDArray[np.integer]) -> npt.NDArray[np.floating]:
        first, second = edges.T
        lengths = np.linalg.norm(images[second] - images[first], axis=1)
        return lengths * (scales[first] + scales[second]) / 2

    lengths = np.concatenate(
        [steps(part) for part in np.array_split(edges, len(edges) // _NODES + 1)]
    )
    # Before SciPy 1.15, `dijkstra` takes only indices of 32 bits.
    indices = tuple(edges.T.astype(np.int32))
    graph = coo_array((lengths, indices), shape=(len(z), len(z))).tocsr()
    starts = len(nodes) + 2 * np.arange(pairs)
    _, before = dijkstra(graph, directed=False, indices=starts, return_predecessors=True)
    paths = [_path(before[k], int(start), int(start) + 1) for k, start in enumerate(starts)]
    return np.stack([_resampled(z[path], steps(sliding_window_view(path, 2)), n) for path in paths])


def _grid(region: Region) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return the nodes in a region, shape (nodes, latent_dim), and pairs of neighbours."""
    latent_dim = len(region.low)
    side = round(_NODES ** (1 / latent_dim))
    axes = [np.linspace(low, high, side) for low, high in zip(region.low, region.high, strict=True)]
    z = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    inside = region.excess(z.reshape(-1, latent_dim)).reshape(z.shape[:-1]) <= 0
    number = np.where(inside, np.cumsum(inside).reshape(inside.shape) - 1, -1)
    edges = []
    for step in itertools.product(range(-_REACH, _REACH + 1), repeat=latent_dim):
        # Each direction once, and no step that is a multiple of a shorter one.
        if step > (0,) * latent_dim and math.gcd(*step) == 1:
            first = number[tuple(slice(max(0, -s), min(side, side - s)) for s in step)]
            second = number[tuple(slice(max(0, s), min(side, side + s)) for s in step)]
            edges.append(np.stack([first, second], axis=-1)[(first >= 0) & (second >= 0)])
    return z[inside], np.concatenate(edges)


def _path(before: npt.NDArray[np.integer], start: int, end: int) -> list[int]:
    """Follow a row of SciPy's predecessors from the end; below 0, there is none."""
    path = [end]
    while path[-1] != start and before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return path[::-1] if path[-1] == start else [start, end]


def _resampled(z: Array, steps: npt.NDArray[np.floating], n: int) -> Array:
    """Return n points at equal image distances along a path, or latent ones if images are equal.

    Args:
      z: the nodes of the path, shape (nodes, latent_dim).
      steps: image distances between them, shape (nodes − 1,).
      n: number of points.
    """
    if not steps.any():
        steps = np.linalg.norm(np.diff(z, axis=0), axis=1)
    along = np.append(0, np.cumsum(steps))
    at = np.linspace(0, along[-1], n)
    return np.stack([np.interp(at, along, column) for column in z.T], axis=1)
