"""The convolutional encoder and decoder.

A convolution is written as a dense layer over patches (im2col), because XLA's own convolution takes
five times as long on a CPU inside a compiled loop, such as the scan of an epoch. The encoder's
convolutions halve height and width (stride 2). The decoder's double them: each has four outputs per
pixel, which become 2×2 pixels (sub-pixel convolution, Shi et al. 2016), so every pixel receives the
same number of contributions. Sizes that are not multiples of four are padded by the encoder and
cropped at the end of the decoder.
"""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from jaxae.config import KERNEL, ModelConfig
from jaxae.models.dense import Encoder, HiddenLayers, VariationalEncoder

_CHANNELS = (16, 32)


class ConvEncoder(Encoder):
    """Maps an image to its point in latent space: two convolutions, then a dense encoder."""

    def __init__(self, config: ModelConfig, image_shape: tuple[int, ...], *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        first, second = _CHANNELS
        self.first = nnx.Linear(KERNEL**2 * _channels(image_shape), first, rngs=rngs)
        self.second = nnx.Linear(KERNEL**2 * first, second, rngs=rngs)
        super().__init__(config, _features_shape(image_shape), rngs=rngs)

    def features(self, x: ArrayLike) -> jax.Array:
        """Map an image to the features that `latent` and other heads read, of shape (units,)."""
        height, width, *channels = jnp.shape(x)
        x = jnp.reshape(x, (height, width, math.prod(channels)))
        x = self.activate(self.first(im2col(x, stride=2)))
        x = self.activate(self.second(im2col(x, stride=2)))
        return super().features(x)


class VariationalConvEncoder(VariationalEncoder, ConvEncoder):
    """A `VariationalEncoder` with two convolutions before its hidden layers."""


class ConvDecoder(HiddenLayers):
    """Maps a point in latent space to an image: hidden layers → features → two convolutions."""

    def __init__(self, config: ModelConfig, image_shape: tuple[int, ...], *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        super().__init__(config.latent_dim, config.widths[::-1], config.activation, rngs=rngs)
        self.image_shape = image_shape
        self.features_shape = _features_shape(image_shape)
        first, second = _CHANNELS
        self.features = nnx.Linear(config.widths[0], math.prod(self.features_shape), rngs=rngs)
        self.first = nnx.Linear(KERNEL**2 * second, 4 * first, rngs=rngs)
        self.pixels = nnx.Linear(KERNEL**2 * first, 4 * _channels(image_shape), rngs=rngs)

    def __call__(self, z: ArrayLike) -> jax.Array:
        """Map z of shape (latent_dim,) to an image of shape `image_shape`, values 0 to 1."""
        return nnx.sigmoid(self.logits(z))

    def logits(self, z: ArrayLike) -> jax.Array:
        """Map z to the logits of an image's pixels, of shape `image_shape`."""
        x = self.activate(self.features(self.hidden_features(z))).reshape(self.features_shape)
        x = self.activate(pixel_shuffle(self.first(im2col(x))))
        image = pixel_shuffle(self.pixels(im2col(x)))
        height, width = self.image_shape[:2]
        return image[:height, :width].reshape(self.image_shape)


def im2col(x: jax.Array, stride: int = 1) -> jax.Array:
    """Gather the 3×3 neighbourhood of every stride-th pixel, padded with zeros at the edges.

    Args:
      x: features of shape (height, width, channels).
      stride: pixels from one patch to the next.

    Returns:
      Shape (⌈height / stride⌉, ⌈width / stride⌉, 9 · channels): rows, then columns, then channels.
    """
    rows, columns = (-(-size // stride) for size in x.shape[:2])
    sides = []
    for size, count in zip(x.shape[:2], (rows, columns), strict=True):
        padding = max(0, (count - 1) * stride + KERNEL - size)
        sides.append((padding // 2, padding - padding // 2))
    padded = jnp.pad(x, (*sides, (0, 0)))
    down, right = (rows - 1) * stride + 1, (columns - 1) * stride + 1
    shifted = [
        padded[i : i + down : stride, j : j + right : stride]
        for i in range(KERNEL)
        for j in range(KERNEL)
    ]
    return jnp.concatenate(shifted, axis=-1)


def pixel_shuffle(x: jax.Array) -> jax.Array:
    """Rearrange four groups of channels as 2×2 pixels: (h, w, 4 · c) to (2 · h, 2 · w, c)."""
    height, width, channels = x.shape
    tiles = x.reshape(height, width, 2, 2, channels // 4)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(2 * height, 2 * width, channels // 4)


def _features_shape(image_shape: tuple[int, ...]) -> tuple[int, int, int]:
    height, width = image_shape[:2]
    return -(-height // 4), -(-width // 4), _CHANNELS[-1]


def _channels(image_shape: tuple[int, ...]) -> int:
    return math.prod(image_shape[2:])
