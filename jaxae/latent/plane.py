"""The plane of latent space that figures show, boxes on it, and grids of points."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Box(NamedTuple):
    """A rectangle of the latent plane, in latent units."""

    x_min: float
    x_max: float
    y_min: float
    y_max: float


LECTURE_BOX = Box(-5.0, 10.0, -10.0, 5.0)


class Plane(NamedTuple):
    """The plane that figures show: a 2-D latent space, or a plane through a larger one.

    Attributes:
      origin: the point shown at (0, 0), shape (latent_dim,).
      axes: orthonormal axes, shape (2, latent_dim), or (1, 1) for a 1-D latent space.
      is_pca: whether the axes are principal components rather than latent dimensions.
    """

    origin: npt.NDArray[np.floating]
    axes: npt.NDArray[np.floating]
    is_pca: bool

    def project(self, z: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Project z, shape (n, latent_dim), to coordinates in the plane, shape (n, 2) or (n, 1)."""
        return (z - self.origin) @ self.axes.T

    def lift(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Map coordinates, shape (n, 2) or (n, 1), to latent points, shape (n, latent_dim)."""
        return self.origin + points @ self.axes


def pca_plane(z: npt.NDArray[np.floating]) -> Plane:
    """Choose the plane in which to show embeddings.

    Args:
      z: embeddings of shape (n, latent_dim).

    Returns:
      For one or two latent dimensions, the latent space itself. For more, the plane through the
      mean along the first two principal components, each with its largest entry positive.
    """
    latent_dim = z.shape[1]
    if latent_dim <= 2:
        return Plane(np.zeros(latent_dim), np.eye(latent_dim), is_pca=False)
    origin = z.mean(axis=0, dtype=np.float64)
    _, _, components = np.linalg.svd(np.cov(z.T.astype(np.float64)))
    axes = components[:2]
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(2), largest])[:, None]
    return Plane(origin, axes, is_pca=True)


latent_plane = pca_plane  # The name of `pca_plane` until 0.1.


def fitted_box(points: npt.NDArray[np.floating]) -> Box:
    """Return the box from the 1st to the 99th percentile of points, shape (n, 2) or (n, 1).

    Example:
      >>> x, y = np.arange(101), 10 * np.arange(101)
      >>> jaxae.fitted_box(np.stack([x, y], axis=1))
      Box(x_min=1.0, x_max=99.0, y_min=10.0, y_max=990.0)
    """
    low, high = np.percentile(points, [1, 99], axis=0)
    if points.shape[1] == 1:
        return Box(float(low[0]), float(high[0]), 0.0, 0.0)
    return Box(float(low[0]), float(high[0]), float(low[1]), float(high[1]))


def grid_points(box: Box, n: int = 12) -> npt.NDArray[np.float64]:
    """Return the points of an n×n grid on a box, edges included.

    Returns:
      float64 array of shape (n, n, 2); entry [row, column] is (x, y), and y grows with the row.

    Raises:
      ValueError: n is below 2, or the box is empty or not finite.

    Example:
      >>> points = jaxae.grid_points(jaxae.Box(0, 1, 0, 2), n=3)
      >>> points[0].tolist()  # the lowest row
      [[0.0, 0.0], [0.5, 0.0], [1.0, 0.0]]
    """
    if n < 2:
        raise ValueError(f"n is {n}; expected 2 or more, since the edges of the box are included")
    if not (np.isfinite(box).all() and box.x_min < box.x_max and box.y_min <= box.y_max):
        raise ValueError(f"{box} is not a box; expected finite x_min < x_max and y_min ≤ y_max")
    x, y = np.meshgrid(np.linspace(box.x_min, box.x_max, n), np.linspace(box.y_min, box.y_max, n))
    return np.stack([x, y], axis=-1)
