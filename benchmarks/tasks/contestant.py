"""What a contestant is: the autoencoder of `benchmarks.tasks.reference`, in its own way."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.tasks.reference import Weights

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """How a contestant works, declared beside each of its results.

    Attributes:
      mode: what is compiled: nothing (`eager`), each step (`step`) or the whole epoch (`epoch`).
      loader: who cuts the batches: `device` or `host` arrays by index, or a `DataLoader`.
      transfers: when pixels reach the device: `once`, or with each `batch`.
      donated: whether a compiled call may reuse its input's memory for its result.
      precision: of arithmetic and parameters.
      remark: what a reader should know besides.
    """

    mode: Literal["eager", "step", "epoch"]
    loader: Literal["device", "host", "DataLoader"]
    transfers: Literal["once", "batch"]
    donated: bool = False
    precision: str = "float32"
    remark: str = ""


class Contestant(Protocol):
    """One way of doing the work. Construction builds and uploads; compilation may come later.

    The model is 784 → 512 → ReLU → 2 → 512 → ReLU → 784 → sigmoid (sizes from the weights), the
    loss Σ (x̂ − x)² over pixels and batch, the optimizer Adam with β = (0.9, 0.999), ε = 1e-8.
    """

    settings: Settings

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ) -> None:
        """Start from given float32 weights; images of shape (n, 784) are what `train` indexes."""

    def reset(self, weights: Weights) -> None:
        """Start anew from these weights, with a new optimizer; what is compiled stays so."""

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        """Train one epoch over the images in this order, in batches, the short last one included.

        Returns:
          The summed loss of each batch before its update, in any array type; reading it may have
          to wait for the device.
        """

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        """Gradient of the summed loss over the images with these indices, at the present weights.

        None where the framework's training loop keeps them to itself.
        """

    def encode(self, images: Pixels) -> Floats:
        """Map host pixels of shape (n, 784) to host latent points of shape (n, 2)."""

    def decode(self, z: Floats) -> Floats:
        """Map host latent points of shape (n, 2) to host images of shape (n, 784), 0 to 1."""

    def weights(self) -> Weights:
        """The parameters as they are now, named and laid out as in `benchmarks.tasks.reference`."""

    def synchronise(self) -> None:
        """Wait until all work that was asked for is done."""
