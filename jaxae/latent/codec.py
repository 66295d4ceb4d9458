"""Encode and decode: `jit(vmap(one example))` over chunks of fixed sizes."""

import logging
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from jaxae.latent.batching import Floats, Rows, as_rows, concatenate, in_chunks
from jaxae.latent.plane import LECTURE_BOX, Box, Plane, grid_points, pca_plane
from jaxae.models import AutoencoderLike, Decoder, Encoder
from jaxae.training import to_unit_interval

_log = logging.getLogger(__name__)

# Examples per compiled call on one device: 1 for latency, 144 for the default grid. A call costs a
# GPU a fixed time, so the largest chunk is the fastest. It is not used on a CPU, where it is no
# faster and each result takes new pages: blocks of that size return to the system when freed.
_ENCODE_CHUNKS = (1, 256, 512, 2048, 8192)
_DECODE_CHUNKS = (1, 144, 512, 1024, 4096)
# Images encoded at a time within a chunk, so that their float pixels fit into a core's cache.
_ENCODE_BLOCK = 512


def encode(model: AutoencoderLike, images: npt.ArrayLike | Rows) -> Floats:
    """Map images to points in latent space, on the devices that hold the model.

    Args:
      model: the autoencoder. If its parameters are on several devices, as after `replicate`, the
        images are divided among them.
      images: shape (n, height, width), or (n, height, width, 3) in colour, as `model.image_shape`
        says, n ≥ 0; integers from 0 to 255, floats from 0 to 1 (including float16 and bfloat16) or
        booleans. Integers that are all 0 or 1, as in a mask, log a warning. Anything with a shape,
        a NumPy dtype and slicing, such as a memory map or a data set of h5py or zarr, is read slice
        by slice.

    Returns:
      float32 array of shape (n, latent_dim).

    Raises:
      ValueError: a wrong shape or type, or a value that is NaN or out of range.

    Example:
      >>> model = jaxae.create_model(jaxae.ModelConfig(), (28, 28), seed=0)
      >>> jaxae.encode(model, np.zeros((5, 28, 28), np.uint8)).shape
      (5, 2)
    """
    images = as_rows(images)
    return concatenate(encode_blocks(model, images), (*images.shape[:1], model.latent_dim))


def decode(model: AutoencoderLike, z: npt.ArrayLike | Rows) -> Floats:
    """Map points in latent space to images, on the devices that hold the model.

    Args:
      model: the autoencoder; devices as for `encode`.
      z: finite numbers of shape (n, latent_dim), n ≥ 0; read as in `encode`.

    Returns:
      float32 array of shape (n, *model.image_shape), values 0 to 1.

    Raises:
      ValueError: a wrong shape, or a value that is not a finite number.
    """
    z = as_rows(z)
    return concatenate(decode_blocks(model, z), (*z.shape[:1], *model.image_shape))


def encode_blocks(model: AutoencoderLike, images: Rows) -> Iterator[Floats]:
    """Yield the result of `encode` block by block, for results larger than memory.

    Args:
      model: as for `encode`.
      images: as for `encode`; each is read once, together with its block.

    Raises:
      ValueError: a wrong shape or type; when a block is reached, a value in it that is NaN or out
        of range.
    """
    if images.shape[1:] != model.image_shape:
        expected = ", ".join(map(str, model.image_shape))
        raise ValueError(
            f"images have shape {images.shape}; expected (n, {expected}) for this model"
        )
    if not (_is_real(images.dtype) or images.dtype == np.bool_):
        raise ValueError(
            f"images are of type {images.dtype}; expected integers, floats or booleans"
        )
    return in_chunks(_encode_chunk, model.encoder, images, _pixels, _sizes(_ENCODE_CHUNKS))


def decode_blocks(model: AutoencoderLike, z: Rows) -> Iterator[Floats]:
    """Yield the result of `decode` block by block; arguments and errors as for `encode_blocks`."""
    if len(z.shape) != 2 or z.shape[1] != model.latent_dim:
        raise ValueError(f"z has shape {z.shape}; expected (n, {model.latent_dim}) for this model")
    if not _is_real(z.dtype):
        raise ValueError(f"z is of type {z.dtype}; expected real numbers")
    return in_chunks(_decode_chunk, model.decoder, z, _points, _sizes(_DECODE_CHUNKS))


def reconstruct(model: AutoencoderLike, images: npt.ArrayLike | Rows) -> Floats:
    """Encode and decode images; arguments as for `encode`, result as for `decode`."""
    return decode(model, encode(model, images))


