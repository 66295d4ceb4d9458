"""An ablation of jaxae's speed, from a step that is not compiled to a scanned epoch.

Each contestant differs from the previous one in one thing: `flax-nojit`, `flax-jit`, `flax-donate`
(the class `FlaxLoop`), `flax-device`, `flax`.
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
    """The bare step: Python dispatches every operation."""

    settings = Settings(mode="eager", loader="host", transfers="batch")

    def compiled(self) -> Step:
        return self.step


class FlaxJit(FlaxLoop):
    """The step is compiled, and donates nothing."""

    settings = Settings(mode="step", loader="host", transfers="batch")

    def compiled(self) -> Step:
        return jax.jit(self.step)


class FlaxDevice(FlaxLoop):
    """The images live on the device; the compiled step gathers each batch there."""

    settings = Settings(mode="step", loader="device", transfers="once", donated=True)

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        super().__init__(weights, images, batch_size, learning_rate)
        self.images = jax.device_put(images)

        def gathered(state: Any, rows: jax.Array, mask: jax.Array) -> Any:
            return self.step(state, jaxae.Batch(self.images[rows], mask))

        self._gathered = jax.jit(gathered, donate_argnums=0)

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        losses = []
        for rows in batches(order, self.batch_size):
            padded = np.pad(rows, (0, self.batch_size - len(rows)))
            mask = jnp.arange(self.batch_size) < len(rows)
            self.state, loss = self._gathered(self.state, padded, mask.astype(jnp.float32))
            losses.append(loss)
        return losses
