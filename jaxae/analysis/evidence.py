"""The divergence of a variational model, and a lower bound on log p(x).

The likelihood p(x|z) is the one that the model was trained with. With squared error, training
minimises Σ (x̂ − x)² + β·KL. Divided by β, that is the negative evidence lower bound, up to a
constant, for a normal decoder with variance β/2. Densities are over pixel values from 0 to 1.
Matrix products have full float32 precision on every device.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax import lax
from jax.scipy import special, stats

from jaxae.analysis.estimates import UndefinedError
from jaxae.config import Likelihood
from jaxae.models import AutoencoderLike, Params, posterior
from jaxae.training import kl_divergence, reconstruction_loss, to_unit_interval
from jaxae.training.likelihoods import (
    bernoulli_nll,
    binarize,
    logits_of,
    normal_nll,
    optimal_variance,
)

# Of the images whose bounds, with many samples each, or whose errors are computed together.
_IMAGES_AT_A_TIME, _AT_A_TIME = 20, 1000


def divergences(model: AutoencoderLike, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Compute KL(q(z|x) ‖ N(0, I)) of each image, in nats, ≥ 0.

    The images are uint8 of shape (n, *model.image_shape); the result has shape (n,).

    Raises:
      ValueError: the model is not variational.
    """
    graphdef, params = nnx.split(model, nnx.Param)
    return np.asarray(_divergences(graphdef, params, images))


def binarized(images: npt.NDArray[np.uint8], seed: int = 0) -> npt.NDArray[np.uint8]:
    """Draw each pixel as 0 or 255; its intensity, pixel / 255, is the probability of 255."""
    return np.asarray(255 * binarize(jax.random.key(seed), to_unit_interval(images)), np.uint8)


def decoder_variance(model: AutoencoderLike, images: npt.NDArray[np.uint8], seed: int = 0) -> float:
    """Estimate the variance σ² of a normal decoder: the mean squared error per pixel.

    Each image is reconstructed from one sample of its posterior, so this is the σ² that maximises
    the evidence lower bound of these images. To bound log p(x) of test images, estimate it from
    training images.

    Args:
      model: a trained variational model.
      images: uint8 of shape (n, *model.image_shape).
      seed: seed of the samples.

    Raises:
      ValueError: the model is not variational.
    """
    graphdef, params = nnx.split(model, nnx.Param)
    keys = jax.random.split(jax.random.key(seed), len(images))
    errors = np.asarray(_squared_errors(graphdef, params, images, keys), np.float64)
    return float(optimal_variance(errors.sum(), images.size))


def log_evidence_bound(
    model: AutoencoderLike,
    images: npt.NDArray[np.uint8],
    *,
    samples: int = 100,
    kl_weight: float = 1.0,
    likelihood: Likelihood = "squared",
    variance: float | None = None,
    seed: int = 0,
) -> npt.NDArray[np.float32]:
    """Bound log p(x) from below by importance sampling (Burda et al. 2016, equation 8).

    log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x) with z_k drawn from q(z|x); as K grows, its expectation
    rises to log p(x).

    Args:
      model: a trained variational model.
      images: uint8 of shape (n, *model.image_shape).
      samples: K ≥ 1, the number of samples per image.
      kl_weight: β > 0, the weight used in training. With `squared`, the decoder's variance is β/2.
      likelihood: p(x|z). With `bernoulli`, log p(x) is that of images from `binarized`; of grey
        images, p(x|z) is not normalised.
      variance: σ² > 0 of a `normal` decoder, from `decoder_variance`; None for others.
      seed: seed of the samples.

    Returns:
      Shape (n,), in nats; log densities may be above 0. Bounds for different likelihoods cannot be
      compared.

    Raises:
      UndefinedError: `squared` with a weight of 0, for which p(x|z) has no variance.
      ValueError: no samples, a weight below 0, `normal` without a variance or another likelihood
        with one, or a model that is not variational.
    """
    if samples < 1 or kl_weight < 0:
        raise ValueError(
            f"samples is {samples}, kl_weight is {kl_weight}; expected samples ≥ 1, kl_weight > 0"
        )
    if (variance is not None and variance > 0) != (likelihood == "normal"):
        raise ValueError(
            f"likelihood is {likelihood}, variance is {variance}; expected a variance above 0 for "
            "normal, such as decoder_variance(model, training_images), and None for others"
        )
    if likelihood == "squared":
        variance = kl_weight / 2
    if variance == 0:
        raise UndefinedError("the model was trained with kl_weight 0, so p(x|z) has no variance")
    graphdef, params = nnx.split(model, nnx.Param)
    keys = jax.random.split(jax.random.key(seed), len(images))
    return np.asarray(_bounds(graphdef, params, images, keys, samples, variance))


@functools.partial(jax.jit, static_argnums=(0, 4))
def _bounds(
    graphdef: nnx.GraphDef[Any],
    params: Params,
    images: jax.Array,
    keys: jax.Array,
    samples: int,
    variance: float | None,
) -> jax.Array:
    model = nnx.merge(graphdef, params)

    def of_one(example: tuple[jax.Array, jax.Array]) -> jax.Array:
        x = to_unit_interval(example[0])
        mean, log_variance = _posterior(model, x)
        deviation = jnp.exp(0.5 * log_variance)
        noise = jax.random.normal(example[1], (samples, len(mean)))
        z = mean[None] + deviation[None] * noise
        if variance is None:
            log_likelihood = -jax.vmap(lambda z: bernoulli_nll(logits_of(model.decoder, z), x))(z)
        else:
            squares = jax.vmap(lambda z: reconstruction_loss(model.decoder(z), x))(z)
            log_likelihood = -normal_nll(squares, x.size, variance)
        log_prior = jnp.sum(stats.norm.logpdf(z), axis=1)
        log_posterior = jnp.sum(stats.norm.logpdf(noise), axis=1) - 0.5 * jnp.sum(log_variance)
        weights = log_likelihood + log_prior - log_posterior
        return special.logsumexp(weights) - jnp.log(samples)

    with jax.default_matmul_precision("float32"):
        return lax.map(of_one, (images, keys), batch_size=min(_IMAGES_AT_A_TIME, len(images)))


@functools.partial(jax.jit, static_argnums=0)
def _squared_errors(
    graphdef: nnx.GraphDef[Any], params: Params, images: jax.Array, keys: jax.Array
) -> jax.Array:
    model = nnx.merge(graphdef, params)

    def of_one(example: tuple[jax.Array, jax.Array]) -> jax.Array:
        x = to_unit_interval(example[0])
        mean, log_variance = _posterior(model, x)
        noise = jax.random.normal(example[1], mean.shape)
        x_hat = model.decoder(mean + jnp.exp(0.5 * log_variance) * noise)
        return reconstruction_loss(x_hat, x)

    with jax.default_matmul_precision("float32"):
        return lax.map(of_one, (images, keys), batch_size=min(_AT_A_TIME, len(images)))


@functools.partial(jax.jit, static_argnums=0)
def _divergences(graphdef: nnx.GraphDef[Any], params: Params, images: jax.Array) -> jax.Array:
    model = nnx.merge(graphdef, params)

    def of_one(image: jax.Array) -> jax.Array:
        return kl_divergence(*_posterior(model, to_unit_interval(image)))

    with jax.default_matmul_precision("float32"):
        return jax.vmap(of_one)(images)


def _posterior(model: AutoencoderLike, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    mean, log_variance = posterior(model, x)
    if log_variance is None:
        raise ValueError("a plain autoencoder has no posterior; expected a variational one")
    return mean, log_variance
