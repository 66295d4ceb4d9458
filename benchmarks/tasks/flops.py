"""How much arithmetic the work needs: one formula, from which every fraction of a limit follows.

A product of (m, k) by (k, n) takes 2·m·k·n floating-point operations. Only the dense layers count;
biases, activations, loss and Adam are below one part in two hundred at the default sizes.
"""

from typing import NamedTuple


class Sizes(NamedTuple):
    """The autoencoder's sizes."""

    pixels: int = 784
    hidden: int = 512
    latent: int = 2

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
    """FLOPs to encode one image: its two layers, forward."""
    return sum(2 * inputs * outputs for inputs, outputs in sizes.layers[:2])


def decode(sizes: Sizes) -> int:
    """FLOPs to decode one latent point: its two layers, forward."""
    return sum(2 * inputs * outputs for inputs, outputs in sizes.layers[2:])


def train(sizes: Sizes) -> int:
    """FLOPs of a training step, per image.

    Forward, the gradient of each kernel, and the gradient of each layer's input but the image's:
    three products a layer, less one for the first.
    """
    each = [2 * inputs * outputs for inputs, outputs in sizes.layers]
    return 3 * sum(each) - each[0]


def parameters(sizes: Sizes) -> int:
    """How many parameters the model has, biases included."""
    return sum((inputs + 1) * outputs for inputs, outputs in sizes.layers)
