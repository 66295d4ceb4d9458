"""Into latent space and back: `jit(vmap(one example))` over chunks of fixed sizes.

Arrays of any length are cut into chunks of the sizes below, the last one padded, so that a new
length compiles nothing anew and the device holds a bounded number of examples at a time.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from jaxae.losses import to_unit_interval
from jaxae.models import Autoencoder, Decoder, Encoder
from jaxae.plane import LECTURE_BOX, Box, Plane, grid_points, latent_plane

Floats = npt.NDArray[np.float32]

# Examples a compiled call takes: one for latency, the default grid's 144, and up to what
# measured fastest.
_ENCODE_CHUNKS = (1, 256, 2048, 8192)
_DECODE_CHUNKS = (1, 144, 512, 2048)
# Images encoded at a time inside a chunk: their float pixels stay in a core's cache.
_ENCODE_BLOCK = 512
# Chunks under way at once: the device computes one while the host copies another.
_IN_FLIGHT = 2


def encode(model: Autoencoder, images: npt.ArrayLike) -> Floats:
    """Map images to their points in latent space.

    Args:
      model: a model made for images of this size.
      images: shape (n, height, width), n ≥ 0; integers from 0 to 255 or floats from 0 to 1.

    Returns:
      float32 array of shape (n, latent_dim).

    Raises:
      ValueError: another shape or type, or a value that is NaN or out of range.
    """
    images = _checked_images(images, model.image_shape)
    return _in_chunks(_encode_chunk, _ENCODE_CHUNKS, model.encoder, images, (model.latent_dim,))


def decode(model: Autoencoder, z: npt.ArrayLike) -> Floats:
    """Map points in latent space to images.

    Args:
      model: the autoencoder.
      z: finite numbers of shape (n, latent_dim), n ≥ 0.

    Returns:
      float32 array of shape (n, height, width), values 0 to 1.

    Raises:
      ValueError: another shape, or a value that is not a finite number.
    """
    z = np.asarray(z)
    if z.ndim != 2 or z.shape[1] != model.latent_dim:
        raise ValueError(f"z has shape {z.shape}; expected (n, {model.latent_dim}) for this model")
    if z.dtype.kind not in "fiu":
        raise ValueError(f"z is of type {z.dtype}; expected real numbers")
    with np.errstate(over="ignore"):  # What float32 cannot hold is caught as infinite below.
        z = z.astype(np.float32, copy=False)
    if not np.isfinite(z).all():
        raise ValueError("z has values that are NaN or infinite in float32; expected finite ones")
    return _in_chunks(_decode_chunk, _DECODE_CHUNKS, model.decoder, z, model.image_shape)


def reconstruct(model: Autoencoder, images: npt.ArrayLike) -> Floats:
    """Encode images and decode them again; arguments as `encode`, values as `decode`."""
    return decode(model, encode(model, images))


def interpolate(
    model: Autoencoder, start: npt.ArrayLike, end: npt.ArrayLike, steps: int = 12
) -> Floats:
    """Decode the straight line between two images' points in latent space.

    Args:
      model: the autoencoder.
      start: one image of shape (height, width), values as for `encode`.
      end: the image at the other end.
      steps: number of points on the line, both ends included; at least 2.

    Returns:
      float32 array of shape (steps, height, width), values 0 to 1.

    Raises:
      ValueError: fewer than 2 steps, or an image that `encode` refuses.
    """
    if steps < 2:
        raise ValueError(f"steps is {steps}; expected 2 or more, for both ends are included")
    z_start, z_end = (encode(model, np.asarray(image)[None])[0] for image in (start, end))
    return decode(model, np.linspace(z_start, z_end, num=steps))


def latent_grid(
    model: Autoencoder, box: Box = LECTURE_BOX, n: int = 12, plane: Plane | None = None
) -> Floats:
    """Decode an n×n grid of points on a box of the latent plane.

    Args:
      model: the autoencoder.
      box: the rectangle; by default the lecture's, x from −5 to 10 and y from −10 to 5.
      n: points along each side, ends included.
      plane: from `latent_plane`; needed where latent_dim is above 2.

    Returns:
      float32 array of shape (n, n, height, width), values 0 to 1, entry [row, column] decoded from
      `grid_points(box, n)[row, column]`. A 1-D latent space has no y: its shape is (1, n, …).

    Raises:
      ValueError: as `grid_points`, or there is no plane where one is needed.
    """
    if plane is None:
        if model.latent_dim > 2:
            raise ValueError(
                f"latent_dim is {model.latent_dim}; pass plane=latent_plane(z), the cut to decode"
            )
        plane = latent_plane(np.zeros((1, model.latent_dim)))
    points = grid_points(box, n)
    if model.latent_dim == 1:
        points = points[:1, :, :1]
    rows, columns, width = points.shape
    images = decode(model, plane.lift(points.reshape(-1, width)))
    return images.reshape(rows, columns, *model.image_shape)


@jax.jit
def _encode_chunk(encoder: Encoder, images: jax.Array) -> jax.Array:
    def encode_one(image: jax.Array) -> jax.Array:
        return encoder(to_unit_interval(image) if image.dtype == jnp.uint8 else image)

    return lax.map(encode_one, images, batch_size=min(_ENCODE_BLOCK, len(images)))


@jax.jit
def _decode_chunk(decoder: Decoder, z: jax.Array) -> jax.Array:
    return jax.vmap(decoder)(z)


def _in_chunks(
    function: Callable[..., jax.Array],
    sizes: tuple[int, ...],
    module: Encoder | Decoder,
    inputs: npt.NDArray[Any],
    item_shape: tuple[int, ...],
) -> Floats:
    n = len(inputs)
    result = np.empty((n, *item_shape), dtype=np.float32)
    pending: deque[tuple[int, jax.Array]] = deque()

    def collect() -> None:
        start, chunk = pending.popleft()
        stop = min(start + len(chunk), n)
        result[start:stop] = np.asarray(chunk)[: stop - start]

    start = 0
    while start < n:
        rest = n - start
        size = next((size for size in sizes if size >= rest), sizes[-1])
        chunk = inputs[start : start + size]
        if len(chunk) < size:
            chunk = np.concatenate([chunk, np.zeros((size - rest, *chunk.shape[1:]), chunk.dtype)])
        pending.append((start, function(module, chunk)))
        start += size
        if len(pending) == _IN_FLIGHT:
            collect()
    while pending:
        collect()
    return result


def _checked_images(images: npt.ArrayLike, image_shape: tuple[int, int]) -> npt.NDArray[Any]:
    images = np.asarray(images)
    if images.ndim != 3 or images.shape[1:] != image_shape:
        height, width = image_shape
        raise ValueError(
            f"images have shape {images.shape}; expected (n, {height}, {width}) for this model"
        )
    if images.dtype == np.uint8 or images.size == 0:
        return images
    kind, limit = images.dtype.kind, 255 if images.dtype.kind in "iu" else 1
    if kind not in "iuf":
        raise ValueError(f"images are of type {images.dtype}; expected integers or floats")
    # Written so that NaN fails too.
    if not (images.min() >= 0 and images.max() <= limit):
        raise ValueError(
            f"images have values from {images.min()} to {images.max()}; "
            f"expected 0 to {limit} for {images.dtype}"
        )
    return images.astype(np.uint8 if kind in "iu" else np.float32)
