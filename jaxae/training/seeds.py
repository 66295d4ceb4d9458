"""Train one model from several seeds at once, as one vmapped program."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxae.config import ModelConfig, TrainConfig
from jaxae.data import Dataset
from jaxae.distributed import check_precision, find_devices, make_mesh, put_rows_replicated
from jaxae.models import abstract_model, create_model
from jaxae.training.loop import DivergedError, Epoch, EpochMetrics, check_state
from jaxae.training.losses import LossTerms
from jaxae.training.resident import TrainingSetup, chunk_steps, mean_over_images, next_epoch
from jaxae.training.step import (
    TrainState,
    compiled,
    epoch_order,
    evaluate_terms,
    init_state,
    make_optimizer,
    make_train_step,
    num_steps,
    scan_batches,
)
from jaxae.training.streaming import exceeds_memory


def fit_seeds(
    dataset: Dataset,
    model_config: ModelConfig,
    train_config: TrainConfig,
    seeds: Sequence[int],
    *,
    states: Sequence[TrainState] | None = None,
    mesh: Mesh | None = None,
    on_epoch: Callable[[list[Epoch]], None] | None = None,
    on_position: Callable[[], None] | None = None,
) -> list[TrainState]:
    """Train one model for each seed, all at once: `vmap` over the states of `jaxae.fit`'s epoch.

    Args:
      dataset: the images, one copy for all.
      model_config: the model.
      train_config: how to train it; its own seed is not used.
      seeds: whole numbers from 0 on; each gives what `jaxae.fit` gives with it, but for the order
        in which products are summed.
      states: where to continue from, one for each seed and all after the same epoch, as in
        `jaxae.fit`; if not given, the start.
      mesh: the devices, of one process, each to train some of the seeds; by default as in
        `jaxae.fit`.
      on_epoch: called after each epoch with an entry for each seed; the time is that of all,
        shared out evenly.
      on_position: called within a long epoch, every few seconds; raising there ends the training.

    Returns:
      The last state of each seed.

    Raises:
      ValueError: there are no seeds, the states are not one for each of them, not of one epoch or
        not of this model and optimizer, the devices have no such precision, or they cannot hold the
        images.
      DivergedError: a seed's loss is no longer finite.
    """
    if not seeds:
        raise ValueError("seeds is empty; expected one or more")
    mesh = _just_enough(mesh or make_mesh(find_devices()), len(seeds))
    check_study(dataset, train_config, mesh)
    optimizer = make_optimizer(train_config, len(dataset.train))
    graphdef, _ = abstract_model(model_config, dataset.image_shape)

    def first(seed: int) -> TrainState:
        model = create_model(model_config, dataset.image_shape, seed)
        return init_state(nnx.state(model, nnx.Param), optimizer, seed)

    begun = [first(seed) for seed in seeds] if states is None else list(states)
    epochs = [int(state.epoch) for state in begun]
    if len(begun) != len(seeds) or len(set(epochs)) != 1:
        raise ValueError(
            f"states after epochs {epochs} of {len(seeds)} seeds; expected one each, of one epoch"
        )
    like = jax.eval_shape(lambda: first(seeds[0]))
    for state in begun:
        check_state(state, like)
    # Seeds that don't fill the devices: the last one again, and its doubles are not looked at.
    begun += begun[-1:] * (-len(seeds) % mesh.size)
    spread = NamedSharding(mesh, PartitionSpec("batch"))
    state = jax.device_put(jax.tree.map(lambda *leaves: jnp.stack(leaves), *begun), spread)
    program = _SeedEpochs(
        TrainingSetup(graphdef, optimizer, dataset, train_config, mesh), state, on_position
    )

    for number in range(epochs[0] + 1, train_config.epochs + 1):
        start = time.perf_counter()
        state, train_losses = program.train(state)
        seconds = (time.perf_counter() - start) / len(seeds)
        means = program.test(state)
        rate = len(dataset.train) / seconds
        ended = []
        for i, own in enumerate(_unstacked(state, len(seeds))):
            train_loss = float(train_losses[i])
            test_loss, *terms = (float(mean[i]) for mean in means if mean is not None)
            if not np.isfinite(train_loss + test_loss):
                raise DivergedError(
                    f"the loss of seed {seeds[i]} is not finite in epoch {number}; "
                    f"lower the learning rate ({train_config.learning_rate:g})"
                )
            metrics = EpochMetrics(number, train_loss, test_loss, seconds, rate, *terms)
            ended.append(Epoch(metrics, own))
        if on_epoch is not None:
            on_epoch(ended)
    return _unstacked(state, len(seeds))


class _SeedEpochs:
    """The epochs of all seeds at once, in as many compiled calls as `ResidentEpochs` would take."""

    def __init__(
        self, work: TrainingSetup, state: TrainState, on_position: Callable[[], None] | None
    ):
        """Put the images on the devices, and compile for stacked states like this one."""
        self._size, self._on_position = work.config.batch_size, on_position
        self._images = put_rows_replicated(work.dataset.train.images, work.mesh)
        self._test_images = put_rows_replicated(work.dataset.test.images, work.mesh)
        n = len(self._images)
        self._steps = num_steps(n, self._size)
        step = make_train_step(work.graphdef, work.optimizer, work.objective)

        def part(state: TrainState, images: jax.Array, order: jax.Array) -> Any:
            return scan_batches(step, state, images, order, self._size)

        def test(state: TrainState, images: jax.Array) -> LossTerms:
            objective = work.objective.for_evaluation
            return evaluate_terms(work.graphdef, state.params, images, objective)

        def order(state: TrainState, images: jax.Array) -> jax.Array:
            return epoch_order(state.key, state.epoch, n)

        self._test = jax.jit(_on_each_device(test, work.mesh))
        self._order = jax.jit(_on_each_device(order, work.mesh))
        program = jax.jit(_on_each_device(part, work.mesh, own_rows=True), donate_argnums=0)
        orders = self._order(state, self._images)
        self._chunk_steps = chunk_steps(
            lambda: program.lower(state, self._images, orders), state, self._steps
        )
        usual = self._chunk_steps * self._size
        self._parts = {
            rows: compiled(program, state, self._images, orders[:, :rows])
            for rows in {min(usual, n), n % usual or min(usual, n)}
        }

    def train(self, state: TrainState) -> tuple[TrainState, npt.NDArray[np.float32]]:
        """Train an epoch; the state is donated. Returns its losses, means over its images."""
        orders = np.asarray(self._order(state, self._images))
        losses = []
        for start in range(0, self._steps, self._chunk_steps):
            rows = orders[:, start * self._size : (start + self._chunk_steps) * self._size]
            state, part = self._parts[rows.shape[1]](state, self._images, rows)
            losses.append(np.asarray(part))  # Waits for the devices.
            if start + self._chunk_steps < self._steps and self._on_position is not None:
                self._on_position()
        means = mean_over_images(np.concatenate(losses, axis=1), orders.shape[1])
        return next_epoch(state), np.asarray(means)

    def test(self, state: TrainState) -> LossTerms:
        """Loss and its terms of each seed, means over the test images, without noise."""
        return self._test(state, self._test_images)


def check_study(dataset: Dataset, config: TrainConfig, mesh: Mesh) -> None:
    """Raise ValueError if the devices lack the precision or cannot hold the images."""
    device = mesh.local_devices[0]
    check_precision(config.precision, device)
    if config.stream or exceeds_memory(dataset, device):
        raise ValueError(
            f"a study keeps all images on each device, and the {dataset.name} images are to be "
            "streamed; train the seeds one by one with jaxae train --seed N"
        )


def _just_enough(mesh: Mesh, seeds: int) -> Mesh:
    # As many devices as keep the busiest one's seeds at the fewest.
    each = -(-seeds // mesh.size)
    return make_mesh(list(mesh.devices.flat)[: -(-seeds // each)])


def _on_each_device(
    function: Callable[..., Any], mesh: Mesh, *, own_rows: bool = False
) -> Callable[..., Any]:
    """Map (state, images) or (state, images, rows) over each device's own states; no exchange."""
    own, whole = PartitionSpec("batch"), PartitionSpec()
    axes, specs = (0, None, 0), (own, whole, own)
    count = 3 if own_rows else 2
    return jax.shard_map(
        jax.vmap(function, in_axes=axes[:count]),
        mesh=mesh,
        in_specs=specs[:count],
        out_specs=own,
        check_vma=False,
    )


def _unstacked(state: TrainState, n: int) -> list[TrainState]:
    return [jax.tree.map(lambda leaf, i=i: leaf[i], state) for i in range(n)]
