"""The same model from several seeds: trained as one vmapped program, summed up in one report."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxae import analysis
from jaxae.claims import Claim
from jaxae.config import ModelConfig, TrainConfig
from jaxae.data import Dataset
from jaxae.devices import check_precision, find_devices, make_mesh, replicate_rows
from jaxae.fitting import DivergedError, Epoch, EpochMetrics
from jaxae.losses import LossTerms, Objective
from jaxae.models import abstract_model, create_model
from jaxae.report import Report
from jaxae.streaming import exceeds_memory
from jaxae.training import (
    TrainState,
    compiled,
    evaluate_terms,
    init_state,
    make_optimizer,
    make_train_epoch,
)


def fit_seeds(
    dataset: Dataset,
    model_config: ModelConfig,
    train_config: TrainConfig,
    seeds: Sequence[int],
    *,
    states: Sequence[TrainState] | None = None,
    mesh: Mesh | None = None,
    on_epoch: Callable[[list[Epoch]], None] | None = None,
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

    Returns:
      The last state of each seed.

    Raises:
      ValueError: there are no seeds, the states are not one for each of them or not of one epoch,
        the devices have no such precision, or they cannot hold the images.
      DivergedError: a seed's loss is no longer finite.
    """
    if not seeds:
        raise ValueError("seeds is empty; expected one or more")
    mesh = _just_enough(mesh or make_mesh(find_devices()), len(seeds))
    check_study(dataset, train_config, mesh)
    optimizer = make_optimizer(train_config, len(dataset.train))
    objective = Objective.of(train_config)
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
    # Seeds that don't fill the devices: the last one again, and its doubles are not looked at.
    begun += begun[-1:] * (-len(seeds) % mesh.size)
    spread = NamedSharding(mesh, PartitionSpec("batch"))
    state = jax.device_put(jax.tree.map(lambda *leaves: jnp.stack(leaves), *begun), spread)
    images = replicate_rows(dataset.train.images, mesh)
    test_images = replicate_rows(dataset.test.images, mesh)
    one = make_train_epoch(graphdef, optimizer, train_config.batch_size, None, objective)
    every = jax.jit(_on_each_device(jax.vmap(one, in_axes=(0, None)), mesh), donate_argnums=0)
    train_epoch = compiled(every, state, images)

    def test_one(state: TrainState, images: jax.Array) -> LossTerms:
        return evaluate_terms(graphdef, state.params, images, objective.of_clean_images)

    test = jax.jit(_on_each_device(jax.vmap(test_one, in_axes=(0, None)), mesh))

    for number in range(epochs[0] + 1, train_config.epochs + 1):
        start = time.perf_counter()
        state, train_losses = train_epoch(state, images)
        train_losses = np.asarray(train_losses)[: len(seeds)]  # Waits for the devices.
        seconds = (time.perf_counter() - start) / len(seeds)
        means = test(state, test_images)
        rate = len(images) / seconds
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


def check_study(dataset: Dataset, config: TrainConfig, mesh: Mesh) -> None:
    """Raise ValueError if the devices have not the precision, or cannot hold the images."""
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


def _on_each_device(function: Callable[..., Any], mesh: Mesh) -> Callable[..., Any]:
    """Apply (states, images) -> results to each device's own states; nothing is exchanged."""
    own, whole = PartitionSpec("batch"), PartitionSpec()
    return jax.shard_map(function, mesh=mesh, in_specs=(own, whole), out_specs=own, check_vma=False)


def _unstacked(state: TrainState, n: int) -> list[TrainState]:
    return [jax.tree.map(lambda leaf, i=i: leaf[i], state) for i in range(n)]


class Verdict(NamedTuple):
    """A claim over all seeds: in how many it holds, of those in which it can be judged."""

    sentence: str
    rule: str
    holds: int
    judged: int

    @property
    def words(self) -> str:
        """Whether it holds whatever the seed."""
        if self.judged == 0:
            return "can't be judged"
        if self.holds in (0, self.judged):
            return f"{'holds' if self.holds else 'fails'} in every seed"
        return f"depends on the seed: holds in {self.holds} of {self.judged}"


def verdicts(claims: Sequence[Sequence[Claim]]) -> list[Verdict]:
    """Count in how many seeds each claim holds; a list of claims for each seed, in one order."""
    found = []
    for of_seeds in zip(*claims, strict=True):
        judged = [claim.holds for claim in of_seeds if claim.holds is not None]
        found.append(Verdict(of_seeds[0].sentence, of_seeds[0].rule, sum(judged), len(judged)))
    return found


def summary(reports: Sequence[Report]) -> Report:
    """Mean of each number over the seeds, with Student's t interval; of p-values, the largest.

    A number that some seeds lack is undefined in the summary, with the first one's reason.
    """
    first = reports[0]
    total = Report(class_names=first.class_names)
    total.mixing = np.mean([report.mixing for report in reports], axis=0).tolist()
    names = (name for report in reports for name in (*report.numbers, *report.undefined))
    for name in dict.fromkeys(names):
        without = [report for report in reports if name not in report.numbers]
        if not without:
            values = [report.numbers[name].value for report in reports]
            total.add(name, max if name == "normality_p" else analysis.mean, values)
        else:
            reason = without[0].undefined.get(name, "not measured")
            some = f" (in {len(without)} of {len(reports)} seeds)"
            total.undefined[name] = reason + some * (len(without) < len(reports))
    return total
