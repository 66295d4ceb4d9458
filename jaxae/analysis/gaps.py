"""Gaps: how much of a region of the plane is far from every embedding."""

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, KDTree, QhullError

from jaxae.analysis.estimates import UndefinedError
from jaxae.latent import Box, Plane, grid_points

Points = npt.NDArray[np.floating]

# Points of the lattice along each side, for an error of the fraction below half a percent.
_LATTICE = 200


def gap_radius(box: Box, n: int = 12) -> float:
    """Return half the spacing of an n×n grid on a box, in latent units: √(Δx Δy) / 2.

    A point with no embedding within this radius lies in a gap.

    Example:
      >>> jaxae.analysis.gap_radius(jaxae.Box(0, 11, 0, 11), n=12)
      0.5
    """
    dx, dy = (box.x_max - box.x_min) / (n - 1), (box.y_max - box.y_min) / (n - 1)
    return float(np.sqrt(dx * dy) if dy > 0 else dx) / 2


def distance_to_nearest(points: Points, z: Points) -> npt.NDArray[np.float64]:
    """Return the distance of each point, shape (m, d), to the nearest row of z, shape (n, d)."""
    distances: npt.NDArray[np.float64] = KDTree(z).query(points)[0]
    return distances


def gap_fraction(z: Points, plane: Plane, box: Box, radius: float) -> float:
    """Estimate the fraction of a box's area with no embedding within a radius, 0 to 1.

    Args:
      z: embeddings of shape (n, latent_dim), n ≥ 1.
      plane: the plane of the box; distances are taken in latent space, not in the plane.
      box: the rectangle, in the plane's coordinates; an interval where the plane has one axis.
      radius: distance in latent units, above 0.

    Example:
      >>> z, box = np.zeros((1, 2)), jaxae.Box(-1, 1, -1, 1)
      >>> share = jaxae.analysis.gap_fraction(z, jaxae.pca_plane(z), box, radius=1)
      >>> round(share, 1)  # of the square outside a circle: 1 − π/4 ≈ 0.21
      0.2
    """
    return float(np.mean(distance_to_nearest(plane.lift(lattice(box, plane)), z) > radius))


def hull_gap_fraction(z: Points, plane: Plane, radius: float) -> float:
    """Compute `gap_fraction` for the convex hull of the cloud, projected onto the plane.

    Raises:
      UndefinedError: the cloud has no extent in some direction, so the hull has no area.
    """
    points = plane.project(z)
    low, high = points.min(axis=0), points.max(axis=0)
    if points.shape[1] == 1:
        if low[0] == high[0]:
            raise UndefinedError("the embeddings are all the same; their hull has no extent")
        return gap_fraction(z, plane, Box(float(low[0]), float(high[0]), 0.0, 0.0), radius)
    try:
        hull = ConvexHull(points)
    except QhullError:
        raise UndefinedError("the embeddings lie on a line; their hull has no area") from None
    around = lattice(Box(float(low[0]), float(high[0]), float(low[1]), float(high[1])), plane)
    inside = np.all(around @ hull.equations[:, :2].T + hull.equations[:, 2] <= 0, axis=1)
    return float(np.mean(distance_to_nearest(plane.lift(around[inside]), z) > radius))


def lattice(box: Box, plane: Plane, n: int = _LATTICE) -> npt.NDArray[np.float64]:
    """Return the points of an n×n grid, shape (n · n, 2), or (n, 1) on a plane of one axis."""
    grid = grid_points(box, n)
    if len(plane.axes) == 1:
        return grid[0, :, :1]
    return grid.reshape(-1, 2)
