"""Epochs over images that stay on the devices: one compiled call each, or several if long."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding

from jaxae.config import TrainConfig
from jaxae.data import Dataset, Images, Split
from jaxae.distributed import batch_sharding, put_rows_replicated, replicated
from jaxae.training.evaluation import evaluate_terms
from jaxae.training.losses import LossTerms
from jaxae.training.objective import ExampleLoss, Objective
from jaxae.training.optimizer import cached, num_steps
from jaxae.training.step import TrainState, epoch_order, make_train_step, train_batches

# A signal has to wait for a compiled call to return. An epoch that would take longer than this many
# seconds on a slow device (a few CPU cores of 2015) is therefore split into several calls.
_CALL_SECONDS = 10
_FLOPS_PER_SECOND, _BYTES_PER_SECOND = 4e10, 2e10

Array = npt.NDArray[np.float32]
# Maps a function of one state to one of many states, as `vmap` does.
Transform = Callable[[Callable[..., Any]], Callable[..., Any]]


class TrainingSetup(NamedTuple):
    """What an epoch needs: model structure, optimizer, data, configuration, devices.

    Attributes:
      dataset: without the images that are held out.
      validation: these images, if any.
      loss: a loss of one example in place of the configured one.
    """

    graphdef: nnx.GraphDef[Any]
    optimizer: optax.GradientTransformation
    dataset: Dataset
    validation: Split | None
    config: TrainConfig
    mesh: Mesh
    loss: ExampleLoss | None = None

    @property
    def evaluated(self) -> dict[str, Images]:
        """The images to evaluate on after an epoch, by name."""
        kept_out = {} if self.validation is None else {"validation": self.validation.images}
        return {"test": self.dataset.test.images, **kept_out}

    @property
    def objective(self) -> Objective:
        """What training minimises."""
        return Objective.of(self.config, len(self.dataset.train), self.loss)


class EpochPosition(NamedTuple):
    """A position within an epoch. Training that resumes from it ends with the same bits.

    Attributes:
      state: valid until training continues; `copy_state` keeps it.
      batches: int32, number of batches of the epoch that are done.
      loss: float32. For a streamed epoch, the sum over the images seen so far; for any other, the
        loss of each batch, shape (steps,), 0 for those still to come.
    """

    state: TrainState
    batches: np.int32
    loss: np.float32 | Array

    @property
    def is_streamed(self) -> bool:
        """Whether the position is within a streamed epoch."""
        return np.ndim(self.loss) == 0


UnfinishedEpoch = EpochPosition  # Its name until 0.1.


class ResidentEpochs:
    """Trains and evaluates on images that every device holds.

    Args:
      setup: what to train, and on what.
      state: the programs are compiled for its shapes, types and shardings.
      on_position: called within an epoch that takes several calls, after each but the last.
      transform: maps the programs over many states; by default there is one state. States are then
        stacked and sharded over the devices, and all results have a leading axis.
    """

    def __init__(
        self,
        setup: TrainingSetup,
        state: TrainState,
        on_position: Callable[[EpochPosition], None] | None = None,
        transform: Transform | None = None,
    ):
        """Put the images on the devices and compile."""
        self._on_position = on_position
        self._images = put_rows_replicated(setup.dataset.train.images, setup.mesh)
        self._evaluated = {
            name: put_rows_replicated(images, setup.mesh)
            for name, images in setup.evaluated.items()
        }
        self._steps = num_steps(len(self._images), setup.config.batch_size)
        sharding = batch_sharding(setup.mesh) if transform is None else None
        self._test = _make_test(setup.graphdef, setup.objective.for_evaluation, sharding, transform)
        call = functools.partial(
            _make_call,
            *(setup.graphdef, setup.optimizer, setup.objective, setup.config.batch_size),
            *(sharding, transform),
        )
        self._order = _make_order(sharding, transform)
        args = abstract((state, self._order(state, self._images))), self._images, np.int32(0)
        self._steps_per_call = steps_per_call(
            lambda: call(self._steps).lower(*args), state, self._steps
        )
        self._program = functools.cache(lambda steps: compiled(call(steps), *args))
        for steps in {self._steps_per_call, self._steps % self._steps_per_call} - {0}:
            self._program(steps)

    def train(
        self, state: TrainState, batches: int = 0, loss: npt.ArrayLike = 0.0
    ) -> tuple[TrainState, Array]:
        """Train to the end of an epoch.

        Args:
          state: donated.
          batches: number of batches of this epoch that are done.
          loss: their loss, as in `EpochPosition`.

        Returns:
          The state after the epoch, and the mean loss over its images.
        """
        losses = np.empty((*state.step.shape, self._steps), np.float32)
        losses[...] = loss
        carry = state, self._order(state, self._images)
        while batches < self._steps:
            end = min(batches + self._steps_per_call, self._steps)
            program = self._program(end - batches)
            carry, losses[..., batches:end] = program(carry, self._images, np.int32(batches))
            batches = end
            if batches < self._steps and self._on_position is not None:
                self._on_position(EpochPosition(carry[0], np.int32(batches), losses.copy()))
        return carry[0], np.asarray(_mean(losses, len(self._images)))

    def evaluate(self, state: TrainState) -> dict[str, LossTerms]:
        """Return the mean loss and its terms, without noise, over the test images and others.

        The keys are those of `TrainingSetup.evaluated`.
        """
        found = {name: self._test(state, images) for name, images in self._evaluated.items()}
        return jax.tree.map(np.asarray, found)


def steps_per_call(lower: Callable[[], jax.stages.Lowered], state: TrainState, steps: int) -> int:
    """Choose how many of an epoch's steps a compiled call takes: all, unless the epoch is long.

    `lower` lowers a call that takes all steps. With JAX_DISABLE_JIT=1 it is not called, and the
    result is `steps`.
    """
    if _jit_disabled():
        return steps
    # XLA counts the body of a loop once: here, a step. Adam also reads and writes the state.
    flops = (lower().cost_analysis() or {}).get("flops", 0.0)
    moved = 3 * sum(leaf.nbytes for leaf in jax.tree.leaves((state.params, state.opt_state)))
    seconds = steps * (flops / _FLOPS_PER_SECOND + moved / _BYTES_PER_SECOND)
    size = math.ceil(steps / math.ceil(seconds / _CALL_SECONDS))
    # XLA unrolls a loop of one step, which then rounds differently.
    while size < steps and (size == 1 or steps % size == 1):
        size += 1
    return size


def abstract(tree: Any) -> Any:
    """Return the shapes, types and shardings of a tree of arrays."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), tree)


