"""The number of floating-point operations that a task needs.

A product of (m, k) by (k, n) takes 2·m·k·n operations. Only the dense layers are counted: biases,
activations, loss and Adam add less than 0.5 % at the default sizes.
"""

from typing import NamedTuple

from benchmarks.tasks.reference import Weights


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
