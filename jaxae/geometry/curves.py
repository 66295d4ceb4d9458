"""Length and energy of curves in latent space, measured on what they decode to."""

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from jaxae.geometry.decoders import Decoder, as_points, displacements, for_each


def curve_length(decoder: Decoder, points: ArrayLike) -> jax.Array:
    """Return the length Σ ‖f(zᵢ₊₁) − f(zᵢ)‖ of the images along a curve in latent space.

    Args:
      decoder: maps one point, shape (latent_dim,), to an array; a model's `decoder` is one.
      points: points along curves, shape (..., n, latent_dim), n ≥ 2.

    Returns:
      Shape (...), in pixels, the root of the summed squared difference.

    Raises:
      ValueError: a wrong shape, or a value that is not a finite number.

    Example:
      >>> scaled = lambda z: 2 * z
      >>> float(jaxae.geometry.curve_length(scaled, [[0, 0], [3, 0], [3, 4]]))
      14.0
    """
    return for_each(length_of, decoder, _as_curves(points), axes=2)


def curve_energy(decoder: Decoder, points: ArrayLike) -> jax.Array:
    """Return the energy (n − 1) Σ ‖f(zᵢ₊₁) − f(zᵢ)‖² of the images along a curve in latent space.

    It is the squared length if all steps are equally long, and more otherwise.

    Args:
      decoder: as for `curve_length`.
      points: as for `curve_length`.

    Returns:
      Shape (...), in units of squared pixels.

    Raises:
      ValueError: as for `curve_length`.

    Example:
      >>> scaled = lambda z: 2 * z
      >>> float(jaxae.geometry.curve_energy(scaled, [[0, 0], [3, 0], [3, 4]]))  # above 14²
      200.0
      >>> float(jaxae.geometry.curve_energy(scaled, [[0, 0], [3.5, 0], [7, 0]]))  # equal steps
      196.0
    """
    return for_each(energy_of, decoder, _as_curves(points), axes=2)


def energy_of(decoder: Decoder, curve: jax.Array) -> jax.Array:
    """Return the energy of one curve; arguments are not checked."""
    return (len(curve) - 1) * jnp.sum(jnp.square(displacements(decoder, curve)))


def length_of(decoder: Decoder, curve: jax.Array) -> jax.Array:
    """Return the length of one curve; arguments are not checked."""
    return jnp.sum(jnp.linalg.norm(displacements(decoder, curve), axis=1))


def _as_curves(points: ArrayLike) -> jax.Array:
    curves = as_points(points, "points", axes=2)
    if curves.shape[-2] < 2:
        raise ValueError(
            f"points has shape {curves.shape}; expected (..., n, latent_dim) with n of 2 or more"
        )
    return curves
