"""`density_weighted`: a decoder whose curves are longer where a cloud has few points."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import gaussian_kde
from jax.tree_util import Partial
from numpy.typing import ArrayLike

from jaxae.geometry.decoders import Decoder, Weighted, as_points, as_pytree, for_each


def density_weighted(decoder: Decoder, cloud: ArrayLike, floor: float = 0.01) -> Decoder:
    """Multiply a decoder's metric by a weight that is large where a cloud has few points.

    The metric becomes w(z) JᵀJ with w(z) = (1 + floor) / (p(z) / p̄ + floor), where p is a kernel
    density estimate of the cloud (Gaussian, bandwidth by Scott's rule) and p̄ its mean over the
    cloud. The weight is 1 where the density is p̄, and 1 + 1 / floor far away. It does not change
    when latent space is mapped by z → Az.

    Lengths that decrease with the density are those of Bousquet, Chapelle and Hein (2003, "Measure
    based regularization"). Arvanitidis, Georgiadis and Schölkopf (2022, "A prior-based approximate
    latent Riemannian metric") weight the flat metric of latent space by a density; here it is the
    decoder's metric.

    Args:
      decoder: maps one point, shape (latent_dim,), to an array; also an `ensemble`.
      cloud: embeddings, shape (n, latent_dim). The time of each evaluation grows with n, and a few
        thousand suffice.
      floor: above 0; bounds the weight.

    Returns:
      The decoder with its weight, which has the same images at other distances.

    Raises:
      ValueError: a wrong shape, a value that is not a finite number, a cloud on a line or plane, or
        a floor that is not positive.

    Example:
      >>> cloud = np.random.default_rng(0).normal(size=(500, 2))
      >>> weighted = jaxae.geometry.density_weighted(lambda z: z, cloud)
      >>> far = [[100.0, 0.0], [101.0, 0.0]]
      >>> round(jaxae.geometry.curve_length(weighted, far).item(), 2)  # √101, with floor 0.01
      10.05
    """
    points = as_points(cloud, "cloud", axes=2)
    if points.ndim != 2:
        raise ValueError(f"cloud has shape {points.shape}; expected (n, latent_dim)")
    if not 0 < floor < float("inf"):
        raise ValueError(f"floor is {floor}; expected a finite number above 0")
    n, latent_dim = points.shape
    # The estimate inverts the covariance, whose widths are squares.
    flat = float(jnp.finfo(points.dtype).eps) ** 0.5
    around_mean = np.asarray(points - jnp.mean(points, axis=0, keepdims=True))
    if np.linalg.matrix_rank(around_mean, rtol=flat) < latent_dim:
        raise ValueError(
            f"cloud has {n} points on a line or plane; expected a cloud that fills latent space"
        )
    density = gaussian_kde(points.T)
    mean = jnp.mean(for_each(_density, density, points, axes=1))
    return Weighted(as_pytree(decoder), Partial(_weight, density, mean, jnp.asarray(floor)))


def _density(density: Decoder, z: jax.Array) -> jax.Array:
    return density(z[:, None])[0]


def _weight(density: Decoder, mean: jax.Array, floor: jax.Array, z: jax.Array) -> jax.Array:
    return (1 + floor) / (_density(density, z) / mean + floor)
