"""What training minimises: functions of one example, and their sum over a batch."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from jaxae.config import Precision, TrainConfig
from jaxae.models import Autoencoder

# What JAX calls each. Left to itself, it rounds float32: on GPUs to tf32, on TPUs to bfloat16.
_PRODUCTS = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}


class Batch(NamedTuple):
    """Examples for one step: images uint8 (batch, height, width), mask (batch,), 0 for padding."""

    images: ArrayLike
    mask: ArrayLike


class Objective(NamedTuple):
    """The loss's settings.

    Attributes:
      kl_weight: β ≥ 0, the weight of the divergence from the prior; for variational models.
      input_noise: standard deviation, in units of the pixels' 0 to 1, of the normal noise that the
        encoder sees and the decoder is to remove.
      precision: of the model's products, forward and backward; the loss itself is float32.
    """

    kl_weight: float = 1.0
    input_noise: float = 0.0
    precision: Precision = "float32"

    @classmethod
    def of(cls, config: TrainConfig) -> "Objective":
        """The settings that a run's configuration names."""
        return cls(config.kl_weight, config.input_noise, config.precision)

    @property
    def for_evaluation(self) -> "Objective":
        """The same without noise and in float32, as a model is judged."""
        return self._replace(input_noise=0.0, precision="float32")


def to_unit_interval(images: ArrayLike) -> jax.Array:
    """Turn uint8 pixels 0 to 255 into float32 0 to 1, of any shape."""
    return jnp.asarray(images, jnp.float32) / 255


def reconstruction_loss(x_hat: jax.Array, x: jax.Array) -> jax.Array:
    """Squared error of one image, summed over its pixels: Σ (x̂ − x)²."""
    return jnp.sum(jnp.square(x_hat - x))


def kl_divergence(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """KL(N(μ, σ²) ‖ N(0, 1)) = ½ Σ (μ² + σ² − 1 − log σ²), in nats, ≥ 0.

    Kingma and Welling 2014, appendix B.

    Args:
      mean: μ of shape (latent_dim,).
      log_variance: log σ², the same shape.
    """
    return 0.5 * jnp.sum(jnp.square(mean) + jnp.exp(log_variance) - 1 - log_variance)


class LossTerms(NamedTuple):
    """A loss and what it is made of; a model without a divergence has the loss alone.

    Attributes:
      loss: squared error + β · divergence.
      squared_error: summed over the pixels, of one sample from the posterior.
      divergence: KL of the posterior from the prior, in nats.
    """

    loss: Any
    squared_error: Any = None
    divergence: Any = None


def example_terms(
    model: Autoencoder, x: jax.Array, key: jax.Array | None, objective: Objective
) -> LossTerms:
    """Loss of one image of shape (height, width), values 0 to 1.

    For a variational model it is β·KL + the squared error of one sample from the posterior. That
    is, but for a constant, −β times the evidence lower bound under a decoder that is normal with
    variance β/2.

    Args:
      model: maps one example.
      x: the image.
      key: draws the noise and the sample; None takes the posterior's mean, and no noise.
      objective: the settings.
    """
    seen = x
    if key is not None and objective.input_noise > 0:
        key, noise_key = jax.random.split(key)
        seen = x + objective.input_noise * jax.random.normal(noise_key, x.shape)
    seen = seen.astype(_compute_dtype(objective.precision))
    mean, log_variance = model.posterior(seen)
    if log_variance is None:
        return LossTerms(reconstruction_loss(model.decoder(mean).astype(x.dtype), x))
    z = mean = mean.astype(x.dtype)
    log_variance = log_variance.astype(x.dtype)
    if key is not None:
        z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)
    divergence = kl_divergence(mean, log_variance)
    x_hat = model.decoder(z.astype(seen.dtype)).astype(x.dtype)
    squared_error = reconstruction_loss(x_hat, x)
    return LossTerms(squared_error + objective.kl_weight * divergence, squared_error, divergence)


def batch_loss(
    model: Autoencoder,
    batch: Batch,
    key: jax.Array | None = None,
    objective: Objective | None = None,
) -> jax.Array:
    """Sum the loss over the batch's examples; padding counts for nothing.

    Args:
      model: maps one example.
      batch: the examples.
      key: draws noise and samples, each example its own; None draws nothing.
      objective: the loss's settings; `Objective()` if not given.
    """
    return batch_terms(model, batch, key, objective).loss


def batch_terms(
    model: Autoencoder,
    batch: Batch,
    key: jax.Array | None = None,
    objective: Objective | None = None,
) -> LossTerms:
    """Sum the loss and each of its terms as `batch_loss` does."""
    objective = objective or Objective()
    x = to_unit_interval(batch.images)
    model = _cast(model, _compute_dtype(objective.precision))
    with jax.default_matmul_precision(_PRODUCTS[objective.precision]):
        if key is None:
            losses = jax.vmap(lambda x: example_terms(model, x, None, objective))(x)
        else:
            keys = jax.random.split(key, len(x))
            losses = jax.vmap(lambda x, key: example_terms(model, x, key, objective))(x, keys)
    return jax.tree.map(lambda term: jnp.sum(term * batch.mask), losses)


def _compute_dtype(precision: Precision) -> Any:
    return jnp.bfloat16 if precision == "bfloat16" else jnp.float32


def _cast(model: Autoencoder, dtype: Any) -> Autoencoder:
    # Gradients pass through the cast, back to the float32 parameters.
    if dtype == jnp.float32:
        return model
    graphdef, params = nnx.split(model)
    return nnx.merge(graphdef, jax.tree.map(lambda leaf: leaf.astype(dtype), params))
