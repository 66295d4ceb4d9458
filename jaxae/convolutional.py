"""The convolutional encoder and decoder: the same promise as the dense ones, another architecture.

Each halves or doubles height and width twice by 3×3 convolutions of stride 2, with 16 and 32
channels; sizes that are no multiple of four are padded on the way down and cropped at the end.
"""

import jax
from flax import nnx

from jaxae.config import ModelConfig

_CHANNELS = (16, 32)
_KERNEL, _STRIDE = (3, 3), (2, 2)


class ConvEncoder(nnx.Module):
    """One image to its point in latent space: two convolutions → hidden, ReLU → latent.

    Args:
      config: the sizes of hidden layer and latent space.
      image_shape: height and width of the image, in pixels.
      rngs: draws the initial kernels (LeCun normal; biases start at zero).
    """

    def __init__(self, config: ModelConfig, image_shape: tuple[int, int], *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        first, second = _CHANNELS
        height, width = _quartered(image_shape)
        self.first = nnx.Conv(1, first, _KERNEL, strides=_STRIDE, rngs=rngs)
        self.second = nnx.Conv(first, second, _KERNEL, strides=_STRIDE, rngs=rngs)
        self.hidden = nnx.Linear(height * width * second, config.hidden_dim, rngs=rngs)
        self.latent = nnx.Linear(config.hidden_dim, config.latent_dim, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map an image of shape (height, width), values 0 to 1, to z of shape (latent_dim,)."""
        features = nnx.relu(self.second(nnx.relu(self.first(x[..., None]))))
        return self.latent(nnx.relu(self.hidden(features.reshape(-1))))


class ConvDecoder(nnx.Module):
    """One point in latent space to an image: hidden → features, two transposed convolutions.

    Args:
      config: the sizes of hidden layer and latent space.
      image_shape: height and width of the image, in pixels.
      rngs: draws the initial kernels (LeCun normal; biases start at zero).
    """

    def __init__(self, config: ModelConfig, image_shape: tuple[int, int], *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        self.image_shape = image_shape
        first, second = _CHANNELS
        self.features_shape = (*_quartered(image_shape), second)
        height, width = _quartered(image_shape)
        self.hidden = nnx.Linear(config.latent_dim, config.hidden_dim, rngs=rngs)
        self.features = nnx.Linear(config.hidden_dim, height * width * second, rngs=rngs)
        self.first = nnx.ConvTranspose(second, first, _KERNEL, strides=_STRIDE, rngs=rngs)
        self.pixels = nnx.ConvTranspose(first, 1, _KERNEL, strides=_STRIDE, rngs=rngs)

    def __call__(self, z: jax.Array) -> jax.Array:
        """Map z of shape (latent_dim,) to an image of shape (height, width), values 0 to 1."""
        features = nnx.relu(self.features(nnx.relu(self.hidden(z))))
        image = self.pixels(nnx.relu(self.first(features.reshape(self.features_shape))))
        height, width = self.image_shape
        return nnx.sigmoid(image[:height, :width, 0])


def _quartered(image_shape: tuple[int, int]) -> tuple[int, int]:
    height, width = image_shape
    return -(-height // 4), -(-width // 4)
