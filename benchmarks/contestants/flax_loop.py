"""The same step called from Python, batch by batch: what the scan saves."""

from typing import Any

import jax
import numpy as np
import numpy.typing as npt

import jaxae
from benchmarks.contestants.flax_scan import FlaxScan
from benchmarks.tasks import Pixels, Settings, Weights, batches
from jaxae.training import Step


class FlaxLoop(FlaxScan):
    """`jaxae.make_train_step`, jitted, given each batch from the host."""

    settings = Settings(mode="step", loader="host", transfers="batch", donated=True)

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        """Compile a step, keep the images on the host."""
        super().__init__(weights, images[:1], batch_size, learning_rate)
        self.host_images = images
        self._call = self.compiled()

    def compiled(self) -> Step:
        """Compile the step; its state is donated."""
        return jax.jit(self.step, donate_argnums=0)

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        """As the scanned epoch's, for the same step."""
        self.images = jax.device_put(self.host_images)
        return super().gradients(rows)

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        """Call the step for each batch; the short last one is padded, or it would compile anew."""
        losses = []
        for rows in batches(order, self.batch_size):
            mask = np.zeros(self.batch_size, np.float32)
            mask[: len(rows)] = 1
            padded = np.pad(rows, (0, self.batch_size - len(rows)))
            batch = jaxae.Batch(self.host_images[padded], mask)
            self.state, loss = self._call(self.state, batch)
            losses.append(loss)
        return losses
