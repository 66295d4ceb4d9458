"""Equinox as its documentation shows it: a module for one example, `vmap`, and `lax.scan`."""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax

from benchmarks.contestants.chunks import in_chunks
from benchmarks.tasks import LAYERS, Floats, Pixels, Settings, Sizes, Weights, padded_batches

# Rows in a call of encode or decode; a smaller last call compiles for its own size.
CHUNK = 1024


class Autoencoder(eqx.Module):
    """The model for one flat image, with the reference's layers in order."""

    layers: list[eqx.nn.Linear]

    def __init__(self, weights: Weights):
        self.layers = []
        for name in LAYERS:
            kernel, bias = weights[f"{name}.kernel"], weights[f"{name}.bias"]
            shaped = eqx.nn.Linear(*kernel.shape, key=jax.random.key(0))
            # Equinox's kernels have shape (outputs, inputs).
            values = jnp.asarray(kernel.T), jnp.asarray(bias)
            self.layers.append(eqx.tree_at(lambda of: (of.weight, of.bias), shaped, values))

    def encode(self, image: jax.Array) -> jax.Array:
        """Map uint8 pixels to a latent point."""
        return self.layers[1](jax.nn.relu(self.layers[0](image.astype(jnp.float32) / 255)))

    def decode(self, z: jax.Array) -> jax.Array:
        """Map a latent point to pixels in [0, 1]."""
        return jax.nn.sigmoid(self.layers[3](jax.nn.relu(self.layers[2](z))))


State = tuple[Autoencoder, optax.OptState]
Apply = Callable[[Autoencoder, jax.Array], jax.Array]


class EquinoxScan:
    """One compiled call per epoch, which donates the model and the optimizer state."""

    settings = Settings(mode="epoch", loader="device", transfers="once", donated=True)

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        self.images = jax.device_put(images)
        self.sizes = Sizes.of(weights)
        self.batch_size, self.learning_rate = batch_size, learning_rate
        self.reset(weights)

    def reset(self, weights: Weights) -> None:
        model = Autoencoder(weights)
        self.state: State = model, adam(self.learning_rate).init(model)

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        rows, mask = padded_batches(order, self.batch_size)
        self.state, losses = epoch(self.state, self.images, rows, mask, self.learning_rate)
        return losses

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        return named(jax.jit(jax.grad(loss))(self.state[0], self.images[rows], np.ones(len(rows))))

    def encode(self, images: Pixels) -> Floats:
        return self._mapped(Autoencoder.encode, images, self.sizes.latent)

    def decode(self, z: Floats) -> Floats:
        return self._mapped(Autoencoder.decode, z, self.sizes.pixels)

    def weights(self) -> Weights:
        return named(self.state[0])

    def synchronise(self) -> None:
        jax.block_until_ready(self.state)

    def _mapped(self, function: Apply, rows: npt.NDArray[Any], width: int) -> Floats:
        model = self.state[0]
        return in_chunks(lambda chunk: apply(function, model, chunk), rows, width, CHUNK)


def adam(learning_rate: float) -> optax.GradientTransformation:
    """Make the optimizer."""
    return optax.adam(learning_rate, b1=0.9, b2=0.999, eps=1e-8)


def loss(model: Autoencoder, images: jax.Array, mask: jax.Array) -> jax.Array:
    """Squared error summed over pixels and over the images where the mask is 1."""

    def of_one(image: jax.Array) -> jax.Array:
        return jnp.sum(jnp.square(model.decode(model.encode(image)) - image / 255))

    return jnp.sum(jax.vmap(of_one)(images) * mask)


@functools.partial(jax.jit, static_argnames="learning_rate", donate_argnums=0)
def epoch(
    state: State, images: jax.Array, rows: jax.Array, mask: jax.Array, learning_rate: float
) -> tuple[State, jax.Array]:
    """Scan a training step over the batches of row numbers."""

    def step(state: State, batch: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
        model, opt_state = state
        value, grads = jax.value_and_grad(loss)(model, images[batch[0]], batch[1])
        updates, opt_state = adam(learning_rate).update(grads, opt_state)
        return (eqx.apply_updates(model, updates), opt_state), value

    return jax.lax.scan(step, state, (rows, mask))


@functools.partial(jax.jit, static_argnums=0)
def apply(function: Apply, model: Autoencoder, batch: jax.Array) -> jax.Array:
    """Map one method of the model over a batch."""
    return jax.vmap(functools.partial(function, model))(batch)


def named(model: Autoencoder) -> Weights:
    """Copy a model's arrays, or its gradient's, to the host in the reference's layout."""
    arrays: Weights = {}
    for name, layer in zip(LAYERS, model.layers, strict=True):
        arrays[f"{name}.kernel"] = np.array(layer.weight).T
        arrays[f"{name}.bias"] = np.array(layer.bias)
    return arrays
