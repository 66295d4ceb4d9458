"""What the geometry is computed from: a decoder, its Jacobian, and points of latent space."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax
from numpy.typing import ArrayLike

# Maps z, shape (latent_dim,), to an array of any shape.
Decoder = Callable[[jax.Array], jax.Array]

# Points whose images are in memory at the same time.
_CHUNK = 1024


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Weighted:
    """A decoder whose metric is multiplied by a weight w(z) > 0: distances by √w(z).

    Attributes:
      decoder: a pytree.
      weight: maps one z to w(z), a scalar; a pytree.
    """

    decoder: Decoder
    weight: Callable[[jax.Array], jax.Array]

    def __call__(self, z: jax.Array) -> jax.Array:
        """Decode one z."""
        return self.decoder(z)


def as_points(z: ArrayLike, name: str, axes: int) -> jax.Array:
    """Return z as an array of floats; raise ValueError unless it has `axes` axes and is finite.

    A traced array, as inside `jax.jit`, is not checked for values that are not finite.
    """
    points = jnp.asarray(z)
    if not jnp.issubdtype(points.dtype, jnp.floating):
        points = points.astype(float)
    if points.ndim < axes or points.shape[-1] == 0:
        expected = ("(..., latent_dim)", "(..., n, latent_dim)")[axes - 1]
        raise ValueError(f"{name} has shape {points.shape}; expected {expected}")
    if not isinstance(points, jax.core.Tracer) and not np.isfinite(points).all():
        raise ValueError(f"{name} has a value that is NaN or infinite; expected finite numbers")
    return points


def as_pytree(decoder: Decoder) -> Any:
    """Return a decoder as an argument for compiled functions, which then fit any parameters.

    A Flax module is one already. A plain function, with all that it refers to, is a constant.
    """
    if all(isinstance(leaf, jax.Array | np.ndarray) for leaf in jax.tree.leaves(decoder)):
        return decoder
    return jax.tree_util.Partial(decoder)


def jacobian(decoder: Decoder, z: jax.Array) -> jax.Array:
    """Return ∂f/∂z at one z, shape (pixels, latent_dim), by forward mode, times √w(z)."""
    return _scale(decoder, z) * jax.jacfwd(lambda z: _image(decoder, z))(z)


def images_of(
    decoder: Decoder, z: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Return the images of points, shape (n, latent_dim), as rows of pixels, and their √w(z)."""
    images, scales = for_each(_scaled_image, decoder, jnp.asarray(z), axes=1)
    return np.asarray(images), np.asarray(scales)


def displacements(decoder: Decoder, curve: jax.Array) -> jax.Array:
    """Return f(zᵢ₊₁) − f(zᵢ) along one curve, shape (n, latent_dim), as (n − 1, pixels).

    If the decoder is weighted, each is multiplied by the mean of √w at its ends.
    """
    images, scales = jax.vmap(lambda z: _scaled_image(decoder, z))(curve)
    return jnp.diff(images, axis=0) * ((scales[1:] + scales[:-1]) / 2)[:, None]


def for_each(
    function: Callable[[Decoder, jax.Array], Any], decoder: Decoder, z: jax.Array, axes: int
) -> Any:
    """Apply a function to a decoder and each item of z, which is an array of `axes` axes.

    The function should come from the top level of a module: it is compiled once per shape.
    """
    leading, item = z.shape[:-axes], z.shape[-axes:]
    result = _for_each(function, as_pytree(decoder), z.reshape(-1, *item))
    return jax.tree.map(lambda leaf: leaf.reshape((*leading, *leaf.shape[1:])), result)


def _image(decoder: Decoder, z: jax.Array) -> jax.Array:
    with jax.default_matmul_precision("float32"):
        return decoder(z).reshape(-1)


def _scale(decoder: Decoder, z: jax.Array) -> jax.Array:
    """Return √w(z), which is 1 for a decoder without a weight."""
    if not isinstance(decoder, Weighted):
        return jnp.ones((), z.dtype)
    with jax.default_matmul_precision("float32"):
        return _scale(decoder.decoder, z) * jnp.sqrt(decoder.weight(z))


def _scaled_image(decoder: Decoder, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    return _image(decoder, z), _scale(decoder, z)


@functools.partial(jax.jit, static_argnums=0)
def _for_each(
    function: Callable[[Decoder, jax.Array], Any], decoder: Decoder, items: jax.Array
) -> Any:
    points_per_item = math.prod(items.shape[1:-1])
    return lax.map(
        lambda item: function(decoder, item), items, batch_size=max(1, _CHUNK // points_per_item)
    )