def compiled(function: Any, *args: Any) -> Any:
    """Compile a jitted function ahead of time, so that the time of an epoch does not include it.

    With JAX_DISABLE_JIT=1, which is for debugging, return the function itself.
    """
    return function if _jit_disabled() else function.lower(*args).compile()


# Cached, because a new jitted function would be compiled again.
@cached
def _make_call(
    graphdef: nnx.GraphDef[Any],
    optimizer: optax.GradientTransformation,
    objective: Objective,
    batch_size: int,
    sharding: NamedSharding | None,
    transform: Transform | None,
    steps: int,
) -> Any:
    step = make_train_step(graphdef, optimizer, objective)

    def call(carry: tuple[TrainState, jax.Array], images: jax.Array, start: jax.Array) -> Any:
        state, order = carry
        state, losses = train_batches(
            step, state, images, order, batch_size, sharding, start=start, steps=steps
        )
        return (state, order), losses

    out = sharding and replicated(sharding.mesh)
    return jax.jit(transform(call) if transform else call, donate_argnums=0, out_shardings=out)


@cached
def _make_order(sharding: NamedSharding | None, transform: Transform | None) -> Any:
    def order(state: TrainState, images: jax.Array) -> jax.Array:
        return epoch_order(state.key, state.epoch, len(images))

    out = sharding and replicated(sharding.mesh)
    return jax.jit(transform(order) if transform else order, out_shardings=out)


@cached
def _make_test(
    graphdef: nnx.GraphDef[Any],
    objective: Objective,
    sharding: NamedSharding | None,
    transform: Transform | None,
) -> Any:
    def test(state: TrainState, images: jax.Array) -> LossTerms:
        return evaluate_terms(graphdef, state.params, images, objective, sharding)

    return jax.jit(transform(test)) if transform else test


@functools.partial(jax.jit, static_argnums=1)
def _mean(losses: jax.Array, n: int) -> jax.Array:
    # In JAX, not NumPy, which sums in another order.
    return jnp.sum(losses, axis=-1) / n


def _jit_disabled() -> bool:
    disabled: bool = jax.config.jax_disable_jit  # type: ignore[attr-defined]
    return disabled
