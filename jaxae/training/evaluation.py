"""The mean loss over images, such as the test loss, as a scan over batches."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import NamedSharding

from jaxae.models import AutoencoderLike, Params
from jaxae.training.losses import Batch, LossTerms, batch_terms
from jaxae.training.objective import Objective
from jaxae.training.step import scan_batches

EVALUATION_BATCH = 1000


def evaluate(
    graphdef: nnx.GraphDef[Any],
    params: Params,
    images: jax.Array,
    objective: Objective | None = None,
    sharding: NamedSharding | None = None,
) -> jax.Array:
    """Return the mean loss over images; a variational model draws the same samples every time.

    Args:
      graphdef: structure of the model, from `nnx.split(model, nnx.Param)`.
      params: parameters of the model.
      images: uint8 of shape (n, *model.image_shape).
      objective: settings of the loss; `Objective()` by default.
      sharding: sharding of a batch over several devices; None for a single device.
    """
    return evaluate_terms(graphdef, params, images, objective, sharding).loss


@functools.partial(jax.jit, static_argnums=(0, 3, 4))
def evaluate_terms(
    graphdef: nnx.GraphDef[Any],
    params: Params,
    images: jax.Array,
    objective: Objective | None = None,
    sharding: NamedSharding | None = None,
) -> LossTerms:
    """Return the mean loss and the mean of each of its terms; arguments as for `evaluate`."""
    step = make_test_step(nnx.merge(graphdef, params), objective)
    batch_size = min(EVALUATION_BATCH, len(images))
    order = jnp.arange(len(images))
    _, sums = scan_batches(step, jax.random.key(0), images, order, batch_size, sharding)
    return jax.tree.map(lambda term: jnp.sum(term) / len(images), sums)


def make_test_step(
    model: AutoencoderLike, objective: Objective | None = None
) -> Callable[[jax.Array, Batch], tuple[jax.Array, LossTerms]]:
    """Return the function (key, batch) -> (next key, summed terms) to scan over test images."""

    def step(key: jax.Array, batch: Batch) -> tuple[jax.Array, LossTerms]:
        key, own = jax.random.split(key)
        return key, batch_terms(model, batch, own, objective)

    return step
