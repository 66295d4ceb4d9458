"""A penalty on decoders that magnify some places of latent space more than others."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from jaxae.geometry import Decoder
from jaxae.geometry.metric import metric_at

# What is added to the eigenvalues of G, relative to their sum and to its mean over the points.
# Float32 does not resolve smaller ones, and at 0, where units are dead or pixels saturated, the
# logarithm has no gradient.
_FLOOR = 1e-6
# Below this mean trace the decoder is taken to be constant around all points.
_LEAST_MEAN = 1e-30


def log_det_variance(decoder: Decoder, z: jax.Array, mask: ArrayLike) -> jax.Array:
    """Return the variance over points of log det G, where G = JᵀJ is the pull-back metric.

    It is 0 if the decoder magnifies all places alike, as an affine one does, and does not change if
    z is rescaled (Nazari, Damrich and Hamprecht 2023, "Geometric autoencoders: what you see is what
    you decode"). The gradient reaches the decoder and the points.

    Args:
      decoder: maps one point, shape (latent_dim,), to an array.
      z: points, float32 of shape (n, latent_dim).
      mask: shape (n,), 0 for points to leave out, 1 for the others.
    """
    return variance_of_log_det(jax.vmap(lambda point: metric_at(decoder, point))(z), mask)


def variance_of_log_det(g: jax.Array, mask: ArrayLike) -> jax.Array:
    """Return the variance over points of log det G, where a singular G is not infinitely far off.

    A millionth of the trace of G, and as much of its mean over the points, is added to the
    eigenvalues of G.

    Args:
      g: G at each point, shape (n, latent_dim, latent_dim).
      mask: as for `log_det_variance`.
    """
    count = jnp.maximum(jnp.sum(mask), 1)
    # A common factor shifts all log det alike; this one keeps determinants from underflowing.
    scale = lax.stop_gradient(jnp.sum(jnp.trace(g, axis1=1, axis2=2) * mask) / count)
    g /= jnp.where(scale > _LEAST_MEAN, scale, 1)
    log_det = jax.vmap(_log_det)(g)
    mean = jnp.sum(log_det * mask) / count
    return jnp.sum(jnp.square(log_det - mean) * mask) / count


def _log_det(g: jax.Array) -> jax.Array:
    floor = _FLOOR * (1 + jnp.trace(g))
    found: jax.Array = jnp.linalg.slogdet(g + floor * jnp.eye(len(g)))[1]
    return found
