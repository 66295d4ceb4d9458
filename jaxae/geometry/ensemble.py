"""`ensemble`: several decoders of one latent space, measured together."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from jaxae.geometry.decoders import Decoder, Weighted, as_pytree


def ensemble(decoders: Sequence[Decoder]) -> Decoder:
    """Join decoders f₁ … f_S into one whose metric is the mean of theirs, E[JᵀJ].

    The joint decoder maps z to (f₁(z), …, f_S(z)) / √S, so that all functions of this package
    accept it, and a squared distance is the mean of the members' squared distances. Where the
    members disagree on how images change, curves are long; a change on which all agree counts as
    for a single decoder.

    The metric is the expected one of Hauberg (2018, "Only Bayes should learn a manifold"). Syrota,
    Moreno-Muñoz and Hauberg (2024, "Decoder ensembling for learned latent geometries") take the
    expectation over decoders that were fitted to one encoder, as `jaxae.training.refit_decoders`
    does. Their energy compares different members at neighbouring points, which adds the variance
    of images at each point, whatever the number of points; this one does not. Where every member is
    constant, a curve therefore still has length 0.

    Args:
      decoders: decoders of one latent space that differ only in the values of their parameters:
        Flax modules, or a `jax.tree_util.Partial` each, of one function.

    Returns:
      A decoder to images of shape (S, ...). As an argument of compiled functions it is a pytree.

    Raises:
      ValueError: there are no decoders, they differ in structure, or one is weighted.

    Example:
      >>> scale = lambda factor, z: factor * z
      >>> members = [jax.tree_util.Partial(scale, jnp.array(factor)) for factor in (1.0, 3.0)]
      >>> g = jaxae.geometry.metric(jaxae.geometry.ensemble(members), [0.0])
      >>> round(g.item(), 3)  # (1² + 3²) / 2
      5.0
    """
    if not decoders:
        raise ValueError("decoders is empty; expected one or more")
    if any(isinstance(decoder, Weighted) for decoder in decoders):
        raise ValueError("a decoder of the ensemble is weighted; weight the ensemble instead")
    trees = [as_pytree(decoder) for decoder in decoders]
    if (
        len({(jax.tree.structure(tree), *map(jnp.shape, jax.tree.leaves(tree))) for tree in trees})
        > 1
    ):
        raise ValueError("the decoders differ in structure; expected decoders of one architecture")
    # Stacked, because a compiled program that repeats each member takes several times as long to
    # compile.
    return Partial(_joint, jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees))


def _joint(members: Decoder, z: jax.Array) -> jax.Array:
    images = jax.vmap(lambda member: member(z))(members)
    return images / math.sqrt(len(images))
