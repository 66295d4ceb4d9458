"""jaxae's training step called from Python for each batch, and an ablation of its speed.

Each of `flax-nojit`, `flax-jit`, `flax-donate` (`FlaxLoop`), `flax-device` and `flax` differs from
the previous one in one thing.
"""

from typing import Any

import jax
import numpy as np
import numpy.typing as npt

import jaxae
from benchmarks.contestants.flax_scan import FlaxScan
from benchmarks.tasks import Floats, Pixels, Settings, Weights, batches
from jaxae.training import Step


class FlaxLoop(FlaxScan):
    """`jaxae.make_train_step`, jitted; each batch comes from the host."""

    settings = Settings(mode="step", loader="host", transfers="batch", donated=True)

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        super().__init__(weights, images[:1], batch_size, learning_rate)
        self.host_images = images
        self._call = self.compiled()

    def compiled(self) -> Step:
        """Compile the step, which donates its state."""
        return jax.jit(self.step, donate_argnums=0)

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        self.images = jax.device_put(self.host_images)
        return super().gradients(rows)

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        losses = []
        for rows in batches(order, self.batch_size):
            # A short last batch is padded, since another shape would recompile the step.
            mask = np.zeros(self.batch_size, np.float32)
            mask[: len(rows)] = 1
            padded = np.pad(rows, (0, self.batch_size - len(rows)))
            self.state, loss = self.updated(padded, mask)
            losses.append(loss)
        return losses

    def updated(self, rows: npt.NDArray[np.int32], mask: Floats) -> tuple[Any, jax.Array]:
        """Return the state after a batch, and the loss before it."""
        return self._call(self.state, jaxae.Batch(self.host_images[rows], mask))


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

        def gathered(state: Any, images: jax.Array, rows: jax.Array, mask: jax.Array) -> Any:
            return self.step(state, jaxae.Batch(images[rows], mask))

        self._gathered = jax.jit(gathered, donate_argnums=0)

    def updated(self, rows: npt.NDArray[np.int32], mask: Floats) -> tuple[Any, jax.Array]:
        return self._gathered(self.state, self.images, rows, mask)
