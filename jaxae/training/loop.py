"""`fit`: the loop over epochs, with its metrics."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx
from jax.sharding import Mesh

from jaxae.config import TrainConfig
from jaxae.data import Dataset, hold_out
from jaxae.distributed import (
    all_reduce_max,
    check_precision,
    find_devices,
    make_mesh,
    put_replicated,
)
from jaxae.models import AutoencoderLike, check_model
from jaxae.training.losses import LossTerms
from jaxae.training.objective import ExampleLoss
from jaxae.training.optimizer import make_optimizer
from jaxae.training.resident import EpochPosition, ResidentEpochs, TrainingSetup
from jaxae.training.step import TrainState, copy_state, init_state
from jaxae.training.streaming import StreamedEpochs, exceeds_memory


class DivergedError(ValueError):
    """A loss is no longer finite; the model keeps the parameters before."""


class EpochMetrics(NamedTuple):
    """Metrics of one epoch. Losses are means over images.

    The loss of an image is its squared error summed over pixels, or, for likelihoods other than
    `squared`, its negative log-likelihood in nats; that of a vae adds the weighted divergence. The
    training loss is a running mean, computed before each update, with noise, with the penalty of
    `flatten` and, during a warm-up, with the weight of the step. The test loss is that of clean
    images, without the penalty, with the full weight, and of the parameters at the end of the
    epoch. For a vae with `squared`, it is `test_squared_error` + β · `test_divergence`. Other
    models lack the divergence and, if it is their loss, the squared error. The validation loss is
    that of the training images that were held out, if any. `seconds` is wall time, without
    compilation and without the test and validation losses, of the part of the epoch that this call
    trained.
    """

    epoch: int
    train_loss: float
    test_loss: float
    seconds: float
    images_per_second: float
    test_squared_error: float | None = None
    test_divergence: float | None = None
    validation_loss: float | None = None

    def as_json(self) -> dict[str, float]:
        """Return the metrics by name, without those that are None."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Epoch(NamedTuple):
    """What `fit` reports after an epoch: metrics, and a state that remains valid."""

    metrics: EpochMetrics
    state: TrainState


def fit(
    model: AutoencoderLike,
    dataset: Dataset,
    config: TrainConfig | None = None,
    *,
    optimizer: optax.GradientTransformation | None = None,
    loss: ExampleLoss | None = None,
    state: TrainState | EpochPosition | None = None,
    mesh: Mesh | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_position: Callable[[EpochPosition], None] | None = None,
) -> list[EpochMetrics]:
    """Train a model in place.

    After each epoch the model holds the new parameters, so an interrupt loses at most one epoch.

    When several processes train together (`jax.distributed`), each calls this with the same
    arguments, and reads only its share of the images.

    Args:
      model: the autoencoder to train, made for the data set's image shape: one of `create_model`,
        or any `nnx.Module` that has the attributes of `jaxae.models.AutoencoderLike`.
      dataset: the images; labels are not used.
      config: how to train; `TrainConfig()` by default. `config.validation` training images are held
        out, as by `jaxae.data.hold_out`. Images are streamed if `config.stream` is set, or if they
        exceed `STREAM_FRACTION` of a device's memory.
      optimizer: any optax transformation; by default Adam, as `config` says. The learning rate and
        the schedule of `config` have no effect on it.
      loss: (model, x, key) -> loss of one image x of shape `model.image_shape`, values 0 to 1, a
        scalar; the key draws noise or samples. By default the loss that `config` says.
      state: the state to resume from, such as `Epoch.state`, of the same model and configuration.
        Its epochs count towards `config.epochs`, and the result is bit for bit that of one
        uninterrupted call. By default, the model's parameters and a key from the seed.
      mesh: devices, from `make_mesh`; by default all that JAX finds, or the one chosen by
        `jax.default_device`. Their number changes the result only by rounding.
      on_epoch: called after each epoch.
      on_position: called within a streamed epoch, from several times a second to once a minute, and
        within any other long epoch, every few seconds.

    Returns:
      The metrics of each epoch that this call trained.

    Raises:
      ValueError: the model was made for images of another size, no image is left to train on, the
        state does not belong to this model and optimizer, the devices lack the precision, or a loss
        was given together with settings of the default one.
      DivergedError: the loss is no longer finite; the model keeps the parameters of the epoch
        before.

    Example:
      >>> data, _ = jaxae.data.hold_out(jaxae.load_dataset("mnist"), 59_000)
      >>> model = jaxae.create_model(jaxae.ModelConfig(), data.image_shape, seed=0)
      >>> history = jaxae.fit(model, data, jaxae.TrainConfig(epochs=2))
      >>> history[1].test_loss < history[0].test_loss
      True
    """
    config = config or TrainConfig()
    check_model(model)
    if model.image_shape != dataset.image_shape:
        raise ValueError(
            f"the model is made for images of {model.image_shape}, "
            f"{dataset.name} has {dataset.image_shape}; pass image_shape={dataset.image_shape}"
        )
    mesh = mesh or make_mesh(find_devices())
    check_precision(config.precision, mesh.local_devices[0])
    stream = config.stream or exceeds_memory(dataset, mesh.local_devices[0])
    dataset, validation = hold_out(dataset, config.validation)
    graphdef, params = nnx.split(model, nnx.Param)
    optimizer = optimizer or make_optimizer(config, len(dataset.train))
    batches, loss_so_far = 0, np.zeros(())
    if isinstance(state, EpochPosition):
        batches, loss_so_far = int(state.batches), np.asarray(state.loss)
        stream = state.is_streamed
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
    setup = TrainingSetup(graphdef, optimizer, dataset, validation, config, mesh, loss)
    # If one process has to stream, all of them must.
    kind = StreamedEpochs if all_reduce_max(stream) else ResidentEpochs
    epochs = kind(setup, now, on_position)

    history: list[EpochMetrics] = []
    for number in range(int(now.epoch) + 1, config.epochs + 1):
        images = len(dataset.train) - batches * config.batch_size
        began = time.perf_counter()
        now, train_loss = epochs.train(now, batches, loss_so_far)
        seconds = time.perf_counter() - began
        batches, loss_so_far = 0, np.zeros(())
        found = epochs.evaluate(now)
        metrics = finite_metrics(number, train_loss, found, seconds, images, config)
        history.append(metrics)
        # A copy, because the next epoch consumes the state.
        kept = copy_state(now)
        nnx.update(model, kept.params)
        if on_epoch is not None:
            on_epoch(Epoch(metrics, kept))
    return history


def finite_metrics(
    number: int,
    train_loss: float | npt.NDArray[np.float32],
    evaluated: Mapping[str, LossTerms],
    seconds: float,
    images: int,
    config: TrainConfig,
    of: str = "",
) -> EpochMetrics:
    """Return the metrics of an epoch; raise DivergedError if a loss is not finite."""
    losses = {"training": train_loss, **{name: terms.loss for name, terms in evaluated.items()}}
    for name, value in losses.items():
        if not np.isfinite(value):
            raise DivergedError(
                f"the {name} loss{of} is {value} in epoch {number}; the state before it is kept. "
                f"Lower the learning rate ({config.learning_rate:g})"
            )
    loss, *terms = (float(term) for term in evaluated["test"] if term is not None)
    row = EpochMetrics(number, float(train_loss), loss, seconds, images / seconds, *terms)
    if "validation" in losses:
        row = row._replace(validation_loss=float(losses["validation"]))
    return row


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
