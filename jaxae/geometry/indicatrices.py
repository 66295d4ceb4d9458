"""Tissot's indicatrices: ellipses of equal image distance around points of the latent plane."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike
from scipy.spatial import KDTree

from jaxae.geometry.decoders import Decoder, as_points
from jaxae.geometry.metric import metric

# Of the distance between neighbouring centres: the longer semi-axis of the median ellipse, and of
# the longest one that is shown whole. Two such neighbours just touch.
_MEDIAN, _LONGEST = 0.25, 0.5


class Indicatrices(NamedTuple):
    """Ellipses {z + δ : δᵀ G δ = r²}, on whose edge the image differs by r from that at z.

    Attributes:
      centres: z, shape (n, 2).
      axes: semi-axes δ as columns, the longer first, shape (n, 2, 2). They map a unit circle to the
        ellipse.
      radius: r, in pixels: the root of the summed squared difference.
      is_cut: whether semi-axes would be so long that ellipses would overlap, and were cut to half
        the distance between centres, shape (n,).
    """

    centres: npt.NDArray[np.floating]
    axes: npt.NDArray[np.floating]
    radius: float
    is_cut: npt.NDArray[np.bool_]

    def outlines(self, n: int = 64) -> npt.NDArray[np.floating]:
        """Return n vertices of a closed polygon for each ellipse, shape (len(centres), n, 2)."""
        angle = np.linspace(0, 2 * np.pi, n)
        circle = np.stack([np.cos(angle), np.sin(angle)])
        return self.centres[:, None] + np.swapaxes(self.axes @ circle, 1, 2)


def indicatrices(decoder: Decoder, z: ArrayLike, radius: float | None = None) -> Indicatrices:
    """Compute the ellipses of equal image distance around points of a 2-D latent space.

    They show the pull-back metric as those of Tissot (1881) show the distortion of a map: an
    ellipse is small where images change fast, and long in the direction in which they change least.

    Args:
      decoder: maps one point, shape (2,), to an array; a model's `decoder` is one.
      z: the centres, shape (n, 2), n ≥ 2, all different; points of a grid.
      radius: the image distance, above 0, in pixels. By default, half of the ellipses are at least
        half as long as the distance between neighbouring centres.

    Raises:
      ValueError: z is not of this shape, has fewer than two different points or a value that is
        not finite; a radius that is not positive; or the decoder is constant in some direction
        around most points, so that no radius follows from it.

    Example:
      >>> centres = jaxae.grid_points(jaxae.Box(0, 4, 0, 4), 5).reshape(-1, 2)
      >>> stretch = jnp.array([1.0, 2.0])
      >>> found = jaxae.geometry.indicatrices(lambda z: z * stretch, centres, radius=0.5)
      >>> np.linalg.norm(found.axes[0], axis=0).round(3)  # the semi-axes of an ellipse
      array([0.5 , 0.25], dtype=float32)
    """
    points = as_points(z, "z", axes=2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"z has shape {points.shape}; expected (n, 2), since ellipses are drawn on a plane"
        )
    centres = np.asarray(points)
    if len(np.unique(centres, axis=0)) < 2:
        raise ValueError("z has fewer than two different points; expected the points of a grid")
    spacing = float(np.median(KDTree(np.unique(centres, axis=0)).query(centres, k=2)[0][:, 1]))
    vectors, squares = _principal(metric(decoder, points))
    slowest = np.sqrt(squares[:, 0])
    if radius is None:
        radius = float(_MEDIAN * spacing * np.median(slowest))
        if radius == 0:
            raise ValueError(
                "the decoder is constant in some direction around most points; pass a radius"
            )
    elif not 0 < radius < np.inf:
        raise ValueError(f"radius is {radius}; expected a finite number above 0")
    shortest = radius / (_LONGEST * spacing)
    lengths = radius / np.maximum(np.sqrt(squares), shortest)
    return Indicatrices(centres, vectors * lengths[:, None, :], radius, slowest < shortest)


def _principal(g: jax.Array) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Return the eigenvectors of metrics as columns and their eigenvalues ≥ 0, smallest first."""
    squares, vectors = jnp.linalg.eigh(g)
    return np.asarray(vectors), np.maximum(np.asarray(squares), 0)
