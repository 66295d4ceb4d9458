"""Encoder and decoder as a list of layers, which the page evaluates."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from scipy.special import expit

from jaxae.models import AutoencoderLike, ConvDecoder, ConvEncoder, Decoder, Encoder
from jaxae.models.conv import im2col, pixel_shuffle
from jaxae.models.dense import ACTIVATIONS

Array = npt.NDArray[Any]


class Layer(NamedTuple):
    """A dense layer, which may read patches of its input, and arrange its output as 2×2 pixels.

    Attributes:
      kernel: shape (inputs, outputs).
      bias: shape (outputs,).
      activation: "sigmoid", "linear", or the name of one of a model's activations.
      patches: height, width, channels and stride for `im2col`; None for all of the input.
      shuffled: height and width to which the result of `pixel_shuffle` is cropped; None if the
        output is not shuffled.
    """

    kernel: Array
    bias: Array
    activation: str
    patches: tuple[int, int, int, int] | None = None
    shuffled: tuple[int, int] | None = None

    def read(self, x: Array) -> Array:
        """Return what the kernel multiplies: x, shape (n, size), as rows, shape (m, inputs)."""
        if self.patches is None:
            return x
        *shape, stride = self.patches
        rows = jax.vmap(lambda one: im2col(one, stride))(x.reshape(-1, *shape))
        return np.asarray(rows).reshape(-1, len(self.kernel))

    def __call__(self, x: Array) -> Array:
        """Map x of shape (n, size) to shape (n, size of the output)."""
        y = self.read(x) @ self.kernel + self.bias
        if self.patches is not None and self.shuffled is not None:
            tiles = y.reshape(len(x), *self.patches[:2], -1)
            height, width = self.shuffled
            y = np.asarray(jax.vmap(pixel_shuffle)(jnp.asarray(tiles)))[:, :height, :width]
        y = y.reshape(len(x), -1)
        if self.activation in ACTIVATIONS:
            return np.asarray(ACTIVATIONS[self.activation](y))
        return expit(y) if self.activation == "sigmoid" else y


Layers = Sequence[Layer]


def apply(layers: Layers, x: Array) -> Array:
    """Apply layers to x of shape (n, size), one after the other."""
    for layer in layers:
        x = layer(x)
    return x


def layers_of(model: AutoencoderLike) -> tuple[list[Layer], list[Layer]]:
    """Return the layers of a model's encoder and decoder; a variational one encodes to its mean.

    Raises:
      ValueError: the model is not one that `create_model` makes.
    """
    encoder, decoder = model.encoder, model.decoder
    if not (isinstance(encoder, Encoder) and isinstance(decoder, Decoder | ConvDecoder)):
        raise ValueError(
            f"the explorer cannot evaluate {type(encoder).__name__} and {type(decoder).__name__}; "
            "expected a dense or convolutional model of jaxae"
        )
    return list(_encoder(encoder, model.image_shape)), list(_decoder(decoder))


def _encoder(encoder: Encoder, image_shape: tuple[int, ...]) -> Iterator[Layer]:
    if isinstance(encoder, ConvEncoder):
        height, width = image_shape[:2]
        channels = math.prod(image_shape[2:])
        for layer in (encoder.first, encoder.second):
            yield _layer(layer, encoder.activation, patches=(height, width, channels, 2))
            height, width, channels = -(-height // 2), -(-width // 2), layer.out_features
    for layer in itertools.chain([encoder.hidden], encoder.deeper):
        yield _layer(layer, encoder.activation)
    yield _layer(encoder.latent, "linear")


def _decoder(decoder: Decoder | ConvDecoder) -> Iterator[Layer]:
    for layer in itertools.chain([decoder.hidden], decoder.deeper):
        yield _layer(layer, decoder.activation)
    if isinstance(decoder, Decoder):
        yield _layer(decoder.pixels, "sigmoid")
        return
    height, width, channels = decoder.features_shape
    yield _layer(decoder.features, decoder.activation)
    doubled = (2 * height, 2 * width)
    yield _layer(decoder.first, decoder.activation, (height, width, channels, 1), doubled)
    channels = decoder.first.out_features // 4
    shown = decoder.image_shape[0], decoder.image_shape[1]
    yield _layer(decoder.pixels, "sigmoid", (*doubled, channels, 1), shown)


def _layer(linear: Any, activation: str, *shapes: Any, **named: Any) -> Layer:
    kernel, bias = np.asarray(linear.kernel[...]), np.asarray(linear.bias[...])
    return Layer(kernel, bias, activation, *shapes, **named)
