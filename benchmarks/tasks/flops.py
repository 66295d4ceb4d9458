"""The number of floating-point operations that a task needs, and of bytes that it moves.

A product of (m, k) by (k, n) takes 2·m·k·n operations. Only the dense layers are counted: biases,
activations, loss and Adam add less than 0.5 % at the default sizes.

A product reads both operands and writes its result, 4 bytes for each number. Besides, each pixel is
read once as uint8, and Adam passes over the parameters. Everything else is taken to be fused into
these. The true number is smaller where a cache keeps an operand from one product to the next.
"""

from typing import NamedTuple

from benchmarks.tasks.reference import Weights

_FLOAT = 4
# Adam reads parameter, gradient and two moments, and writes all but the gradient.
ADAM_BYTES = 7 * _FLOAT


class Sizes(NamedTuple):
    """The autoencoder's sizes."""

    pixels: int = 784
    hidden: int = 512
    latent: int = 2

    @classmethod
    def of(cls, weights: Weights) -> "Sizes":
        """The sizes of given weights."""
        pixels, hidden = weights["encoder.hidden.kernel"].shape
        return cls(pixels, hidden, weights["encoder.latent.bias"].size)

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of each dense layer, encoder first."""
        return (
            (self.pixels, self.hidden),
            (self.hidden, self.latent),
            (self.latent, self.hidden),
            (self.hidden, self.pixels),
        )


def encode(sizes: Sizes) -> int:
    """FLOPs to encode one image."""
    return sum(2 * inputs * outputs for inputs, outputs in sizes.layers[:2])


def decode(sizes: Sizes) -> int:
    """FLOPs to decode one latent point."""
    return sum(2 * inputs * outputs for inputs, outputs in sizes.layers[2:])


def train(sizes: Sizes) -> int:
    """FLOPs of a training step, per image.

    Each layer has three products: forward, the gradient of its kernel, and the gradient of its
    input. The first layer needs no gradient of its input.
    """
    each = [2 * inputs * outputs for inputs, outputs in sizes.layers]
    return 3 * sum(each) - each[0]


def parameters(sizes: Sizes) -> int:
    """Number of parameters, including biases."""
    return sum((inputs + 1) * outputs for inputs, outputs in sizes.layers)


def encode_bytes(sizes: Sizes, images: int) -> int:
    """Bytes that are moved to encode this many images in one call."""
    return sizes.pixels * images + _product_bytes(sizes.layers[:2], images)


def decode_bytes(sizes: Sizes, points: int) -> int:
    """Bytes that are moved to decode this many latent points in one call."""
    return _product_bytes(sizes.layers[2:], points)


def train_bytes(sizes: Sizes, batch: int) -> int:
    """Bytes that a training step moves."""
    step = _FLOAT * kernel_numbers(sizes) + ADAM_BYTES * parameters(sizes)
    return step + (_FLOAT * activation_numbers(sizes) + sizes.pixels) * batch


def kernel_numbers(sizes: Sizes) -> int:
    """Numbers of kernels, and of their gradients, that the products of a step read and write.

    Each kernel is read forward and for the gradient of its input, and its gradient is written. The
    first layer needs no gradient of its input.
    """
    each = [inputs * outputs for inputs, outputs in sizes.layers]
    return 3 * sum(each) - each[0]


def activation_numbers(sizes: Sizes) -> int:
    """Numbers, for each image, that the products of a step read and write besides kernels."""
    each = [inputs + outputs for inputs, outputs in sizes.layers]
    return 3 * sum(each) - each[0]


def _product_bytes(layers: tuple[tuple[int, int], ...], rows: int) -> int:
    numbers = sum(rows * (inputs + outputs) + inputs * outputs for inputs, outputs in layers)
    return _FLOAT * numbers
