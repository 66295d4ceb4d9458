"""How unevenly a decoder magnifies latent space, and a class's shape as measured on images.

Both follow from the pull-back metric G = JᵀJ of `jaxae.geometry.metric`, and hardly depend on the
scale of latent space: it is the decoder that says how far apart two points are.
"""

import numpy as np
import numpy.typing as npt

from jaxae.analysis.estimates import UndefinedError
from jaxae.analysis.shape import Points, elongation

# Added to the eigenvalues of G, relative to their sum, as in the penalty of `--flatten`.
_FLOOR = 1e-6


def log_det_variance(metrics: npt.ArrayLike) -> float:
    """Return the variance over points of log det G, 0 if all places are magnified alike.

    It is the penalty of Nazari, Damrich and Hamprecht (2023), "Geometric autoencoders: what you see
    is what you decode". Where G is singular, log det G is −∞, and a single dead point would decide
    the variance. So a millionth of the trace of G, plus as much of its mean over the points, is
    added to each eigenvalue first.

    Args:
      metrics: G at each point, shape (n, latent_dim, latent_dim), n ≥ 1.

    Raises:
      UndefinedError: the decoder is constant around all points.
    """
    g = np.asarray(metrics, np.float64)
    trace = np.trace(g, axis1=1, axis2=2)
    if trace.max() == 0:
        raise UndefinedError("the decoder is constant around every embedding")
    floor = _FLOOR * (trace + trace.mean())
    _, log_det = np.linalg.slogdet(g + floor[:, None, None] * np.eye(g.shape[-1])[None])
    return float(np.var(log_det))


def image_elongation(z: Points, metrics: npt.ArrayLike) -> float:
    """Return the `elongation` of a cloud with lengths measured on images, 1 (round) to ∞ (a line).

    Lengths are those of the mean of G over the cloud. For an affine decoder, this is the ratio of
    the two largest principal deviations of the decoded images. It does not change under a linear
    change of coordinates z → Az, which turns any cloud into a strip.

    Args:
      z: points of shape (n, latent_dim), latent_dim ≥ 2 and n > latent_dim + 1.
      metrics: G at each of them, shape (n, latent_dim, latent_dim).

    Raises:
      UndefinedError: as for `elongation`.
    """
    squares, vectors = np.linalg.eigh(np.mean(np.asarray(metrics, np.float64), axis=0))
    return elongation(np.asarray(z, np.float64) @ (vectors * np.sqrt(np.maximum(squares, 0))[None]))
