"""A number with its 95 % confidence interval."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

CONFIDENCE = 0.95


class UndefinedError(ValueError):
    """A number is undefined for the data, for example with one class; the message says why."""


class Estimate(NamedTuple):
    """A number and its 95 % confidence interval.

    Attributes:
      value: the number.
      low: lower end of the interval; None where the data give no interval.
      high: upper end of the interval, or None.
    """

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Format the number and its interval with three significant digits."""
        if self.low is None or self.high is None:
            return f"{self.value:.3g}"
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def mean(values: npt.ArrayLike) -> Estimate:
    """Compute the mean of independent values, with Student's t interval for n ≥ 2.

    Args:
      values: finite values of shape (n,), n ≥ 1.

    Raises:
      UndefinedError: no values, or one that is not finite.

    Example:
      >>> print(jaxae.analysis.mean([1, 2, 3, 4]))
      2.5 [0.446, 4.55]
    """
    x = _checked(values)
    middle = float(x.mean())
    if len(x) == 1:
        return Estimate(middle)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(x) - 1) * stats.sem(x))
    return Estimate(middle, middle - reach, middle + reach)


def proportion(hits: int, n: int) -> Estimate:
    """Compute the proportion of hits in n ≥ 1 independent trials.

    The interval is Wilson's (1927), for n ≥ 2.

    Raises:
      ValueError: n is below 1, or hits is not from 0 to n.

    Example:
      >>> print(jaxae.analysis.proportion(9, 10))
      0.9 [0.596, 0.982]
    """
    if not 0 <= hits <= n or n < 1:
        raise ValueError(f"{hits} hits of {n}; expected at least one trial, and 0 to n hits")
    if n == 1:
        return Estimate(float(hits))
    interval = stats.binomtest(hits, n).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(hits / n, float(interval.low), float(interval.high))


def _checked(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    x = np.asarray(values, np.float64)
    if x.ndim != 1:
        raise ValueError(f"values of shape {x.shape}; expected (n,)")
    if len(x) == 0:
        raise UndefinedError("there are no values")
    if not np.isfinite(x).all():
        raise UndefinedError("a value is infinite or NaN")
    return x
