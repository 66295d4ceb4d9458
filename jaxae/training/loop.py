"""Fit a model to a data set: the loop over compiled epochs, with its metrics."""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from jaxae.config import TrainConfig
from jaxae.data import Dataset
from jaxae.distributed import (
    all_reduce_max,
    check_precision,
    find_devices,
    make_mesh,
    put_replicated,
)
from jaxae.models import Autoencoder
from jaxae.training.resident import EpochPosition, Epochs, ResidentEpochs, TrainingSetup
from jaxae.training.step import TrainState, copy_state, init_state, make_optimizer
from jaxae.training.streaming import StreamedEpochs, exceeds_memory


class DivergedError(ValueError):
    """The training or test loss is no longer finite; the model keeps its last finite epoch."""


class EpochMetrics(NamedTuple):
    """One epoch as numbers; losses are a mean over images.

    An image's loss is its squared error summed over pixels, for a vae with the weighted divergence.
    The training loss is a running mean, computed before each update, with noise; the test loss is
    that of clean images and the parameters at the epoch's end. A vae's test loss is
    `test_squared_error` + β · `test_divergence`, which other models lack. `seconds` is the
    epoch's wall time, without compilation and without the test loss; where training went on within
    an epoch, of its rest.
    """

    epoch: int
    train_loss: float
    test_loss: float
    seconds: float
    images_per_second: float
    test_squared_error: float | None = None
    test_divergence: float | None = None

    def as_json(self) -> dict[str, float]:
        """Return the numbers by name, without those that the model does not have."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Epoch(NamedTuple):
    """What `fit` reports: the numbers, and a state that stays valid when training goes on."""

    metrics: EpochMetrics
    state: TrainState


def fit(
    model: Autoencoder,
    dataset: Dataset,
    config: TrainConfig | None = None,
    *,
    state: TrainState | EpochPosition | None = None,
    mesh: Mesh | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_position: Callable[[EpochPosition], None] | None = None,
) -> list[EpochMetrics]:
    """Train a model in place.

    After each epoch the model holds that epoch's parameters, so an interrupt loses one epoch at
    the most.

    In a run over several processes (`jax.distributed`), each is to call this with the same
    arguments; each reads its share of the images only.

    Args:
      model: the autoencoder to train, made for the data set's image shape.
      dataset: the images; labels are not used.
      config: how to train; `TrainConfig()` if not given. Images are streamed if it says so, and
        where they exceed `STREAM_SHARE` of a device's memory.
      state: where to go on from, of a model and a configuration like these, such as an `Epoch`'s.
        Its epochs count towards `config.epochs`, and the rest is bit for bit what one call over
        all of them does. If not given, the start: the model's parameters and the seed's key.
      mesh: the devices, from `make_mesh`; if not given, all that JAX finds, or the one that
        `jax.default_device` chose. The result depends on their number by rounding only.
      on_epoch: called after each epoch.
      on_position: called within a streamed epoch, from several times a second to once in a
        minute, and within any other long epoch, every few seconds.

    Returns:
      The metrics, one entry for each epoch that this call trained.

    Raises:
      ValueError: the model was made for images of another size, the state is not one of this model
        and optimizer, or the devices have no such precision.
      DivergedError: the loss is no longer finite; the model keeps the epoch before.
    """
    config = config or TrainConfig()
    if model.image_shape != dataset.image_shape:
        raise ValueError(
            f"the model is made for images of {model.image_shape}, "
            f"{dataset.name} has {dataset.image_shape}; pass image_shape={dataset.image_shape}"
        )
    mesh = mesh or make_mesh(find_devices())
    check_precision(config.precision, mesh.local_devices[0])
    graphdef, params = nnx.split(model, nnx.Param)
    optimizer = make_optimizer(config, len(dataset.train))
    stream = config.stream or exceeds_memory(dataset, mesh.local_devices[0])
    batches, loss = 0, np.zeros(())
    if isinstance(state, EpochPosition):
        batches, loss = int(state.batches), np.asarray(state.loss)
        stream = loss.ndim == 0
        state = state.state
    # A copy, because the first epoch consumes the state.
    if state is None:
        start = init_state(params, optimizer, config.seed)
    else:
        like = jax.eval_shape(lambda params: init_state(params, optimizer, config.seed), params)
        check_state(state, like)
        nnx.update(model, state.params)
        start = copy_state(state)
    now: TrainState = put_replicated(start, mesh)
    work = TrainingSetup(graphdef, optimizer, dataset, config, mesh)
    epochs: Epochs
    if all_reduce_max(stream):  # What one process must, all do.
        epochs = StreamedEpochs(work, now, on_position)
    else:
        epochs = ResidentEpochs(work, now, on_position)

    history: list[EpochMetrics] = []
    for number in range(int(now.epoch) + 1, config.epochs + 1):
        images = len(dataset.train) - batches * config.batch_size
        began = time.perf_counter()
        now, train_loss = epochs.train(now, batches, loss)
        seconds = time.perf_counter() - began
        batches, loss = 0, np.zeros(())
        test = epochs.test(now.params)
        for name, value in (("training", train_loss), ("test", test.loss)):
            if not np.isfinite(value):
                raise DivergedError(
                    f"the {name} loss is {value} in epoch {number}; the state before it is kept. "
                    f"Lower the learning rate ({config.learning_rate:g})"
                )
        metrics = EpochMetrics(number, train_loss, test.loss, seconds, images / seconds, *test[1:])
        history.append(metrics)
        # A copy, because the next epoch consumes the state.
        kept = copy_state(now)
        nnx.update(model, kept.params)
        if on_epoch is not None:
            on_epoch(Epoch(metrics, kept))
    return history


def check_state(state: TrainState, like: TrainState) -> None:
    """Raise ValueError, naming an array, if two states differ in structure, shapes or types."""
    given, expected = (
        {jax.tree_util.keystr(path): str(jax.typeof(leaf)).lstrip("~") for path, leaf in leaves}
        for leaves in map(jax.tree.leaves_with_path, (state, like))
    )
    for name in expected | given:
        if given.get(name) != expected.get(name):
            raise ValueError(
                f"state{name} is {given.get(name, 'missing')}; this model and optimizer need "
                f"{expected.get(name, 'none')}; pass a state of the same model and configuration"
            )
