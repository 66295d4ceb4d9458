"""Losses: functions of one example, and their sum over a batch."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from jaxae.config import Likelihood, Precision, TrainConfig, check_likelihood
from jaxae.models import AutoencoderLike, posterior
from jaxae.training.likelihoods import (
    bernoulli_nll,
    binarize,
    logits_of,
    normal_nll,
    optimal_variance,
)
from jaxae.training.optimizer import num_steps

# JAX's names. By default, JAX rounds the inputs of float32 matrix products to tf32 on GPUs, and to
# bfloat16 on TPUs.
_MATMUL_PRECISION = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}


class Batch(NamedTuple):
    """Examples of one step: images uint8 (batch, *image_shape); mask (batch,), 0 for padding."""

    images: ArrayLike
    mask: ArrayLike


# Maps a model, an image (values 0 to 1) and a key to the loss of the image, a scalar.
ExampleLoss = Callable[[Any, jax.Array, jax.Array], jax.Array]


class Objective(NamedTuple):
    """Settings of the loss.

    Attributes:
      kl_weight: β ≥ 0, the weight of the divergence from the prior, for variational models.
      input_noise: standard deviation of the normal noise that is added to the encoder's input, in
        units of pixels from 0 to 1. The decoder is trained on the clean image.
      precision: precision of the model's matrix products, forward and backward; the loss itself is
        float32.
      likelihood: how an image is compared with its reconstruction: `squared` error, or the negative
        log-likelihood in nats of a `normal` or a `bernoulli` decoder.
      binarize: whether pixels are drawn as 0 or 1, with their intensities as probabilities.
      kl_warmup: steps of training in which the weight rises linearly from 0 to kl_weight.
      loss: a loss of one example, in place of the library's own, of which only the precision then
        remains.
    """

    kl_weight: float | jax.Array = 1.0
    input_noise: float = 0.0
    precision: Precision = "float32"
    likelihood: Likelihood = "squared"
    binarize: bool = False
    kl_warmup: int = 0
    loss: ExampleLoss | None = None

    @classmethod
    def of(cls, config: TrainConfig, n: int, loss: ExampleLoss | None = None) -> "Objective":
        """Return the settings of a run's configuration.

        Args:
          config: how the model is trained.
          n: number of training images, which sets the length of a warm-up.
          loss: a loss of one example, in place of the library's own.

        Raises:
          ValueError: the settings clash.
        """
        check_likelihood(config)
        if loss is not None and cls.of(config, n) != cls(precision=config.precision):
            raise ValueError(
                "loss was given with a kl_weight, input_noise, likelihood, binarize or kl_warmup, "
                "which are settings of the library's own loss; expected one or the other"
            )
        return cls(
            config.kl_weight,
            config.input_noise,
            config.precision,
            config.likelihood,
            config.binarize,
            config.kl_warmup * num_steps(n, config.batch_size),
            loss,
        )

    @property
    def for_evaluation(self) -> "Objective":
        """The same settings without noise, in float32 and with the full weight."""
        return self._replace(input_noise=0.0, precision="float32", kl_warmup=0)

    def at(self, step: jax.Array) -> "Objective":
        """Return the settings for a step of training, with its weight of the divergence.

        The weight is min(step / kl_warmup, 1) · kl_weight (Sønderby et al. 2016, "Ladder
        variational autoencoders").

        Args:
          step: the number of steps before it.
        """
        if self.kl_warmup == 0:
            return self
        risen = jnp.minimum(step / self.kl_warmup, 1)
        return self._replace(kl_weight=risen * self.kl_weight, kl_warmup=0)


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
    """A loss and its terms.

    Attributes:
      loss: squared error, or negative log-likelihood in nats, + β · divergence.
      squared_error: squared error of one sample from the posterior, summed over pixels; None if it
        is the loss. It is that of the intensities, also if pixels are binarized.
      divergence: KL divergence of the posterior from the prior, in nats; None for a plain model.
    """

    loss: Any
    squared_error: Any = None
    divergence: Any = None


def example_terms(
    model: AutoencoderLike, x: jax.Array, key: jax.Array | None, objective: Objective
) -> LossTerms:
    """Return the loss of one image and its terms.

    For a variational model it is the squared error of one sample from the posterior + β·KL. Up to a
    constant, that is −β times the evidence lower bound of a normal decoder with variance β/2. For a
    `bernoulli` decoder, the negative log-likelihood replaces the squared error. For a `normal` one,
    the loss is only β·KL, because the variance depends on the whole batch: see `batch_terms`.

    Args:
      model: maps one example.
      x: image of shape `model.image_shape`, values 0 to 1.
      key: draws the binary pixels, the noise and the sample; None uses the intensities, no noise,
        and the mean of the posterior.
      objective: settings of the loss.
    """
    if objective.loss is not None:
        return LossTerms(objective.loss(model, x, jax.random.key(0) if key is None else key))
    intensities = x
    if key is not None and objective.binarize:
        key, pixel_key = jax.random.split(key)
        x = binarize(pixel_key, x)
    seen = x
    if key is not None and objective.input_noise > 0:
        key, noise_key = jax.random.split(key)
        seen = x + objective.input_noise * jax.random.normal(noise_key, x.shape)
    seen = seen.astype(_compute_dtype(objective.precision))
    mean, log_variance = posterior(model, seen)
    z, divergence = mean, None
    if log_variance is not None:
        z = mean = mean.astype(x.dtype)
        log_variance = log_variance.astype(x.dtype)
        if key is not None:
            z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)
        divergence = kl_divergence(mean, log_variance)
        z = z.astype(seen.dtype)
    if objective.likelihood == "bernoulli":
        logits = logits_of(model.decoder, z).astype(x.dtype)
        loss = bernoulli_nll(logits, x)
        squared_error = reconstruction_loss(nnx.sigmoid(logits), intensities)
    else:
        squared_error = reconstruction_loss(model.decoder(z).astype(x.dtype), x)
        loss = squared_error if objective.likelihood == "squared" else jnp.zeros(())
    if divergence is not None:
        return LossTerms(loss + objective.kl_weight * divergence, squared_error, divergence)
    return LossTerms(loss, None if objective.likelihood == "squared" else squared_error)


def batch_loss(
    model: AutoencoderLike,
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
    model: AutoencoderLike,
    batch: Batch,
    key: jax.Array | None = None,
    objective: Objective | None = None,
) -> LossTerms:
    """Return the loss and each of its terms, summed as by `batch_loss`.

    The variance of a `normal` decoder is the optimum for the batch, its mean squared error without
    padding; the negative log-likelihood is then pixels/2 · (log(2π · variance) + 1).
    """
    objective = objective or Objective()
    x = to_unit_interval(batch.images)
    model = _cast(model, _compute_dtype(objective.precision))
    with jax.default_matmul_precision(_MATMUL_PRECISION[objective.precision]):
        if key is None:
            losses = jax.vmap(lambda x: example_terms(model, x, None, objective))(x)
        else:
            keys = jax.random.split(key, len(x))
            losses = jax.vmap(lambda x, key: example_terms(model, x, key, objective))(x, keys)
    sums = jax.tree.map(lambda term: jnp.sum(term * batch.mask), losses)
    if objective.likelihood != "normal":
        return sums
    pixels = jnp.sum(batch.mask) * math.prod(x.shape[1:])
    variance = optimal_variance(sums.squared_error, pixels)
    return sums._replace(loss=sums.loss + normal_nll(sums.squared_error, pixels, variance))


def _compute_dtype(precision: Precision) -> Any:
    return jnp.bfloat16 if precision == "bfloat16" else jnp.float32


def _cast(model: AutoencoderLike, dtype: Any) -> AutoencoderLike:
    # Gradients pass through the cast to the float32 parameters.
    if dtype == jnp.float32:
        return model
    graphdef, params = nnx.split(model)
    return nnx.merge(graphdef, jax.tree.map(lambda leaf: leaf.astype(dtype), params))
