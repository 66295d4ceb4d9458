"""Losses: functions of one example, and their sum over a batch."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from jaxae.config import Precision, TrainConfig
from jaxae.models import Autoencoder

# JAX's names. By default, JAX rounds the inputs of float32 matrix products to tf32 on GPUs, and to
# bfloat16 on TPUs.
_MATMUL_PRECISION = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}


class Batch(NamedTuple):
    """Examples of one step: images uint8 (batch, *image_shape); mask (batch,), 0 for padding."""

    images: ArrayLike
    mask: ArrayLike


class Objective(NamedTuple):
    """Settings of the loss.

    Attributes:
      kl_weight: β ≥ 0, the weight of the divergence from the prior, for variational models.
      input_noise: standard deviation of the normal noise that is added to the encoder's input, in
        units of pixels from 0 to 1. The decoder is trained on the clean image.
      precision: precision of the model's matrix products, forward and backward; the loss itself is
        float32.
    """

    kl_weight: float = 1.0
    input_noise: float = 0.0
    precision: Precision = "float32"

    @classmethod
    def of(cls, config: TrainConfig) -> "Objective":
        """Return the settings of a run's configuration."""
        return cls(config.kl_weight, config.input_noise, config.precision)

    @property
    def for_evaluation(self) -> "Objective":
        """The same settings without noise and in float32."""
        return self._replace(input_noise=0.0, precision="float32")


def to_unit_interval(images: ArrayLike) -> jax.Array:
    """Convert uint8 pixels from 0 to 255 to float32 from 0 to 1."""
    return jnp.asarray(images, jnp.float32) / 255


def reconstruction_loss(x_hat: jax.Array, x: jax.Array) -> jax.Array:
    """Return the squared error of one image, summed over its pixels: Σ (x̂ − x)²."""
    return jnp.sum(jnp.square(x_hat - x))


def kl_divergence(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """Return KL(N(μ, σ²) ‖ N(0, 1)) = ½ Σ (μ² + σ² − 1 − log σ²), in nats, ≥ 0.

    See Kingma and Welling 2014, appendix B.

    Args:
      mean: μ of shape (latent_dim,).
      log_variance: log σ², the same shape.
    """
    return 0.5 * jnp.sum(jnp.square(mean) + jnp.exp(log_variance) - 1 - log_variance)


class LossTerms(NamedTuple):
    """A loss and its terms, which are None for a model without a divergence.

    Attributes:
      loss: squared error + β · divergence.
      squared_error: squared error of one sample from the posterior, summed over pixels.
      divergence: KL divergence of the posterior from the prior, in nats.
    """

    loss: Any
    squared_error: Any = None
    divergence: Any = None


def example_terms(
    model: Autoencoder, x: jax.Array, key: jax.Array | None, objective: Objective
) -> LossTerms:
    """Return the loss of one image and its terms.

    For a variational model it is the squared error of one sample from the posterior + β·KL. Up to a
    constant, that is −β times the evidence lower bound of a normal decoder with variance β/2.

    Args:
      model: maps one example.
      x: image of shape `model.image_shape`, values 0 to 1.
      key: draws the noise and the sample; None uses the mean of the posterior, and no noise.
      objective: settings of the loss.
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
    """Return the loss, summed over the examples of a batch but not over padding.

    Args:
      model: maps one example.
      batch: the examples.
      key: draws noise and samples, independently for each example; None draws nothing.
      objective: settings of the loss; `Objective()` by default.
    """
    return batch_terms(model, batch, key, objective).loss


def batch_terms(
    model: Autoencoder,
    batch: Batch,
    key: jax.Array | None = None,
    objective: Objective | None = None,
) -> LossTerms:
    """Return the loss and each of its terms, summed as by `batch_loss`."""
    objective = objective or Objective()
    x = to_unit_interval(batch.images)
    model = _cast(model, _compute_dtype(objective.precision))
    with jax.default_matmul_precision(_MATMUL_PRECISION[objective.precision]):
        if key is None:
            losses = jax.vmap(lambda x: example_terms(model, x, None, objective))(x)
        else:
            keys = jax.random.split(key, len(x))
            losses = jax.vmap(lambda x, key: example_terms(model, x, key, objective))(x, keys)
    return jax.tree.map(lambda term: jnp.sum(term * batch.mask), losses)


def _compute_dtype(precision: Precision) -> Any:
    return jnp.bfloat16 if precision == "bfloat16" else jnp.float32


def _cast(model: Autoencoder, dtype: Any) -> Autoencoder:
    # Gradients pass through the cast to the float32 parameters.
    if dtype == jnp.float32:
        return model
    graphdef, params = nnx.split(model)
    return nnx.merge(graphdef, jax.tree.map(lambda leaf: leaf.astype(dtype), params))
