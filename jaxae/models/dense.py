"""The dense encoder and decoder, with one hidden layer each."""

import math

import jax
from flax import nnx

from jaxae.config import ModelConfig


class Encoder(nnx.Module):
    """Maps an image to its point in latent space: flatten → hidden, ReLU → latent."""

    def __init__(self, config: ModelConfig, image_shape: tuple[int, int], *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        self.hidden = nnx.Linear(math.prod(image_shape), config.hidden_dim, rngs=rngs)
        self.latent = nnx.Linear(config.hidden_dim, config.latent_dim, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map an image of shape (height, width), values 0 to 1, to z of shape (latent_dim,)."""
        return self.latent(nnx.relu(self.hidden(x.reshape(-1))))


class Decoder(nnx.Module):
    """Maps a point in latent space to an image: hidden, ReLU → pixels, sigmoid."""

    def __init__(self, config: ModelConfig, image_shape: tuple[int, int], *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        self.image_shape = image_shape
        self.hidden = nnx.Linear(config.latent_dim, config.hidden_dim, rngs=rngs)
        self.pixels = nnx.Linear(config.hidden_dim, math.prod(image_shape), rngs=rngs)

    def __call__(self, z: jax.Array) -> jax.Array:
        """Map z of shape (latent_dim,) to an image of shape (height, width), values 0 to 1."""
        return nnx.sigmoid(self.pixels(nnx.relu(self.hidden(z)))).reshape(self.image_shape)


class VariationalEncoder(Encoder):
    """Maps an image to a normal distribution over latent space; a call returns its mean."""

    def __init__(self, config: ModelConfig, image_shape: tuple[int, int], *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        super().__init__(config, image_shape, rngs=rngs)
        self.log_variance = nnx.Linear(config.hidden_dim, config.latent_dim, rngs=rngs)

    def posterior(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Map an image to μ and log σ² of q(z|x), each of shape (latent_dim,)."""
        h = nnx.relu(self.hidden(x.reshape(-1)))
        return self.latent(h), self.log_variance(h)
