"""`fit_seeds`: train one model from several seeds at once, as one vmapped program."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxae.config import ModelConfig, TrainConfig
from jaxae.data import Dataset, hold_out
from jaxae.distributed import check_precision, find_devices, make_mesh
from jaxae.models import abstract_model, create_model, parameters
from jaxae.training.loop import Epoch, check_state, finite_metrics
from jaxae.training.optimizer import make_optimizer
from jaxae.training.resident import ResidentEpochs, TrainingSetup, Transform
from jaxae.training.step import TrainState, init_state
from jaxae.training.streaming import exceeds_memory


def fit_seeds(
    dataset: Dataset,
    model_config: ModelConfig,
    train_config: TrainConfig,
    seeds: Sequence[int],
    *,
    optimizer: optax.GradientTransformation | None = None,
    states: Sequence[TrainState] | None = None,
    mesh: Mesh | None = None,
    on_epoch: Callable[[list[Epoch]], None] | None = None,
    on_position: Callable[[], None] | None = None,
) -> list[TrainState]:
    """Train one model for each seed, all at once.

    Each seed gives the same result as with `jaxae.fit`, up to rounding.

    Args:
      dataset: the images, shared by all.
      model_config: the model.
      train_config: how to train it; its own seed is not used. The images that are held out are the
        same for all seeds.
      seeds: whole numbers, 0 or greater.
      optimizer: as for `jaxae.fit`.
      states: states to resume from, one for each seed, all after the same epoch; by default the
        initial states.
      mesh: devices of one process, each of which trains some of the seeds; by default as in
        `jaxae.fit`.
      on_epoch: called after each epoch with one entry for each seed; its `seconds` are the time of
        all seeds divided by their number.
      on_position: called within a long epoch, every few seconds; an exception ends the training.

    Returns:
      The last state of each seed.

    Raises:
      ValueError: there are no seeds; no image is left to train on; there is not one state for each
        seed, all after one epoch and of this model and optimizer; or the devices lack the precision
        or the memory for the images.
      DivergedError: the loss of a seed is no longer finite.
    """
    if not seeds:
        raise ValueError("seeds is empty; expected one or more")
    mesh = _just_enough(mesh or make_mesh(find_devices()), len(seeds))
    check_study(dataset, train_config, mesh)
    dataset, validation = hold_out(dataset, train_config.validation)
    optimizer = optimizer or make_optimizer(train_config, len(dataset.train))
    graphdef, _ = abstract_model(model_config, dataset.image_shape)

    def first(seed: int) -> TrainState:
        model = create_model(model_config, dataset.image_shape, seed)
        return init_state(parameters(model), optimizer, seed)

    begun = [first(seed) for seed in seeds] if states is None else list(states)
    epochs = [int(state.epoch) for state in begun]
    if len(begun) != len(seeds) or len(set(epochs)) != 1:
        raise ValueError(
            f"got states after epochs {epochs} for {len(seeds)} seeds; expected one state for each "
            "seed, all after the same epoch"
        )
    like = jax.eval_shape(lambda: first(seeds[0]))
    for state in begun:
        check_state(state, like)
    # Copies of the last state fill the remaining devices; their results are dropped.
    begun += begun[-1:] * (-len(seeds) % mesh.size)
    sharding = NamedSharding(mesh, PartitionSpec("batch"))
    state = jax.device_put(jax.tree.map(lambda *leaves: jnp.stack(leaves), *begun), sharding)
    program = ResidentEpochs(
        TrainingSetup(graphdef, optimizer, dataset, validation, train_config, mesh),
        state,
        on_position and (lambda _: on_position()),
        transform=_vmap_over(mesh),
    )

    for number in range(epochs[0] + 1, train_config.epochs + 1):
        start = time.perf_counter()
        state, train_losses = program.train(state)
        seconds = (time.perf_counter() - start) / len(seeds)
        evaluated = program.evaluate(state)
        ended = []
        for i, (seed, own) in enumerate(zip(seeds, _unstacked(state, len(seeds)), strict=True)):
            terms = jax.tree.map(lambda term, i=i: term[i], evaluated)
            metrics = finite_metrics(
                *(number, train_losses[i], terms, seconds, len(dataset.train), train_config),
                of=f" of seed {seed}",
            )
            ended.append(Epoch(metrics, own))
        if on_epoch is not None:
            on_epoch(ended)
    return _unstacked(state, len(seeds))


def check_study(dataset: Dataset, config: TrainConfig, mesh: Mesh) -> None:
    """Raise ValueError if the devices lack the precision or cannot hold the images."""
    device = mesh.local_devices[0]
    check_precision(config.precision, device)
    if config.stream or exceeds_memory(dataset, device):
        raise ValueError(
            f"a study keeps all images on each device, but the {dataset.name} images have to be "
            "streamed; train the seeds one by one with jaxae train --seed N"
        )


def _just_enough(mesh: Mesh, seeds: int) -> Mesh:
    # More devices would not reduce the number of seeds on the busiest one.
    each = -(-seeds // mesh.size)
    return make_mesh(list(mesh.devices.flat)[: -(-seeds // each)])


@functools.cache
def _vmap_over(mesh: Mesh) -> Transform:
    # Cached, so that a second call reuses the compiled programs of the first.
    own, whole = PartitionSpec("batch"), PartitionSpec()

    def transform(function: Callable[..., Any]) -> Callable[..., Any]:
        def of_states(state: TrainState, *shared: Any) -> Any:
            return jax.shard_map(
                jax.vmap(function, in_axes=(0, *(None for _ in shared))),
                mesh=mesh,
                in_specs=(own, *(whole for _ in shared)),
                out_specs=own,
                check_vma=False,
            )(state, *shared)

        return of_states

    return transform


def _unstacked(state: TrainState, n: int) -> list[TrainState]:
    return [jax.tree.map(lambda leaf, i=i: leaf[i], state) for i in range(n)]
