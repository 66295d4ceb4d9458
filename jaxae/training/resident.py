"""An epoch of training and the test after it: what they are of, and over images on the devices."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx
from jax.sharding import Mesh

from jaxae.config import TrainConfig
from jaxae.data import Dataset
from jaxae.distributed import batch_sharding, put_rows_replicated
from jaxae.models import Autoencoder, Params
from jaxae.training.losses import LossTerms, Objective
from jaxae.training.step import (
    TrainState,
    compiled,
    epoch_order,
    evaluate_terms,
    make_train_epoch,
    make_train_step,
    num_steps,
    replicated_over,
    scan_batches,
)

# A stop waits for a compiled call to end. An epoch that takes longer than this many seconds on a
# device as slow as assumed here, a few CPU cores of 2015, is cut into parts.
_PART_SECONDS = 10
_FLOPS_PER_SECOND, _BYTES_PER_SECOND = 4e10, 2e10


class TrainingSetup(NamedTuple):
    """What epochs are made of: the model's structure, its optimizer, data, settings, devices."""

    graphdef: nnx.GraphDef[Autoencoder]
    optimizer: optax.GradientTransformation
    dataset: Dataset
    config: TrainConfig
    mesh: Mesh

    @property
    def objective(self) -> Objective:
        """What training minimises."""
        return Objective.of(self.config)


class EpochPosition(NamedTuple):
    """A position inside an epoch, from which it goes on as if it had not stopped.

    Attributes:
      state: valid until training goes on; `copy_state` keeps it.
      batches: int32, how many of the epoch are behind.
      loss: float32, of a streamed epoch summed over their images; of one whose images lie on the
        devices, each batch's own of shape (steps,), 0 for those to come.
    """

    state: TrainState
    batches: np.int32
    loss: np.float32 | npt.NDArray[np.float32]


UnfinishedEpoch = EpochPosition  # Its name until 0.1.


class Epochs(Protocol):
    """How an epoch is trained, and its parameters judged."""

    def train(
        self, state: TrainState, batches: int = 0, loss: npt.ArrayLike = 0.0
    ) -> tuple[TrainState, float]:
        """Train to the epoch's end.

        Args:
          state: donated.
          batches: how many of this epoch are behind.
          loss: of these, as an `EpochPosition` of this kind of epochs has it.

        Returns:
          The state after it, and the loss, a mean over its images.
        """
        ...

    def test(self, params: Params) -> LossTerms:
        """Loss and its terms as floats, means over the test images, without noise."""
        ...


class ResidentEpochs:
    """Over images that each device holds: one compiled call an epoch, several where it is long."""

    def __init__(
        self,
        work: TrainingSetup,
        state: TrainState,
        on_position: Callable[[EpochPosition], None] | None = None,
    ):
        """Put the images on the devices, and compile for states like this one.

        Args:
          work: what to train, and on what.
          state: the first that `train` will be given.
          on_position: called after each part of a long epoch but the last.
        """
        self._work, self._on_position = work, on_position
        self._sharding = batch_sharding(work.mesh)
        self._images = put_rows_replicated(work.dataset.train.images, work.mesh)
        self._test_images = put_rows_replicated(work.dataset.test.images, work.mesh)
        batch_size = work.config.batch_size
        self._steps = num_steps(len(self._images), batch_size)
        epoch = make_train_epoch(
            work.graphdef, work.optimizer, batch_size, self._sharding, work.objective
        )
        self._like = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state
        )
        self._part = functools.cache(self._compile_part)
        self._whole: Any = None
        lower = functools.cache(lambda: epoch.lower(state, self._images))
        self._chunk_steps = chunk_steps(lower, state, self._steps)
        if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
            self._whole = epoch
        elif self._chunk_steps == self._steps:
            self._whole = lower().compile()
        else:
            usual = self._chunk_steps * batch_size
            for images in {usual, len(self._images) % usual or usual}:
                self._part(images)

    def _compile_part(self, images: int) -> Any:
        work = self._work
        step = make_train_step(work.graphdef, work.optimizer, work.objective)

        def part(state: TrainState, images: jax.Array, order: jax.Array) -> Any:
            return scan_batches(step, state, images, order, work.config.batch_size, self._sharding)

        program = jax.jit(part, donate_argnums=0, out_shardings=replicated_over(self._sharding))
        order = jax.ShapeDtypeStruct((images,), np.int32)
        return compiled(program, self._like, self._images, order)

    def train(
        self, state: TrainState, batches: int = 0, loss: npt.ArrayLike = 0.0
    ) -> tuple[TrainState, float]:
        """See `Epochs`."""
        if self._chunk_steps == self._steps and batches == 0:
            state, mean = self._whole(state, self._images)
            return state, float(mean)
        order = np.asarray(drawn_order(state.key, state.epoch, len(self._images)))
        losses = np.broadcast_to(np.asarray(loss, np.float32), (self._steps,)).copy()
        size = self._work.config.batch_size
        while batches < self._steps:
            end = min(batches + self._chunk_steps, self._steps)
            rows = order[batches * size : end * size]
            state, losses[batches:end] = self._part(len(rows))(state, self._images, rows)
            batches = end
            if batches < self._steps and self._on_position is not None:
                self._on_position(EpochPosition(state, np.int32(batches), losses.copy()))
        return next_epoch(state), float(mean_over_images(losses, len(self._images)))

    def test(self, params: Params) -> LossTerms:
        """See `Epochs`."""
        graphdef, objective = self._work.graphdef, self._work.objective.for_evaluation
        means = evaluate_terms(graphdef, params, self._test_images, objective, self._sharding)
        return jax.tree.map(float, means)


def chunk_steps(lower: Callable[[], jax.stages.Lowered], state: TrainState, steps: int) -> int:
    """Choose how many steps a compiled call takes: all, unless an epoch is long.

    Args:
      lower: lowers the epoch; not called with JAX_DISABLE_JIT=1, under which all is one part.
      state: that it trains.
      steps: of the epoch.
    """
    if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
        return steps
    # XLA counts a loop's body once, here a step. Adam, besides, reads and writes the state.
    flops = (lower().cost_analysis() or {}).get("flops", 0.0)
    moved = 3 * sum(leaf.nbytes for leaf in jax.tree.leaves((state.params, state.opt_state)))
    seconds = steps * (flops / _FLOPS_PER_SECOND + moved / _BYTES_PER_SECOND)
    size = math.ceil(steps / math.ceil(seconds / _PART_SECONDS))
    # A loop of one step is no loop to XLA, which then rounds otherwise.
    while size < steps and (size == 1 or steps % size == 1):
        size += 1
    return size


drawn_order = jax.jit(epoch_order, static_argnums=2)


@functools.partial(jax.jit, donate_argnums=0)
def next_epoch(state: TrainState) -> TrainState:
    """Count an epoch whose last batch is behind; the state is donated."""
    return state._replace(epoch=state.epoch + 1)


@functools.partial(jax.jit, static_argnums=1)
def mean_over_images(losses: jax.Array, n: int) -> jax.Array:
    """Divide the sum of the batches' losses, shape (…, steps), by the number of images."""
    return jnp.sum(losses, axis=-1) / n
