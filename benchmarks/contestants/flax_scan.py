"""jaxae's public functions: a scanned, compiled epoch, and `jaxae.encode` and `jaxae.decode`."""

import functools
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx

import jaxae
from benchmarks.tasks import Floats, Pixels, Settings, Sizes, Weights
from jaxae.models import Params


class FlaxScan:
    """`jaxae.scan_batches` of `jaxae.make_train_step`, jitted, with a donated state."""

    settings = Settings(mode="epoch", loader="device", transfers="once", donated=True)

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        self.model = model_of(weights)
        self.adam = self.optimizer(learning_rate, len(images))
        self.step = jaxae.make_train_step(nnx.graphdef(self.model), self.adam)
        self.reset(weights)
        self._given: object = None
        self.images = jax.device_put(images)
        self.batch_size = batch_size
        self._epoch = jax.jit(
            functools.partial(jaxae.scan_batches, self.step, batch_size=batch_size),
            donate_argnums=0,
        )

    def optimizer(self, learning_rate: float, n: int) -> optax.GradientTransformation:
        """Make Adam with a constant learning rate."""
        return jaxae.make_optimizer(jaxae.TrainConfig(learning_rate=learning_rate), n)

    def reset(self, weights: Weights) -> None:
        params = nnx.state(model_of(weights), nnx.Param)
        self.state = jaxae.init_state(params, self.adam, 0)

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        self.state, losses = self._epoch(self.state, self.images, order)
        return losses

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        """Differentiate `jaxae.batch_loss`."""
        graphdef = nnx.graphdef(self.model)
        batch = jaxae.Batch(self.images[rows], np.ones(len(rows), np.float32))
        grads = jax.jit(jax.grad(lambda p: jaxae.batch_loss(nnx.merge(graphdef, p), batch)))
        return named(grads(self.state.params))

    def encode(self, images: Pixels) -> Floats:
        return jaxae.encode(self._trained(), images.reshape(-1, *self.model.image_shape))

    def decode(self, z: Floats) -> Floats:
        return jaxae.decode(self._trained(), z).reshape(len(z), -1)

    def weights(self) -> Weights:
        return named(self.state.params)

    def synchronise(self) -> None:
        jax.block_until_ready(self.state)

    def _trained(self) -> jaxae.Autoencoder:
        if self._given is not self.state:
            nnx.update(self.model, self.state.params)
            self._given = self.state
        return self.model


class FlaxOneCycle(FlaxScan):
    """jaxae's fast recipe: a one-cycle schedule over eight epochs."""

    def optimizer(self, learning_rate: float, n: int) -> optax.GradientTransformation:
        """Make Adam with a schedule that peaks at four times the constant learning rate."""
        config = jaxae.TrainConfig(epochs=8, learning_rate=4 * learning_rate, schedule="onecycle")
        return jaxae.make_optimizer(config, n)


def named(params: Params) -> Weights:
    """Flatten nested parameters to the reference's layout."""
    flat = nnx.to_flat_state(params)
    return {".".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in flat}


def model_of(weights: Weights) -> jaxae.Autoencoder:
    """Make jaxae's model for flat images, with these weights."""
    pixels, hidden, latent = Sizes.of(weights)
    model = jaxae.create_model(jaxae.ModelConfig(latent, hidden), (1, pixels), 0)
    for name, value in weights.items():
        part, layer, kind = name.split(".")
        getattr(getattr(getattr(model, part), layer), kind)[...] = jax.numpy.asarray(value)
    return model
