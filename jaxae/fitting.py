"""Fit a model to a data set: the loop over compiled epochs, with its metrics."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from flax import nnx
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxae.config import TrainConfig
from jaxae.data import Dataset
from jaxae.losses import Objective
from jaxae.models import Autoencoder
from jaxae.training import (
    TrainState,
    copy_state,
    evaluate,
    init_state,
    make_optimizer,
    make_train_epoch,
)


class DivergedError(ValueError):
    """The training loss is no longer finite; the model keeps its last finite epoch."""


class EpochMetrics(NamedTuple):
    """One epoch as numbers; losses are a mean over images.

    An image's loss is its squared error summed over pixels, for a vae with the weighted divergence.
    The training loss is met on the way, so each batch is judged before it is learnt, noise and all;
    the test loss is that of clean images and the parameters at the epoch's end. `seconds` is the
    compiled epoch's wall time, without compilation and without the test loss.
    """

    epoch: int
    train_loss: float
    test_loss: float
    seconds: float
    images_per_second: float


class Epoch(NamedTuple):
    """What `fit` reports: the numbers, and a state that stays valid when training goes on."""

    metrics: EpochMetrics
    state: TrainState


def fit(
    model: Autoencoder,
    dataset: Dataset,
    config: TrainConfig | None = None,
    *,
    state: TrainState | None = None,
    mesh: Mesh | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> list[EpochMetrics]:
    """Train a model in place.

    After each epoch the model holds that epoch's parameters, so an interrupt loses one epoch at
    the most.

    Args:
      model: the autoencoder to train, made for the data set's image shape.
      dataset: the images; labels are not used.
      config: how to train; `TrainConfig()` if not given.
      state: where to go on from, of a model and a configuration like these, such as an `Epoch`'s.
        Its epochs count towards `config.epochs`, and the rest is bit for bit what one call over
        all of them does. If not given, the start: the model's parameters and the seed's key.
      mesh: the devices, from `make_mesh`, whose number must divide the batch size; JAX's default
        device if not given.
      on_epoch: called after each epoch.

    Returns:
      The metrics, one entry for each epoch that this call trained.

    Raises:
      ValueError: the model was made for images of another size.
      DivergedError: the loss is no longer finite; the model keeps the epoch before.
    """
    config = config or TrainConfig()
    if model.image_shape != dataset.image_shape:
        raise ValueError(
            f"the model is made for images of {model.image_shape}, "
            f"{dataset.name} has {dataset.image_shape}; pass image_shape={dataset.image_shape}"
        )
    mesh = mesh or make_mesh([_default_device()])
    if config.batch_size % mesh.size:
        raise ValueError(
            f"batch_size is {config.batch_size}; expected a multiple of the {mesh.size} devices"
        )
    replicated = NamedSharding(mesh, PartitionSpec())
    sharding = NamedSharding(mesh, PartitionSpec("batch")) if mesh.size > 1 else None

    graphdef, params = nnx.split(model, nnx.Param)
    optimizer = make_optimizer(config, len(dataset.train))
    objective = Objective.of(config)
    if state is None:
        state = init_state(params, optimizer, config.seed)
    else:
        nnx.update(model, state.params)
        state = copy_state(state)
    state = jax.device_put(state, replicated)
    images = jax.device_put(dataset.train.images, replicated)
    test_images = jax.device_put(dataset.test.images, replicated)
    epoch_fn = make_train_epoch(graphdef, optimizer, config.batch_size, sharding, objective)
    train_epoch = epoch_fn.lower(state, images).compile()

    history: list[EpochMetrics] = []
    for number in range(int(state.epoch) + 1, config.epochs + 1):
        start = time.perf_counter()
        state, train_loss = train_epoch(state, images)
        train_loss = float(train_loss)  # Waits for the device.
        seconds = time.perf_counter() - start
        test_loss = float(evaluate(graphdef, state.params, test_images, objective.of_clean_images))
        if not np.isfinite(train_loss + test_loss):
            raise DivergedError(
                f"the loss is {train_loss} in epoch {number}; the state before it is kept. "
                f"Lower the learning rate ({config.learning_rate:g})"
            )
        metrics = EpochMetrics(number, train_loss, test_loss, seconds, len(images) / seconds)
        history.append(metrics)
        # A copy, because the next epoch consumes the state.
        kept = copy_state(state)
        nnx.update(model, kept.params)
        if on_epoch is not None:
            on_epoch(Epoch(metrics, kept))
    return history


def make_mesh(devices: Sequence[jax.Device]) -> Mesh:
    """Lay devices out along the batch, each to take its share of every step."""
    return jax.make_mesh((len(devices),), ("batch",), devices=devices, axis_types=(AxisType.Auto,))


def _default_device() -> jax.Device:
    # What jax.default_device chose; None lets JAX choose.
    chosen: jax.Device | None = jax.config.jax_default_device  # type: ignore[attr-defined]
    return chosen or jax.devices()[0]
