"""The pull-back metric of a decoder, and numbers that follow from it."""

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from jaxae.geometry.decoders import Decoder, as_points, for_each, jacobian


def metric(decoder: Decoder, z: ArrayLike) -> jax.Array:
    """Return the pull-back metric G = JᵀJ, where J is the decoder's Jacobian at z.

    A small step δ in latent space moves the image by √(δᵀ G δ), the root of the summed squared
    difference over its pixels.

    Args:
      decoder: maps one point, shape (latent_dim,), to an array; a model's `decoder` is one.
      z: points of shape (..., latent_dim).

    Returns:
      Shape (..., latent_dim, latent_dim).

    Raises:
      ValueError: z has no axes, or a value that is not a finite number.

    Example:
      >>> a = jnp.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
      >>> jaxae.geometry.metric(lambda z: a @ z, [5.0, 7.0])  # AᵀA, wherever z is
      Array([[1., 0.],
             [0., 4.]], dtype=float32)
    """
    return for_each(metric_at, decoder, as_points(z, "z", axes=1), axes=1)


def log_magnification(decoder: Decoder, z: ArrayLike) -> jax.Array:
    """Return ½ log det G = Σ log σ, where σ are the singular values of the decoder's Jacobian at z.

    Its exponential is the area of images per area of latent space (Bishop, Svensén and Williams
    1997, Magnification factors for the SOM and GTM algorithms).

    Args:
      decoder: as for `metric`.
      z: points of shape (..., latent_dim).

    Returns:
      Shape (...). It is finite even where G is singular, because a singular value below the
      smallest normal number of its type counts as that number, whose logarithm is −87.3 in float32.

    Raises:
      ValueError: as for `metric`.

    Example:
      >>> change = jaxae.geometry.log_magnification(lambda z: z**2, [[1.0, 3.0], [0.5, 0.5]])
      >>> np.exp(change).round(3)  # |2 z₁ · 2 z₂|
      array([12.,  1.], dtype=float32)
    """
    return for_each(_log_magnification, decoder, as_points(z, "z", axes=1), axes=1)


def condition_number(decoder: Decoder, z: ArrayLike) -> jax.Array:
    """Return the ratio of the largest singular value of the decoder's Jacobian to the smallest.

    It is the ratio of the axes of an indicatrix, and the root of the condition number of G.

    Args:
      decoder: as for `metric`.
      z: points of shape (..., latent_dim).

    Returns:
      Shape (...), 1 (all directions alike) to ∞ (G is singular).

    Raises:
      ValueError: as for `metric`.

    Example:
      >>> ratios = jaxae.geometry.condition_number(lambda z: z**2, [[1.0, 3.0], [0.0, 1.0]])
      >>> np.asarray(ratios).round(3)
      array([ 3., inf], dtype=float32)
    """
    return for_each(_condition_number, decoder, as_points(z, "z", axes=1), axes=1)


def metric_at(decoder: Decoder, z: jax.Array) -> jax.Array:
    """Return G at one z, shape (latent_dim,), inside a function that is compiled as a whole."""
    j = jacobian(decoder, z)
    return jnp.matmul(j.T, j, precision="float32")


def _singular_values(decoder: Decoder, z: jax.Array) -> jax.Array:
    # Those of J, because the eigenvalues of JᵀJ lose half of the digits.
    found = jnp.linalg.svd(jacobian(decoder, z), compute_uv=False)
    return jnp.pad(found, (0, len(z) - len(found)))  # There are fewer if there are few pixels.


def _log_magnification(decoder: Decoder, z: jax.Array) -> jax.Array:
    values = _singular_values(decoder, z)
    return jnp.sum(jnp.log(jnp.maximum(values, jnp.finfo(values.dtype).tiny)))


def _condition_number(decoder: Decoder, z: jax.Array) -> jax.Array:
    values = _singular_values(decoder, z)
    smallest = jnp.where(values[-1] == 0, 1, values[-1])
    return jnp.where(values[-1] == 0, jnp.inf, values[0] / smallest)
