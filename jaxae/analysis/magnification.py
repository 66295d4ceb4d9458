"""How unevenly a decoder magnifies latent space, and a class's shape as measured on images.

Both follow from the pull-back metric G = JᵀJ of `jaxae.geometry.metric`, and hardly depend on the
scale of latent space: it is the decoder that says how far apart two points are.
"""

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from jaxae.analysis.estimates import UndefinedError
from jaxae.analysis.shape import Points, elongation
from jaxae.training.flatness import variance_of_log_det


def log_det_variance(metrics: npt.ArrayLike) -> float:
    """Return the variance over points of log det G, 0 if all places are magnified alike.

    It is what `TrainConfig.flatten` penalises (Nazari, Damrich and Hamprecht 2023, "Geometric
    autoencoders: what you see is what you decode"), with the same small floor under G: where G is
    singular, log det G is −∞, and a single dead point would decide the variance.

    Args:
      metrics: G at each point, shape (n, latent_dim, latent_dim), n ≥ 1.

    Raises:
      UndefinedError: the decoder is constant around all points.
    """
    g = jnp.asarray(metrics, jnp.float32)
    if not g.any():
        raise UndefinedError("the decoder is constant around every embedding")
    return float(variance_of_log_det(g, np.ones(len(g), np.float32)))


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
