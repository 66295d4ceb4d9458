"""The training step and the epoch: pure functions on a TrainState, one compiled call an epoch.

The data set lives on the device as uint8. An epoch draws its permutation there, gathers each batch
and scans the training step over them, so Python runs only between epochs.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

from jaxae.config import TrainConfig
from jaxae.models import Autoencoder, Params
from jaxae.training.losses import Batch, LossTerms, Objective, batch_loss, batch_terms

EVALUATION_BATCH = 1000
# Folded into a key for a stream of its own. Parameters and epochs fold in small numbers: drawn from
# one key, the first epoch's order would hang together with the first parameter.
_STEPS = 2**32 - 1
_TRAINING = 2**32 - 2
# Kept of optimizers and epochs, each with what XLA compiled for it: a search over learning rates
# would fill the memory.
_PROGRAMS = 8


class TrainState(NamedTuple):
    """All that training changes, and the key that decides what it does next.

    Attributes:
      params: the model's.
      opt_state: the optimizer's.
      key: draws each epoch's order, and each step's noise and samples; it never changes.
      epoch: int32, epochs so far.
      step: int32, updates so far.
    """

    params: Params
    opt_state: optax.OptState
    key: jax.Array
    epoch: jax.Array
    step: jax.Array


Step = Callable[[TrainState, Batch], tuple[TrainState, jax.Array]]


def make_optimizer(config: TrainConfig, n: int) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015, algorithm 1) with the configured learning rate.

    Args:
      config: learning rate and schedule; `onecycle` rises on a cosine over the first 20 % of the
        steps from 1/25 of the peak and falls to 1/10,000 of that (Smith and Topin 2018).
      n: the number of training images, which gives a schedule its length.

    Returns:
      The same object for the same arguments, so that a second run compiles nothing anew; the last
      few are kept.
    """
    onecycle = config.schedule == "onecycle"
    steps = config.epochs * num_steps(n, config.batch_size) if onecycle else None
    return _adam(config.learning_rate, steps)


@functools.lru_cache(_PROGRAMS)
def _adam(learning_rate: float, onecycle_steps: int | None) -> optax.GradientTransformation:
    rate: optax.ScalarOrSchedule = learning_rate
    if onecycle_steps is not None:
        rate = optax.cosine_onecycle_schedule(onecycle_steps, learning_rate, pct_start=0.2)
    return optax.adam(rate, b1=0.9, b2=0.999, eps=1e-8)


def num_steps(n: int, batch_size: int) -> int:
    """Steps that one epoch of n images takes, the short last batch included."""
    return -(-n // batch_size)


def init_state(params: Params, optimizer: optax.GradientTransformation, seed: int) -> TrainState:
    """Return the state before the first epoch; it owns copies of the parameters.

    Its key is of another stream than the parameters that `create_model` draws from the same seed.
    """
    key, zero = jax.random.fold_in(jax.random.key(seed), _TRAINING), jnp.int32(0)
    return copy_state(TrainState(params, optimizer.init(params), key, zero, zero))


@jax.jit
def copy_state(state: TrainState) -> TrainState:
    """Copy a state, for a call that donates one of the two."""
    return jax.tree.map(jnp.copy, state)


def make_train_step(
    graphdef: nnx.GraphDef[Autoencoder],
    optimizer: optax.GradientTransformation,
    objective: Objective | None = None,
) -> Step:
    """Return the pure function (state, batch) -> (state, loss) that takes one optimizer step.

    Args:
      graphdef: the model's structure, from `nnx.split(model, nnx.Param)`.
      optimizer: any optax transformation whose state the TrainState holds.
      objective: the loss's settings; `Objective()` if not given.

    Returns:
      The step; the loss is summed over the batch, at the parameters before the update. It is not
      jitted: compile it alone, or inside a scan as `make_train_epoch` does. It raises ValueError
      for a batch that is no `Batch`.
    """

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
        if not isinstance(batch, Batch):
            raise ValueError(
                f"the batch is of type {type(batch).__name__}; "
                "pass a Batch(images, mask), with a mask of ones where nothing is padding"
            )
        # A loss that draws nothing leaves the key unused, and XLA leaves it out.
        key = jax.random.fold_in(jax.random.fold_in(state.key, _STEPS), state.step)

        def loss_of(params: Params) -> jax.Array:
            return batch_loss(nnx.merge(graphdef, params), batch, key, objective)

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
) -> tuple[Any, Any]:
    """Scan a function over all images in the given order, batch by batch.

    Args:
      function: (carry, batch) -> (carry, summed loss of the batch).
      carry: what the function changes.
      images: uint8 array of shape (n, height, width), on the device.
      order: integer array of shape (n,), the order in which to visit the images.
      batch_size: examples per call; the short last batch is padded and masked, and so is each that
        the devices can't share evenly.
      sharding: how a batch is laid over devices, if over more than one.

    Returns:
      The last carry, and the losses of shape (steps,).
    """
    n = len(order)
    steps = num_steps(n, batch_size)
    padding = steps * batch_size - n
    uneven = 0 if sharding is None else -batch_size % sharding.mesh.size

    def in_batches(values: jax.Array) -> jax.Array:
        rows = jnp.pad(values, (0, padding)).reshape(steps, batch_size)
        return jnp.pad(rows, ((0, 0), (0, uneven)))

    indices, mask = in_batches(order), in_batches(jnp.ones(n))

    def visit(carry: Any, row: tuple[jax.Array, jax.Array]) -> tuple[Any, Any]:
        batch = Batch(images[row[0]], row[1])
        if sharding is not None:
            batch = lax.with_sharding_constraint(batch, sharding)
        return function(carry, batch)

    return lax.scan(visit, carry, (indices, mask))


