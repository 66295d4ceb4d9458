"""The training step, and epochs as a scan of it: pure functions of a TrainState.

The data set lives on the devices as uint8. The order of an epoch is drawn there too, and each batch
is gathered inside the scan, so Python runs only between epochs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import lax
from jax.sharding import NamedSharding
from jax.typing import ArrayLike

from jaxae.distributed import replicated
from jaxae.models import Params
from jaxae.training.losses import Batch, batch_loss
from jaxae.training.objective import Objective
from jaxae.training.optimizer import cached, num_steps

# Folded into a key to make independent streams of random numbers. Parameters and epochs fold in
# small numbers, so with one key the first epoch's order would depend on the first parameter.
_STEPS = 2**32 - 1
_TRAINING = 2**32 - 2


class TrainState(NamedTuple):
    """Everything that training updates, and the key of its random numbers.

    Attributes:
      params: parameters of the model.
      opt_state: state of the optimizer.
      key: draws the order of each epoch, and the noise and samples of each step; it never changes.
      epoch: int32, number of finished epochs.
      step: int32, number of updates.
    """

    params: Params
    opt_state: optax.OptState
    key: jax.Array
    epoch: jax.Array
    step: jax.Array


Step = Callable[[TrainState, Batch], tuple[TrainState, jax.Array]]


def init_state(params: Params, optimizer: optax.GradientTransformation, seed: int) -> TrainState:
    """Return the state before the first epoch, with a copy of the parameters.

    Its key is independent of the one from which `create_model` draws with the same seed.
    """
    key, zero = jax.random.fold_in(jax.random.key(seed), _TRAINING), jnp.int32(0)
    return copy_state(TrainState(params, optimizer.init(params), key, zero, zero))


@jax.jit
def copy_state(state: TrainState) -> TrainState:
    """Copy a state, so that one of the two can be donated."""
    return jax.tree.map(jnp.copy, state)


def make_train_step(
    graphdef: nnx.GraphDef[Any],
    optimizer: optax.GradientTransformation,
    objective: Objective | None = None,
) -> Step:
    """Return the pure function (state, batch) -> (state, loss) that takes one optimizer step.

    Args:
      graphdef: structure of the model, from `nnx.split(model, nnx.Param)`.
      optimizer: any optax transformation, whose state the TrainState holds.
      objective: settings of the loss; `Objective()` by default.

    Returns:
      The step, not jitted. Its loss is summed over the batch and computed before the update.
      It raises ValueError if the batch is not a `Batch`.
    """

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
        if not isinstance(batch, Batch):
            raise ValueError(
                f"the batch is of type {type(batch).__name__}; "
                "pass a Batch(images, mask), with a mask of ones where nothing is padding"
            )
        # If the loss draws nothing, XLA removes the key.
        key = jax.random.fold_in(jax.random.fold_in(state.key, _STEPS), state.step)
        now = (objective or Objective()).at(state.step)

        def loss_of(params: Params) -> jax.Array:
            return batch_loss(nnx.merge(graphdef, params), batch, key, now)

        loss, grads = jax.value_and_grad(loss_of)(state.params)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return state._replace(params=params, opt_state=opt_state, step=state.step + 1), loss

    return step


def scan_batches(
    function: Callable[[Any, Batch], tuple[Any, Any]],
    carry: Any,
    images: jax.Array,
    order: jax.Array,
    batch_size: int,
    sharding: NamedSharding | None = None,
    *,
    start: ArrayLike = 0,
    steps: int | None = None,
) -> tuple[Any, Any]:
    """Scan a function over images in a given order, batch by batch.

    Args:
      function: (carry, batch) -> (carry, outputs of the batch), such as a training step.
      carry: the initial carry.
      images: uint8 array of shape (n, *image_shape), on the devices.
      order: integer array of shape (n,), the order in which to visit the images.
      batch_size: examples per batch. A short last batch is padded and masked, and so is every batch
        that the devices cannot share evenly.
      sharding: sharding of a batch over several devices; None for a single device.
      start: number of the first batch to visit.
      steps: number of batches to visit; all of them by default, which requires `start` to be 0.

    Returns:
      The last carry, and the outputs stacked along a new first axis of length `steps`.
    """
    n = len(order)
    total = num_steps(n, batch_size)
    uneven = 0 if sharding is None else -batch_size % sharding.mesh.size

    def in_batches(values: jax.Array) -> jax.Array:
        rows = jnp.pad(values, (0, total * batch_size - n)).reshape(total, batch_size)
        rows = jnp.pad(rows, ((0, 0), (0, uneven)))
        return rows if steps is None else lax.dynamic_slice_in_dim(rows, start, steps)

    def visit(carry: Any, row: tuple[jax.Array, jax.Array]) -> tuple[Any, Any]:
        batch = Batch(images[row[0]], row[1])
        if sharding is not None:
            batch = lax.with_sharding_constraint(batch, sharding)
        return function(carry, batch)

    return lax.scan(visit, carry, (in_batches(order), in_batches(jnp.ones(n))))


def train_batches(
    step: Step,
    state: TrainState,
    images: jax.Array,
    order: jax.Array,
    batch_size: int,
    sharding: NamedSharding | None = None,
    *,
    start: ArrayLike = 0,
    steps: int | None = None,
) -> tuple[TrainState, jax.Array]:
    """Train on the batches of an epoch, or on some of them; arguments as for `scan_batches`.

    Returns:
      The state, which counts the epoch if its last batch was among them, and the loss of each
      batch, summed over its images.
    """
    state, losses = scan_batches(
        step, state, images, order, batch_size, sharding, start=start, steps=steps
    )
    finished = start + len(losses) == num_steps(len(order), batch_size)
    return state._replace(epoch=state.epoch + finished), losses


def epoch_order(key: jax.Array, epoch: jax.Array, n: int) -> jax.Array:
    """Draw the order in which an epoch visits n images, from a TrainState's key and epoch."""
    return jax.random.permutation(jax.random.fold_in(key, epoch), n)


@cached
def make_train_epoch(
    graphdef: nnx.GraphDef[Any],
    optimizer: optax.GradientTransformation,
    batch_size: int,
    sharding: NamedSharding | None = None,
    objective: Objective | None = None,
) -> Callable[[TrainState, jax.Array], tuple[TrainState, jax.Array]]:
    """Return the jitted function (state, images) -> (state, mean loss) that trains one epoch.

    The order of the images depends on the state's key and epoch only. The state is donated: the one
    passed in cannot be used again.
    """
    step = make_train_step(graphdef, optimizer, objective)

    def epoch(state: TrainState, images: jax.Array) -> tuple[TrainState, jax.Array]:
        order = epoch_order(state.key, state.epoch, len(images))
        state, losses = train_batches(step, state, images, order, batch_size, sharding)
        return state, jnp.sum(losses) / len(images)

    return jax.jit(epoch, donate_argnums=0, out_shardings=sharding and replicated(sharding.mesh))
