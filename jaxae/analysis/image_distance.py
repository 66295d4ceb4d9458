"""The distance of decoded images to the nearest real image: are they unlike every digit?"""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from jaxae.training import to_unit_interval

_CHUNK = 2000


def nearest_image_distance(
    images: npt.NDArray[np.floating], known: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Compute the Euclidean distance over all pixels of each image to the nearest known image.

    In colour, it runs over all channels of all pixels.

    Args:
      images: shape (m, height, width) or (m, height, width, 3), values 0 to 1.
      known: uint8, n ≥ 1 images of the same shape.

    Returns:
      Shape (m,), 0 to the root of the number of an image's values.
    """
    queries = jnp.asarray(images, jnp.float32).reshape(len(images), -1)
    nearest = np.full(len(images), np.inf, np.float32)
    for start in range(0, len(known), _CHUNK):
        part = known[start : start + _CHUNK]
        squared = _smallest_square(queries, part.reshape(len(part), -1))
        nearest = np.minimum(nearest, np.asarray(squared))
    return np.sqrt(np.maximum(nearest, 0))


@jax.jit
def _smallest_square(queries: jax.Array, known: jax.Array) -> jax.Array:
    x = to_unit_interval(known)
    # ‖a − b‖² = ‖a‖² − 2 a·b + ‖b‖²: one matrix product in place of all differences.
    products = jnp.matmul(queries, x.T, precision=lax.Precision.HIGHEST)
    squares = jnp.sum(jnp.square(x), axis=1)[None] - 2 * products
    return jnp.min(squares, axis=1) + jnp.sum(jnp.square(queries), axis=1)
