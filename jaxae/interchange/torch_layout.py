"""Parameters under PyTorch's names and in PyTorch's order of axes.

Dense weights become (out, in). Convolutions become `torch.nn.Conv2d`'s (out, in, 3, 3); channels
that `pixel_shuffle` lays out as 2×2 pixels get the order of `torch.nn.PixelShuffle`, and features
next to a dense layer that of `torch.nn.Flatten`: channels first. Values are moved, never computed,
so the way back gives the same bits.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from flax import nnx

from jaxae.models import Autoencoder, ConvDecoder

Array = npt.NDArray[Any]

_NAMES = {"kernel": "weight", "bias": "bias"}
# Layers of the convolutional model that slide a 3×3 window, and those whose outputs are 2×2 pixels.
_WINDOWED = ("encoder.first", "encoder.second", "decoder.first", "decoder.pixels")
_SHUFFLED = ("decoder.first", "decoder.pixels")


@dataclass(frozen=True)
class Layout:
    """One array's way to PyTorch.

    Attributes:
      ours: its shape in jaxae.
      split: the shape that gives each axis that moves on its own.
      order: where those axes go, as for `numpy.transpose`.
      theirs: its shape in PyTorch.
    """

    ours: tuple[int, ...]
    split: tuple[int, ...]
    order: tuple[int, ...]
    theirs: tuple[int, ...]

    def there(self, array: Array) -> Array:
        """Bring an array of shape `ours` into PyTorch's order."""
        moved = array.reshape(self.split).transpose(self.order)
        return np.ascontiguousarray(moved.reshape(self.theirs))

    def back(self, array: Array) -> Array:
        """Bring an array of shape `theirs` into jaxae's order."""
        moved = array.reshape([self.split[axis] for axis in self.order])
        return np.ascontiguousarray(moved.transpose(np.argsort(self.order)).reshape(self.ours))


def layouts(model: Autoencoder) -> dict[str, tuple[tuple[Any, ...], Layout]]:
    """List a model's parameters by their names in PyTorch, such as `encoder.hidden.weight`.

    Args:
      model: any autoencoder; shapes are enough, values are not read.

    Returns:
      For each name the parameter's path in `nnx.state(model, nnx.Param)`, and its layout.
    """
    named = {}
    for path, param in nnx.to_flat_state(nnx.state(model, nnx.Param)):
        *layer, kind = map(str, path)
        layout = _layout(model, ".".join(layer), param.shape)
        named[".".join((*layer, _NAMES[kind]))] = (path, layout)
    return named


def _layout(model: Autoencoder, layer: str, shape: tuple[int, ...]) -> Layout:
    # A kernel has inputs and outputs, a bias outputs only.
    inputs, outputs = shape[:-1], shape[-1:]
    windowed = False
    if isinstance(model.decoder, ConvDecoder):
        windowed = layer in _WINDOWED and len(inputs) > 0
        if windowed:
            inputs = (3, 3, inputs[0] // 9)
        elif layer == "encoder.hidden" and inputs:
            inputs = model.decoder.features_shape
        if layer in _SHUFFLED:
            outputs = (2, 2, outputs[0] // 4)
        elif layer == "decoder.features":
            outputs = model.decoder.features_shape
    axes = tuple(range(len(inputs) + len(outputs)))
    order = _last_first(axes[len(inputs) :]) + _last_first(axes[: len(inputs)])
    into = (inputs[-1], *inputs[:-1]) if windowed else (math.prod(inputs),) if inputs else ()
    return Layout(shape, (*inputs, *outputs), order, (math.prod(outputs), *into))


def _last_first(axes: tuple[int, ...]) -> tuple[int, ...]:
    # (row, column, channel) becomes (channel, row, column).
    return axes[-1:] + axes[:-1]
