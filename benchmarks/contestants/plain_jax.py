"""Plain JAX: parameters in a dictionary, and a compiled epoch that scans over the batches."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from jax import lax

from benchmarks.contestants.chunks import in_chunks
from benchmarks.tasks import Floats, Pixels, Settings, Sizes, Weights, padded_batches

# Rows in a call of encode or decode.
CHUNK = 1024
State = tuple[Weights, optax.OptState]


def dense(w: Weights, layer: str, x: jax.Array) -> jax.Array:
    """Apply a dense layer to one row or many."""
    return x @ w[f"{layer}.kernel"] + w[f"{layer}.bias"]


@jax.jit
def encode(w: Weights, x: jax.Array) -> jax.Array:
    """Map pixels from 0 to 255 to latent points."""
    return dense(w, "encoder.latent", jax.nn.relu(dense(w, "encoder.hidden", x / 255)))


@jax.jit
def decode(w: Weights, z: jax.Array) -> jax.Array:
    """Map latent points to pixels from 0 to 1."""
    return jax.nn.sigmoid(dense(w, "decoder.pixels", jax.nn.relu(dense(w, "decoder.hidden", z))))


def loss(w: Weights, x: jax.Array, mask: jax.Array) -> jax.Array:
    """Squared error summed over pixels and over the images where the mask is 1."""
    squares = jnp.square(decode(w, encode(w, x)) - x / 255)
    return jnp.sum(squares * mask[:, None])


class PlainJax:
    """One compiled call per epoch, which donates the parameters and the state of Adam."""

    settings = Settings(mode="epoch", loader="device", transfers="once", donated=True)

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        self.images, self.batch_size = jax.device_put(images), batch_size
        self.sizes = Sizes.of(weights)
        self.adam = optax.adam(learning_rate)
        self.epoch = jax.jit(self.all_steps, donate_argnums=0)
        self.reset(weights)

    def reset(self, weights: Weights) -> None:
        parameters = jax.tree.map(jnp.array, weights)
        self.state: State = parameters, self.adam.init(parameters)

    def all_steps(
        self, state: State, images: jax.Array, rows: jax.Array, mask: jax.Array
    ) -> tuple[State, jax.Array]:
        def step(state: State, batch: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
            value, grads = jax.value_and_grad(loss)(state[0], images[batch[0]], batch[1])
            updates, moments = self.adam.update(grads, state[1])
            return (optax.apply_updates(state[0], updates), moments), value

        return lax.scan(step, state, (rows, mask))

    def train(self, order: npt.NDArray[np.int32]) -> jax.Array:
        rows, mask = padded_batches(order, self.batch_size)
        self.state, losses = self.epoch(self.state, self.images, rows, mask)
        return losses

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights:
        grads = jax.grad(loss)(self.state[0], self.images[rows], np.ones(len(rows)))
        return jax.tree.map(np.asarray, grads)

    def encode(self, images: Pixels) -> Floats:
        w = self.state[0]
        return in_chunks(lambda x: encode(w, x), images, self.sizes.latent, CHUNK)

    def decode(self, z: Floats) -> Floats:
        w = self.state[0]
        return in_chunks(lambda z: decode(w, z), z, self.sizes.pixels, CHUNK)

    def weights(self) -> Weights:
        return jax.tree.map(np.array, self.state[0])

    def synchronise(self) -> None:
        jax.block_until_ready(self.state)
