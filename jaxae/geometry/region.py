"""The part of latent space in which curves may run."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

Array = npt.NDArray[np.float64]

# The number of facets is padded to a multiple of this, so that clouds share a compiled program.
_FACETS = 64
# Qhull's time grows with the number of facets, which explodes with the number of dimensions.
HULL_DIMENSIONS = 5
# A cloud is flat if its width is less than this share of its length, about float32's precision.
_FLAT = 1e-6


class Region(NamedTuple):
    """A convex region {z : normals · z ≤ offsets}, or all of latent space.

    Attributes:
      normals: unit normals of its facets, outwards, shape (facets, latent_dim); none if unbounded.
      offsets: shape (facets,).
      widths: of the region across each facet, above 0, shape (facets,).
      low: lower corner of the box to search for curves, shape (latent_dim,).
      high: its upper corner.
    """

    normals: Array
    offsets: Array
    widths: Array
    low: Array
    high: Array

    @property
    def extent(self) -> float:
        """The longest side of the box, above 0."""
        return float(np.max(self.high - self.low)) or 1.0

    def padded_facets(self) -> tuple[Array, Array]:
        """Return normals and offsets in units of the widths, and facets that exclude nothing."""
        missing = -len(self.offsets) % _FACETS
        return (
            np.pad(self.normals / self.widths[:, None], ((0, missing), (0, 0))),
            np.pad(self.offsets / self.widths, (0, missing), constant_values=np.inf),
        )

    def excess(self, z: npt.NDArray[np.floating]) -> Array:
        """Return how far points, shape (n, latent_dim), lie outside a facet at most; ≤ 0 inside."""
        return np.max(z @ self.normals.T - self.offsets, axis=1, initial=-np.inf)


def everywhere(ends: Array) -> Region:
    """Return latent space without bounds; to search, a box of twice the size around some points."""
    low, high = ends.min(axis=0), ends.max(axis=0)
    margin = np.max(high - low) / 2
    latent_dim = len(low)
    return Region(np.zeros((0, latent_dim)), np.zeros(0), np.zeros(0), low - margin, high + margin)


def has_hull(cloud: npt.NDArray[np.floating]) -> bool:
    """Return whether a cloud has a volume, and few enough dimensions to compute its hull."""
    latent_dim = cloud.shape[1]
    if latent_dim > HULL_DIMENSIONS:
        return False
    around_mean = cloud - np.mean(cloud, axis=0, dtype=np.float64)
    return bool(np.linalg.matrix_rank(around_mean, rtol=_FLAT) == latent_dim)


def hull_of(cloud: Array) -> Region:
    """Return the convex hull of a cloud, shape (n, latent_dim).

    Raises:
      ValueError: it has no points or no volume, or more than five dimensions.
    """
    if len(cloud) == 0:
        raise ValueError("within has no points; expected a cloud with a hull")
    latent_dim = cloud.shape[1]
    low, high = cloud.min(axis=0), cloud.max(axis=0)
    if latent_dim > HULL_DIMENSIONS:
        raise ValueError(
            f"within has {latent_dim} dimensions; its hull takes too long to compute in more than "
            f"{HULL_DIMENSIONS}, so pass within=None"
        )
    if latent_dim == 1:
        offsets, width = np.array([high[0], -low[0]]), high - low or np.ones(1)
        return Region(np.array([[1.0], [-1.0]]), offsets, np.repeat(width, 2), low, high)
    try:
        hull = ConvexHull(cloud)
    except (QhullError, ValueError):
        raise ValueError(
            f"within has {len(cloud)} points on a line or plane; expected a cloud with a hull"
        ) from None
    facets, corners = np.unique(hull.equations, axis=0), cloud[hull.vertices]
    # One at a time: in five dimensions there are thousands of each.
    widths = np.array([np.ptp(corners @ facet[:-1]) for facet in facets])
    return Region(facets[:, :-1], -facets[:, -1], widths, low, high)
