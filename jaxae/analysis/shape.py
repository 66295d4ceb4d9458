"""The cloud's shape: how far it is from a normal distribution, and how elongated."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.spatial.distance import cdist

from jaxae.analysis.estimates import UndefinedError

Points = npt.NDArray[np.floating]


class Normality(NamedTuple):
    """Henze and Zirkler's test that points come from a normal distribution.

    Attributes:
      statistic: T ≥ 0.
      p_value: p-value of T under normality, from its log-normal approximation.
      effect: T / n, 0 to 4: the squared distance between the characteristic functions of the
        standardised points and of a normal distribution, weighted by N(0, β²·I).
      n: number of points tested.
    """

    statistic: float
    p_value: float
    effect: float
    n: int


def henze_zirkler(z: Points, *, at_most: int = 5000, seed: int = 0) -> Normality:
    """Test multivariate normality (Henze and Zirkler 1990, A class of invariant consistent tests).

    With S the covariance (divisor n), D_jk = (z_j − z_k)ᵀ S⁻¹ (z_j − z_k), D_j = (z_j − z̄)ᵀ S⁻¹
    (z_j − z̄) and β = ((2d + 1) n / 4)^(1 / (d + 4)) / √2, the statistic T is given by::

        T / n = n⁻² Σ_jk exp(−β² D_jk / 2)
                − 2 (1 + β²)^(−d/2) n⁻¹ Σ_j exp(−β² D_j / (2 (1 + β²))) + (1 + 2 β²)^(−d/2)

    T / n is 4 where S is singular.

    Args:
      z: points of shape (n, d), n > d + 1.
      at_most: number of points above which a random subset is tested, since the sum is over
        pairs; effects are comparable for equal n.
      seed: seed of the subset.

    Raises:
      UndefinedError: d + 1 points or fewer.
      ValueError: a point that is not finite.
    """
    x = _checked(z)
    if len(x) > at_most:
        x = x[np.random.default_rng(seed).choice(len(x), at_most, replace=False)]
    n, d = x.shape
    centred = x - x.mean(axis=0)
    axes, deviations, _ = np.linalg.svd(centred, full_matrices=False)
    if deviations[-1] ** 2 <= d * np.finfo(float).eps * deviations[0] ** 2:
        return Normality(4.0 * n, 0.0, 4.0, n)
    # Standardised points: their squared distances are Mahalanobis distances.
    y = np.sqrt(n) * axes
    beta2 = ((2 * d + 1) * n / 4) ** (2 / (d + 4)) / 2
    pairs = np.exp(-beta2 / 2 * cdist(y, y, "sqeuclidean")).mean()
    own = np.exp(-beta2 / (2 * (1 + beta2)) * np.sum(y**2, axis=1)).mean()
    effect = pairs - 2 * (1 + beta2) ** (-d / 2) * own + (1 + 2 * beta2) ** (-d / 2)
    mean, variance = _moments(beta2, d)
    sigma2 = np.log1p(variance / mean**2)
    scale = mean * np.exp(-sigma2 / 2)
    p_value = stats.lognorm.sf(n * effect, np.sqrt(sigma2), scale=scale)
    return Normality(float(n * effect), float(p_value), float(effect), n)


def elongation(z: Points) -> float:
    """Return the ratio of the two largest principal standard deviations, 1 (round) to ∞ (a line).

    Args:
      z: points of shape (n, d), d ≥ 2 and n > d + 1.

    Raises:
      UndefinedError: too few points or dimensions, or all points lie on a line.
      ValueError: a point that is not finite.

    Example:
      >>> jaxae.analysis.elongation(np.array([[-3, 0], [3, 0], [0, 1], [0, -1]]))
      3.0
    """
    x = _checked(z)
    if x.shape[1] < 2:
        raise UndefinedError("one latent dimension has no elongation; expected two or more")
    deviations = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    if deviations[1] <= 1e-9 * max(deviations[0], np.finfo(float).tiny):
        raise UndefinedError("points on a line, or all the same, have no finite elongation")
    return float(deviations[0] / deviations[1])


def _moments(beta2: float, d: int) -> tuple[float, float]:
    # Mean and variance of T under normality: equations 2.4 and 2.5 of the paper.
    a = 1 + 2 * beta2
    mean = 1 - a ** (-d / 2) * (1 + d * beta2 / a + d * (d + 2) * beta2**2 / (2 * a**2))
    w = (1 + beta2) * (1 + 3 * beta2)
    variance = 2 * (1 + 4 * beta2) ** (-d / 2)
    variance += (
        2 * a ** (-d) * (1 + 2 * d * beta2**2 / a**2 + 3 * d * (d + 2) * beta2**4 / (4 * a**4))
    )
    variance -= (
        4 * w ** (-d / 2) * (1 + 3 * d * beta2**2 / (2 * w) + d * (d + 2) * beta2**4 / (2 * w**2))
    )
    return mean, variance


def _checked(z: Points) -> npt.NDArray[np.float64]:
    x = np.asarray(z, np.float64)
    if x.ndim != 2:
        raise ValueError(f"points of shape {x.shape}; expected (n, d)")
    n, d = x.shape
    if n <= d + 1:
        raise UndefinedError(f"too few points, {n}; expected more than {d + 1}")
    if not np.isfinite(x).all():
        raise ValueError("points have values that are NaN or infinite; expected finite numbers")
    return x
