"""flax.linen, Flax's earlier interface: an epoch as a scan, as in `flax`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import linen as nn
from flax.training.train_state import TrainState
from jax import lax

from benchmarks.contestants.chunks import in_chunks
from benchmarks.tasks import Floats, Pixels, Settings, Sizes, Weights, padded_batches

# Rows in a call of encode or decode.
CHUNK = 1024


class Half(nn.Module):
    """The encoder, or the decoder without its sigmoid: two dense layers."""

    hidden: int
    outputs: int
    last: str

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map rows to rows."""
        return nn.Dense(self.outputs, name=self.last)(
            nn.relu(nn.Dense(self.hidden, name="hidden")(x))
        )


class Autoencoder(nn.Module):
    """The model for batches of flat uint8 images."""

    sizes: Sizes

    def setup(self) -> None:
        """Make both halves."""
        self.encoder = Half(self.sizes.hidden, self.sizes.latent, "latent")
        self.decoder = Half(self.sizes.hidden, self.sizes.pixels, "pixels")

    def encode(self, images: jax.Array) -> jax.Array:
        """Map uint8 pixels to latent points."""
        return self.encoder(images.astype(jnp.float32) / 255)

    def decode(self, z: jax.Array) -> jax.Array:
        """Map latent points to pixels in [0, 1]."""
        return nn.sigmoid(self.decoder(z))

    def __call__(self, images: jax.Array) -> jax.Array:
        """Reconstruct uint8 pixels."""
        return self.decode(self.encode(images))


class LinenScan:
    """`model.apply` and a `TrainState` in one compiled call per epoch, which donates the state."""

    settings = Settings(mode="epoch", loader="device", transfers="once", donated=True)

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        self.images, self.batch_size = jax.device_put(images), batch_size
        self.sizes = Sizes.of(weights)
        self.model = Autoencoder(self.sizes)
        self.adam = optax.adam(learning_rate)
        self._epoch = jax.jit(self._scan, donate_argnums=0)
        self._encode = jax.jit(lambda params, x: self._apply(params, x, Autoencoder.encode))
        self._decode = jax.jit(lambda params, z: self._apply(params, z, Autoencoder.decode))
        self.reset(weights)

    def reset(self, weights: Weights) -> None:
        params: dict[str, Any] = {}
        for name, value in weights.items():
            half, layer, kind = name.split(".")
            params.setdefault(half, {}).setdefault(layer, {})[kind] = jnp.array(value)
        state = TrainState.create(apply_fn=self.model.apply, params=params, tx=self.adam)
        # As an array, since a second epoch would compile again for another type of number.
        self.state = state.replace(step=jnp.zeros((), jnp.int32))

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        rows, mask = padded_batches(order, self.batch_size)
        self.state, losses = self._epoch(self.state, self.images, rows, mask)
        return losses

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        grads = jax.jit(jax.grad(self._loss))
        return _named(grads(self.state.params, self.images[rows], np.ones(len(rows))))

    def encode(self, images: Pixels) -> Floats:
        params = self.state.params
        return in_chunks(lambda x: self._encode(params, x), images, self.sizes.latent, CHUNK)

    def decode(self, z: Floats) -> Floats:
        params = self.state.params
        return in_chunks(lambda z: self._decode(params, z), z, self.sizes.pixels, CHUNK)

    def weights(self) -> Weights:
        return _named(self.state.params)

    def synchronise(self) -> None:
        jax.block_until_ready(self.state)

    def _apply(self, params: Any, rows: jax.Array, method: Any = None) -> jax.Array:
        return self.model.apply({"params": params}, rows, method=method)  # type: ignore[return-value]

    def _loss(self, params: Any, images: jax.Array, mask: jax.Array) -> jax.Array:
        squares = jnp.square(self._apply(params, images) - images / 255)
        return jnp.sum(squares * mask[:, None])

    def _scan(self, state: TrainState, images: jax.Array, rows: Any, mask: Any) -> Any:
        def step(state: TrainState, batch: Any) -> tuple[TrainState, jax.Array]:
            loss_of = jax.value_and_grad(self._loss)
            loss, grads = loss_of(state.params, images[batch[0]], batch[1])
            return state.apply_gradients(grads=grads), loss

        return lax.scan(step, state, (rows, mask))


def _named(params: Any) -> Weights:
    return {
        f"{half}.{layer}.{kind}": np.array(value)
        for half, layers in params.items()
        for layer, kinds in layers.items()
        for kind, value in kinds.items()
    }
