"""The dense encoder and decoder, with any number of hidden layers."""

import itertools
import math

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from jaxae.config import Activation, ModelConfig

ACTIVATIONS = {"relu": nnx.relu, "gelu": nnx.gelu, "silu": nnx.silu, "tanh": nnx.tanh}


class HiddenLayers(nnx.Module):
    """Dense layers, each followed by an activation: `hidden`, then those in `deeper`."""

    def __init__(
        self, inputs: int, widths: tuple[int, ...], activation: Activation, *, rngs: nnx.Rngs
    ):
        """Draw the initial parameters of layers with these numbers of inputs and of units."""
        self.activation = activation
        self.hidden = nnx.Linear(inputs, widths[0], rngs=rngs)
        pairs = itertools.pairwise(widths)
        self.deeper = nnx.List([nnx.Linear(before, width, rngs=rngs) for before, width in pairs])

    def hidden_features(self, x: ArrayLike) -> jax.Array:
        """Map an array of shape (inputs,) to the output of the last layer, of shape (units,)."""
        x = jnp.asarray(x)
        for layer in (self.hidden, *self.deeper):
            x = self.activate(layer(x))
        return x

    def activate(self, x: jax.Array) -> jax.Array:
        """Apply the activation to an array of any shape."""
        return ACTIVATIONS[self.activation](x)


class Encoder(HiddenLayers):
    """Maps an image to its point in latent space: flatten → hidden layers → latent."""

    def __init__(self, config: ModelConfig, image_shape: tuple[int, ...], *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        super().__init__(math.prod(image_shape), config.widths, config.activation, rngs=rngs)
        self.latent = nnx.Linear(config.widths[-1], config.latent_dim, rngs=rngs)

    def features(self, x: ArrayLike) -> jax.Array:
        """Map an image to the features that `latent` and other heads read, of shape (units,)."""
        return self.hidden_features(jnp.reshape(x, -1))

    def __call__(self, x: ArrayLike) -> jax.Array:
        """Map an image of shape `image_shape`, values 0 to 1, to z of shape (latent_dim,)."""
        return self.latent(self.features(x))


class VariationalEncoder(Encoder):
    """Maps an image to a normal distribution over latent space; a call returns its mean."""

    def __init__(self, config: ModelConfig, image_shape: tuple[int, ...], *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        super().__init__(config, image_shape, rngs=rngs)
        self.log_variance = nnx.Linear(config.widths[-1], config.latent_dim, rngs=rngs)

    def posterior(self, x: ArrayLike) -> tuple[jax.Array, jax.Array]:
        """Map an image to μ and log σ² of q(z|x), each of shape (latent_dim,)."""
        features = self.features(x)
        return self.latent(features), self.log_variance(features)


class Decoder(HiddenLayers):
    """Maps a point in latent space to an image: hidden layers → pixels, sigmoid."""

    def __init__(self, config: ModelConfig, image_shape: tuple[int, ...], *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        super().__init__(config.latent_dim, config.widths[::-1], config.activation, rngs=rngs)
        self.image_shape = image_shape
        self.pixels = nnx.Linear(config.widths[0], math.prod(image_shape), rngs=rngs)

    def __call__(self, z: ArrayLike) -> jax.Array:
        """Map z of shape (latent_dim,) to an image of shape `image_shape`, values 0 to 1."""
        return nnx.sigmoid(self.pixels(self.hidden_features(z))).reshape(self.image_shape)

    def logits(self, z: ArrayLike) -> jax.Array:
        """Map z to the logits of an image's pixels, of shape `image_shape`."""
        return self.pixels(self.hidden_features(z)).reshape(self.image_shape)
