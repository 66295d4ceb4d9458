"""Losses: functions of one example, and their sum over a batch."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from jaxae.config import Precision
from jaxae.models import AutoencoderLike, posterior
from jaxae.training.flatness import log_det_variance
from jaxae.training.likelihoods import (
    bernoulli_nll,
    binarize,
    logits_of,
    normal_nll,
    optimal_variance,
)
from jaxae.training.objective import Objective

# JAX's names. By default, JAX rounds the inputs of float32 matrix products to tf32 on GPUs, and to
# bfloat16 on TPUs.
_MATMUL_PRECISION = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}


class Batch(NamedTuple):
    """Examples of one step: images uint8 (batch, *image_shape); mask (batch,), 0 for padding."""

    images: ArrayLike
    mask: ArrayLike


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

    Example:
      >>> float(jaxae.kl_divergence(mean=jnp.array([3.0, 4.0]), log_variance=jnp.zeros(2)))
      12.5
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
    return _terms_and_embedding(model, x, key, objective)[0]


def _terms_and_embedding(
    model: AutoencoderLike, x: jax.Array, key: jax.Array | None, objective: Objective
) -> tuple[LossTerms, jax.Array | None]:
    if objective.loss is not None:
        draws = jax.random.key(0) if key is None else key
        return LossTerms(objective.loss(model, x, draws)), None
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
        loss += objective.kl_weight * divergence
    elif objective.likelihood == "squared":
        return LossTerms(loss), mean
    return LossTerms(loss, squared_error, divergence), mean


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

    With `flatten`, the loss has another term, images · λ · Var[log det G] over the embeddings of
    the batch, for a variational model the means of its posteriors. It is computed in float32.
    """
    objective = objective or Objective()
    x = to_unit_interval(batch.images)
    used = _cast(model, _compute_dtype(objective.precision))
    with jax.default_matmul_precision(_MATMUL_PRECISION[objective.precision]):
        if key is None:
            losses, z = jax.vmap(lambda x: _terms_and_embedding(used, x, None, objective))(x)
        else:
            keys = jax.random.split(key, len(x))
            losses, z = jax.vmap(lambda x, key: _terms_and_embedding(used, x, key, objective))(
                x, keys
            )
    sums = jax.tree.map(lambda term: jnp.sum(term * batch.mask), losses)
    loss, images = sums.loss, jnp.sum(batch.mask)
    if objective.likelihood == "normal":
        pixels = images * math.prod(x.shape[1:])
        variance = optimal_variance(sums.squared_error, pixels)
        loss += normal_nll(sums.squared_error, pixels, variance)
    if objective.flatten > 0 and z is not None:
        spread = log_det_variance(model.decoder, z.astype(jnp.float32), batch.mask)
        loss += images * objective.flatten * spread
    return sums._replace(loss=loss)


def _compute_dtype(precision: Precision) -> Any:
    return jnp.bfloat16 if precision == "bfloat16" else jnp.float32


def _cast(model: AutoencoderLike, dtype: Any) -> AutoencoderLike:
    # Gradients pass through the cast to the float32 parameters.
    if dtype == jnp.float32:
        return model
    graphdef, params = nnx.split(model)
    return nnx.merge(graphdef, jax.tree.map(lambda leaf: leaf.astype(dtype), params))
