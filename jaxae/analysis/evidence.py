"""The divergence of a variational model, and a lower bound on log p(x).

Training minimises Σ (x̂ − x)² + β·KL. Divided by β, that is the negative evidence lower bound, up to
a constant, for a normal decoder with variance β/2. Densities are over pixel values from 0 to 1.
Matrix products have full float32 precision on every device.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax import lax
from jax.scipy import special, stats

from jaxae.analysis.estimates import UndefinedError
from jaxae.models import Autoencoder, Params
from jaxae.training import kl_divergence, to_unit_interval

_IMAGES_AT_A_TIME = 20


def divergences(model: Autoencoder, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Compute KL(q(z|x) ‖ N(0, I)) of each image, in nats, ≥ 0.

    The images are uint8 of shape (n, *model.image_shape); the result has shape (n,).

    Raises:
      ValueError: the model is not variational.
    """
    graphdef, params = nnx.split(model, nnx.Param)
    return np.asarray(_divergences(graphdef, params, images))


def log_evidence_bound(
    model: Autoencoder,
    images: npt.NDArray[np.uint8],
    *,
    samples: int = 100,
    kl_weight: float = 1.0,
    seed: int = 0,
) -> npt.NDArray[np.float32]:
    """Bound log p(x) from below by importance sampling (Burda et al. 2016, equation 8).

    log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x) with z_k drawn from q(z|x); as K grows, its expectation
    rises to log p(x).

    Args:
      model: a trained variational model.
      images: uint8 of shape (n, *model.image_shape).
      samples: K ≥ 1, the number of samples per image.
      kl_weight: β > 0, the weight used in training; the decoder's variance is β/2.
      seed: seed of the samples.

    Returns:
      Shape (n,), in nats; log densities may be above 0.

    Raises:
      UndefinedError: a weight of 0, for which p(x|z) has no variance.
      ValueError: no samples, a weight below 0, or a model that is not variational.
    """
    if samples < 1 or kl_weight < 0:
        raise ValueError(
            f"samples is {samples}, kl_weight is {kl_weight}; expected samples ≥ 1, kl_weight > 0"
        )
    if kl_weight == 0:
        raise UndefinedError("the model was trained with kl_weight 0, so p(x|z) has no variance")
    graphdef, params = nnx.split(model, nnx.Param)
    keys = jax.random.split(jax.random.key(seed), len(images))
    return np.asarray(_bounds(graphdef, params, images, keys, samples, kl_weight / 2))


@functools.partial(jax.jit, static_argnums=(0, 4))
def _bounds(
    graphdef: nnx.GraphDef[Autoencoder],
    params: Params,
    images: jax.Array,
    keys: jax.Array,
    samples: int,
    variance: float,
) -> jax.Array:
    model = nnx.merge(graphdef, params)

    def of_one(example: tuple[jax.Array, jax.Array]) -> jax.Array:
        x = to_unit_interval(example[0])
        mean, log_variance = _posterior(model, x)
        deviation = jnp.exp(0.5 * log_variance)
        noise = jax.random.normal(example[1], (samples, len(mean)))
        z = mean[None] + deviation[None] * noise
        off = jax.vmap(model.decoder)(z) - x[None]
        squares = jnp.sum(jnp.square(off), axis=tuple(range(1, off.ndim)))
        log_likelihood = -squares / (2 * variance) - x.size / 2 * jnp.log(2 * jnp.pi * variance)
        log_prior = jnp.sum(stats.norm.logpdf(z), axis=1)
        log_posterior = jnp.sum(stats.norm.logpdf(noise), axis=1) - 0.5 * jnp.sum(log_variance)
        weights = log_likelihood + log_prior - log_posterior
        return special.logsumexp(weights) - jnp.log(samples)

    with jax.default_matmul_precision("float32"):
        return lax.map(of_one, (images, keys), batch_size=min(_IMAGES_AT_A_TIME, len(images)))


@functools.partial(jax.jit, static_argnums=0)
def _divergences(
    graphdef: nnx.GraphDef[Autoencoder], params: Params, images: jax.Array
) -> jax.Array:
    model = nnx.merge(graphdef, params)

    def of_one(image: jax.Array) -> jax.Array:
        return kl_divergence(*_posterior(model, to_unit_interval(image)))

    with jax.default_matmul_precision("float32"):
        return jax.vmap(of_one)(images)


def _posterior(model: Autoencoder, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    mean, log_variance = model.posterior(x)
    if log_variance is None:
        raise ValueError("a plain autoencoder has no posterior; expected a variational one")
    return mean, log_variance
