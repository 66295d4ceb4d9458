"""The rungs between no compilation and a scanned epoch: where jaxae's speed comes from.

Each class differs from the one before it in one thing. `flax-loop` is the third rung.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

import jaxae
from benchmarks.contestants.flax_loop import FlaxLoop
from benchmarks.tasks import Pixels, Settings, Weights, batches
from jaxae.training import Step


class FlaxNoJit(FlaxLoop):
    """The bare step: every operation is dispatched from Python."""

    settings = Settings(mode="eager", loader="host", transfers="batch")

    def compiled(self) -> Step:
        """Leave the step as it is."""
        return self.step


class FlaxJit(FlaxLoop):
    """The step is compiled."""

    settings = Settings(mode="step", loader="host", transfers="batch")

    def compiled(self) -> Step:
        """Compile, donate nothing."""
        return jax.jit(self.step)


class FlaxDonate(FlaxLoop):
    """The compiled step may reuse its state's memory."""


class FlaxDevice(FlaxDonate):
    """The images live on the device; a batch is gathered there, inside the compiled step."""

    settings = Settings(mode="step", loader="device", transfers="once", donated=True)

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        """Upload all images."""
        super().__init__(weights, images, batch_size, learning_rate)
        self.images = jax.device_put(images)

        def gathered(state: Any, rows: jax.Array, mask: jax.Array) -> Any:
            return self.step(state, jaxae.Batch(self.images[rows], mask))

        self._gathered = jax.jit(gathered, donate_argnums=0)

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        """Send the rows' numbers, not their pixels."""
        losses = []
        for rows in batches(order, self.batch_size):
            padded = np.pad(rows, (0, self.batch_size - len(rows)))
            mask = jnp.arange(self.batch_size) < len(rows)
            self.state, loss = self._gathered(self.state, padded, mask.astype(jnp.float32))
            losses.append(loss)
        return losses