@functools.lru_cache(_PROGRAMS)
def make_train_epoch(
    graphdef: nnx.GraphDef[Autoencoder],
    optimizer: optax.GradientTransformation,
    batch_size: int,
    sharding: NamedSharding | None = None,
    objective: Objective | None = None,
) -> Any:
    """Return the jitted function (state, images) -> (state, mean loss) for one epoch.

    The order of the images follows from the state's key and epoch alone. The state is donated: the
    one passed in cannot be used again.
    """
    step = make_train_step(graphdef, optimizer, objective)

    def epoch(state: TrainState, images: jax.Array) -> tuple[TrainState, jax.Array]:
        n = len(images)
        order = epoch_order(state.key, state.epoch, n)
        state, losses = scan_batches(step, state, images, order, batch_size, sharding)
        return state._replace(epoch=state.epoch + 1), jnp.sum(losses) / n

    return jax.jit(epoch, donate_argnums=0, out_shardings=replicated_over(sharding))


def compiled(function: Any, *args: Any) -> Any:
    """Compile a jitted function for arguments like these, so that no epoch's time has it.

    With JAX_DISABLE_JIT=1, which is for debugging, the function stays as it is.
    """
    if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
        return function
    return function.lower(*args).compile()


def replicated_over(sharding: NamedSharding | None) -> NamedSharding | None:
    """What a step leaves lies whole on each device that it was shared out to."""
    return None if sharding is None else NamedSharding(sharding.mesh, PartitionSpec())


def epoch_order(key: jax.Array, epoch: jax.Array, n: int) -> jax.Array:
    """Draw the order in which an epoch visits n images, from a TrainState's key and epoch alone."""
    return jax.random.permutation(jax.random.fold_in(key, epoch), n)


def evaluate(
    graphdef: nnx.GraphDef[Autoencoder],
    params: Params,
    images: jax.Array,
    objective: Objective | None = None,
    sharding: NamedSharding | None = None,
) -> jax.Array:
    """Loss, a mean over uint8 images of shape (n, height, width); samples are always the same."""
    return evaluate_terms(graphdef, params, images, objective, sharding).loss


@functools.partial(jax.jit, static_argnums=(0, 3, 4))
def evaluate_terms(
    graphdef: nnx.GraphDef[Autoencoder],
    params: Params,
    images: jax.Array,
    objective: Objective | None = None,
    sharding: NamedSharding | None = None,
) -> LossTerms:
    """Loss and each of its terms, means as `evaluate` gives them."""
    test = make_test_step(nnx.merge(graphdef, params), objective)
    batch_size = min(EVALUATION_BATCH, len(images))
    order = jnp.arange(len(images))
    _, sums = scan_batches(test, jax.random.key(0), images, order, batch_size, sharding)
    return jax.tree.map(lambda term: jnp.sum(term) / len(images), sums)


def make_test_step(
    model: Autoencoder, objective: Objective | None = None
) -> Callable[[jax.Array, Batch], tuple[jax.Array, LossTerms]]:
    """Return the function (key, batch) -> (next key, summed terms) to scan over test images."""

    def test(key: jax.Array, batch: Batch) -> tuple[jax.Array, LossTerms]:
        key, own = jax.random.split(key)
        return key, batch_terms(model, batch, own, objective)

    return test