def interpolate(
    model: AutoencoderLike, start: npt.ArrayLike, end: npt.ArrayLike, steps: int = 12
) -> Floats:
    """Decode points on the straight line between two images in latent space.

    Args:
      model: the autoencoder.
      start: an image of shape `model.image_shape`, values as for `encode`.
      end: the image at the other end, of the same form.
      steps: number of points on the line, both ends included; at least 2.

    Returns:
      float32 array of shape (steps, *model.image_shape), values 0 to 1.

    Raises:
      ValueError: fewer than 2 steps, or an image that `encode` refuses.
    """
    if steps < 2:
        raise ValueError(f"steps is {steps}; expected 2 or more, since both ends are included")
    z_start, z_end = (encode(model, np.asarray(image)[None])[0] for image in (start, end))
    return decode(model, np.linspace(z_start, z_end, num=steps))


def latent_grid(
    model: AutoencoderLike, box: Box = LECTURE_BOX, n: int = 12, plane: Plane | None = None
) -> Floats:
    """Decode an n×n grid of points on a box of the latent plane.

    Args:
      model: the autoencoder.
      box: the rectangle; by default the lecture's, x from −5 to 10 and y from −10 to 5.
      n: number of points along each side, edges included.
      plane: the plane of the box, from `pca_plane`; required for latent_dim above 2.

    Returns:
      float32 array of shape (n, n, *model.image_shape), values 0 to 1; entry [row, column] is
      decoded from `grid_points(box, n)[row, column]`. For a 1-D latent space, the first axis has
      length 1.

    Raises:
      ValueError: as for `grid_points`, or no plane where one is required.

    Example:
      >>> model = jaxae.create_model(jaxae.ModelConfig(), (28, 28), seed=0)
      >>> tiles = jaxae.latent_grid(model, jaxae.Box(-1, 1, -1, 1), n=5)
      >>> tiles.shape
      (5, 5, 28, 28)
      >>> bool(np.allclose(tiles[2, 2], jaxae.decode(model, [[0, 0]])[0], atol=1e-5))
      True
    """
    if plane is None:
        if model.latent_dim > 2:
            raise ValueError(
                f"latent_dim is {model.latent_dim}; pass plane=pca_plane(z), the plane to decode"
            )
        plane = pca_plane(np.zeros((1, model.latent_dim)))
    points = grid_points(box, n)
    if model.latent_dim == 1:
        points = points[:1, :, :1]
    rows, columns, width = points.shape
    images = decode(model, plane.lift(points.reshape(-1, width)))
    return images.reshape(rows, columns, *model.image_shape)


def _encode_chunk(encoder: Encoder, images: jax.Array) -> jax.Array:
    def encode_one(image: jax.Array) -> jax.Array:
        return encoder(to_unit_interval(image) if image.dtype == jnp.uint8 else image)

    return lax.map(encode_one, images, batch_size=min(_ENCODE_BLOCK, len(images)))


def _decode_chunk(decoder: Decoder, z: jax.Array) -> jax.Array:
    return jax.vmap(decoder)(z)


def _sizes(chunks: tuple[int, ...]) -> tuple[int, ...]:
    return chunks[:-1] if jax.default_backend() == "cpu" else chunks


def _is_real(dtype: np.dtype[Any]) -> bool:
    # By JAX's rules: NumPy does not count bfloat16 as a float.
    return jnp.issubdtype(dtype, np.integer) or jnp.issubdtype(dtype, np.floating)


def _pixels(images: npt.NDArray[Any], start: int) -> npt.NDArray[Any]:
    if images.dtype == np.bool_:
        return images.astype(np.float32)
    integers = jnp.issubdtype(images.dtype, np.integer)
    if integers and start == 0 and images.max() == 1:
        _log.warning(
            "images of %s contain only 0 and 1, but integers range to 255, so that 1 is almost "
            "black; pass booleans or floats if 1 means white",
            images.dtype,
        )
    if images.dtype == np.uint8:
        return images
    limit = 255 if integers else 1
    # Written so that NaN fails too.
    if not (images.min() >= 0 and images.max() <= limit):
        inside = (images >= 0) & (images <= limit)
        index = np.argmin(inside.reshape(len(images), -1).all(axis=1))
        raise ValueError(
            f"images[{start + index}] has values from {images[index].min()} to "
            f"{images[index].max()}; expected 0 to {limit} for {images.dtype}"
        )
    return images.astype(np.uint8 if integers else np.float32)


def _points(z: npt.NDArray[Any], start: int) -> Floats:
    with np.errstate(over="ignore"):  # Values beyond float32 become infinite, which is checked.
        points = z.astype(np.float32, copy=False)
    finite = np.isfinite(points)
    if not finite.all():
        index = np.argmin(finite.all(axis=1))
        raise ValueError(
            f"z[{start + index}] has a value that is NaN or infinite in float32; "
            "expected finite numbers"
        )
    return points
