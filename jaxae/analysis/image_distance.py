"""Euclidean distances between images, over all pixels, by matrix products."""

import functools

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


def nearest_images(
    images: npt.NDArray[np.uint8], known: npt.NDArray[np.uint8], k: int
) -> npt.NDArray[np.intp]:
    """Find the k known images nearest to each image.

    Args:
      images: uint8 of shape (m, height, width) or (m, height, width, 3).
      known: n images of the same size.
      k: number of neighbours, 1 to n.

    Returns:
      Their rows in `known`, nearest first, shape (m, k).
    """
    queries = _whole_numbers(images)
    squares, rows = np.empty((len(images), 0), np.float32), np.empty((len(images), 0), np.intp)
    for start in range(0, len(known), _CHUNK):
        part = known[start : start + _CHUNK]
        near, own = _smallest_squares(queries, _whole_numbers(part), min(k, len(part)))
        squares, rows = np.hstack([squares, near]), np.hstack([rows, start + np.asarray(own)])
        order = np.argsort(squares, axis=1, kind="stable")[:, :k]
        squares = np.take_along_axis(squares, order, axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
    return rows


def image_ranks(
    images: npt.NDArray[np.uint8], others: npt.NDArray[np.integer]
) -> npt.NDArray[np.int32]:
    """Rank some images by their distance to each image, among all images but itself.

    Args:
      images: uint8 of shape (n, height, width) or (n, height, width, 3).
      others: rows of k other images for each image, shape (n, k).

    Returns:
      Shape (n, k), 1 for the nearest image. Images at the same distance have the same rank, the
      lowest.
    """
    x, rows = _whole_numbers(images), np.arange(len(images))
    chunks = np.split(rows, range(_CHUNK, len(rows), _CHUNK))
    return np.concatenate([_ranks(x, chunk, others[chunk]) for chunk in chunks])


@jax.jit
def _smallest_square(queries: jax.Array, known: jax.Array) -> jax.Array:
    return jnp.min(_squares(queries, to_unit_interval(known)), axis=1)


@functools.partial(jax.jit, static_argnums=2)
def _smallest_squares(queries: jax.Array, known: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    negative, rows = lax.top_k(-_squares(queries, known), k)
    return -negative, rows


@jax.jit
def _ranks(x: jax.Array, rows: jax.Array, others: jax.Array) -> jax.Array:
    squares = _squares(x[rows], x)
    own = jnp.take_along_axis(squares, others, axis=1)
    # An image counts as nearer to itself than any other, also than its copies.
    squares = squares.at[jnp.arange(len(rows)), rows].set(-jnp.inf)
    # One neighbour at a time: all comparisons at once would fill the memory of a second matrix.
    return lax.map(lambda nth: jnp.sum(squares < nth[:, None], axis=1), own.T).T


def _whole_numbers(images: npt.NDArray[np.uint8]) -> jax.Array:
    # Unlike fractions, whole numbers have exact products, so that equal distances stay equal: in
    # float32, up to 2**24.
    return jnp.asarray(images.reshape(len(images), -1), jnp.float32)


def _squares(a: jax.Array, b: jax.Array) -> jax.Array:
    # ‖a − b‖² = ‖a‖² − 2 a·b + ‖b‖²: one matrix product in place of all differences.
    products = jnp.matmul(a, b.T, precision=lax.Precision.HIGHEST)
    squares = jnp.sum(jnp.square(b), axis=1)[None] - 2 * products
    return squares + jnp.sum(jnp.square(a), axis=1)[:, None]
