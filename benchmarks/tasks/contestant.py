"""The protocols of a contestant, which trains and applies the autoencoder of the reference."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.tasks.reference import Weights

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """How a contestant works; stored with each of its results.

    Attributes:
      mode: what is compiled: nothing (`eager`), each step (`step`) or the whole epoch (`epoch`).
      loader: how batches are formed: by indexing an array on the `device` or the `host`, or by a
        `DataLoader`.
      transfers: when pixels are sent to the device: `once`, or with each `batch`.
      donated: whether compiled calls may reuse the memory of their inputs.
      precision: of arithmetic and parameters.
      remark: anything else a reader should know.
    """

    mode: Literal["eager", "step", "epoch"]
    loader: Literal["device", "host", "DataLoader"]
    transfers: Literal["once", "batch"]
    donated: bool = False
    precision: str = "float32"
    remark: str = ""


class Codec(Protocol):
    """What every contestant does; one that does not train needs no more.

    The model is 784 → 512 → ReLU → 2 → 512 → ReLU → 784 → sigmoid (sizes from the weights). The
    constructor builds and uploads; it need not compile.
    """

    settings: Settings

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ) -> None:
        """Start from float32 weights; `train` indexes images, of shape (n, 784)."""

    def reset(self, weights: Weights) -> None:
        """Restart from these weights with a fresh optimizer state, keeping what is compiled."""

    def encode(self, images: Pixels) -> Floats:
        """Map host pixels of shape (n, 784) to host latent points of shape (n, 2)."""

    def decode(self, z: Floats) -> Floats:
        """Map host latent points of shape (n, 2) to host images of shape (n, 784) in [0, 1]."""


class Contestant(Codec, Protocol):
    """One implementation of the work.

    The loss is Σ (x̂ − x)² over pixels and batch, the optimizer Adam with β = (0.9, 0.999) and
    ε = 1e-8.
    """

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        """Train one epoch over the images in this order, including a short last batch.

        Returns:
          The summed loss of each batch before its update, as an array of any type; reading it may
          block until the device has finished.
        """

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        """Gradient of the summed loss over the images at these indices, at the current weights.

        None where the framework's training loop does not expose it.
        """

    def weights(self) -> Weights:
        """The current parameters, named and laid out as in `benchmarks.tasks.reference`."""

    def synchronise(self) -> None:
        """Block until the device has finished all work."""
