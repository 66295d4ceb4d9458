"""Parameters under PyTorch's names and in PyTorch's order of axes.

Kernels of dense layers become (out, in), as in `torch.nn.Linear`, and those of convolutions
(out, in, 3, 3), as in `torch.nn.Conv2d`. Channels that `pixel_shuffle` arranges as 2×2 pixels get
the order of `torch.nn.PixelShuffle`. Colour images and features next to a dense layer get that of
`torch.nn.Flatten`, channels first. Values are only permuted, so the inverse restores the same bits.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from flax import nnx

from jaxae.models import Autoencoder, ConvDecoder, parameters

Array = npt.NDArray[Any]

_NAMES = {"kernel": "weight", "bias": "bias"}
# The convolutional model's convolutions, all 3×3, with the factor of the pixel shuffle after them.
_CONVOLUTIONS = {"encoder.first": 1, "encoder.second": 1, "decoder.first": 2, "decoder.pixels": 2}


@dataclass(frozen=True)
class TorchLayout:
    """How one parameter's axes are permuted for PyTorch.

    Attributes:
      shape: the parameter's shape in jaxae.
      split: the same with each axis that is permuted as an axis of its own.
      order: the permutation of these axes, as for `numpy.transpose`.
      torch_shape: the parameter's shape in PyTorch.
    """

    shape: tuple[int, ...]
    split: tuple[int, ...]
    order: tuple[int, ...]
    torch_shape: tuple[int, ...]

    def to_torch(self, array: Array) -> Array:
        """Permute an array of shape `shape` to `torch_shape`."""
        permuted = array.reshape(self.split).transpose(self.order)
        return np.ascontiguousarray(permuted.reshape(self.torch_shape))

    def from_torch(self, array: Array) -> Array:
        """Permute an array of shape `torch_shape` to `shape`: the inverse of `to_torch`."""
        permuted = array.reshape([self.split[axis] for axis in self.order])
        return np.ascontiguousarray(permuted.transpose(np.argsort(self.order)).reshape(self.shape))


def torch_layouts(model: Autoencoder) -> dict[str, tuple[tuple[Any, ...], TorchLayout]]:
    """List a model's parameters by their names in PyTorch, such as `encoder.hidden.weight`.

    Args:
      model: any autoencoder; only the parameters' shapes are read.

    Returns:
      For each name, the parameter's path in `nnx.state(model, nnx.Param)` and its layout.
    """
    named = {}
    for path, param in nnx.to_flat_state(parameters(model)):
        *layer, kind = map(str, path)
        layout = _layout(model, ".".join(layer), param.shape)
        named[".".join((*layer, _NAMES[kind]))] = (path, layout)
    return named


def _layout(model: Autoencoder, layer: str, shape: tuple[int, ...]) -> TorchLayout:
    inputs, outputs = shape[:-1], shape[-1:]  # A bias has no inputs.
    torch_inputs = inputs
    flattened, convolutions = model.image_shape, {}
    if isinstance(model.decoder, ConvDecoder):
        flattened, convolutions = model.decoder.features_shape, _CONVOLUTIONS
    if layer in convolutions:
        factor = convolutions[layer]
        outputs = (factor, factor, outputs[0] // factor**2)
        if inputs:
            inputs = (3, 3, inputs[0] // 9)
            torch_inputs = _channels_first(inputs)
    elif len(flattened) == 3:  # Grey images have no channels.
        if layer == "encoder.hidden" and inputs:
            inputs = flattened
        elif layer in ("decoder.features", "decoder.pixels"):
            outputs = flattened
    axes = tuple(range(len(inputs) + len(outputs)))
    order = _channels_first(axes[len(inputs) :]) + _channels_first(axes[: len(inputs)])
    return TorchLayout(shape, (*inputs, *outputs), order, (math.prod(outputs), *torch_inputs))


def _channels_first(axes: tuple[int, ...]) -> tuple[int, ...]:
    # (row, column, channel) becomes (channel, row, column).
    return axes[-1:] + axes[:-1]
