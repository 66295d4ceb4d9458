"""Negative log-likelihoods of pixels given a decoder's output, in nats.

The variance of a normal decoder is the optimum for a batch in closed form (Rybkin, Daniilidis and
Levine 2021, "Simple and effective VAE training with calibrated decoders"), so it is no parameter.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import logit
from jax.typing import ArrayLike

# The variance of the error that rounding to 256 levels makes. A smaller one would describe the
# rounding, not the images, and at 0 the density would be infinite.
LOWEST_VARIANCE = 1 / (12 * 255**2)
# Smaller probabilities, and larger ones than 1 minus this, have no finite logit in float32.
_LOWEST_PROBABILITY = 1e-6


def normal_nll(squared_error: jax.Array, pixels: ArrayLike, variance: ArrayLike) -> jax.Array:
    """Return −log N(x; x̂, σ²I) from Σ (x̂ − x)²: Σ / (2σ²) + pixels/2 · log(2πσ²), in nats.

    Args:
      squared_error: Σ (x̂ − x)² over the pixels.
      pixels: the number of pixels.
      variance: σ² > 0.
    """
    constant = pixels / 2 * jnp.log(2 * jnp.pi * variance)
    return squared_error / (2 * variance) + constant


def optimal_variance(squared_error: ArrayLike, pixels: ArrayLike) -> jax.Array:
    """Return the σ² that minimises `normal_nll`, the mean squared error, or `LOWEST_VARIANCE`."""
    return jnp.maximum(squared_error / jnp.maximum(pixels, 1), LOWEST_VARIANCE)


def bernoulli_nll(logits: jax.Array, x: jax.Array) -> jax.Array:
    """Return −Σ x log p + (1 − x) log(1 − p) over the pixels of an image, in nats, p from logits.

    If x is 0 or 1, this is −log P(x). Of grey pixels, it is the expectation over pixels that are
    drawn with the intensities as probabilities; as a density of them, it is not normalised.
    """
    return jnp.sum(jax.nn.softplus(logits) - x * logits)


def logits_of(decoder: Callable[[Any], jax.Array], z: jax.Array) -> jax.Array:
    """Return the logits of a decoded image: from `decoder.logits`, or from its clipped pixels."""
    if hasattr(decoder, "logits"):
        logits: jax.Array = decoder.logits(z)
        return logits
    return logit(jnp.clip(decoder(z), _LOWEST_PROBABILITY, 1 - _LOWEST_PROBABILITY))


def binarize(key: jax.Array, x: jax.Array) -> jax.Array:
    """Draw each pixel as 0 or 1; its intensity, 0 to 1, is the probability of 1."""
    return jax.random.bernoulli(key, x).astype(x.dtype)
