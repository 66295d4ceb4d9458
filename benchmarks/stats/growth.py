"""How a cost grows with a size: a fixed part, and a part in proportion to the size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from benchmarks.measuring.results import Process
from benchmarks.stats.ratios import median_seconds

# The processes at each value of a setting.
Points = dict[Any, list[Process]]


@dataclass(frozen=True)
class Growth:
    """A fit of cost = fixed + each · size, and of cost ∝ size to the power of the exponent.

    Attributes:
      fixed: seconds at any size, 0 or more.
      each: seconds per unit of size, 0 or more.
      misfit: largest relative difference between the linear fit and a measurement.
      exponent: slope of log cost against log size, by least squares.
      exponent_error: its standard error.
    """

    fixed: float
    each: float
    misfit: float
    exponent: float
    exponent_error: float

    @property
    def crossing(self) -> float:
        """The size at which the fixed part is half of the cost."""
        return self.fixed / self.each if self.each > 0 else float("inf")


def fit(sizes: Sequence[float], costs: Sequence[float]) -> Growth:
    """Fit by least squares of the relative differences, with non-negative parts.

    Args:
      sizes: at least three different ones, above 0.
      costs: seconds at each size, above 0.

    Raises:
      ValueError: fewer than three sizes.
    """
    if len(set(sizes)) < 3:
        raise ValueError(f"{len(set(sizes))} sizes; expected 3 or more to fit a growth")
    x, t = np.asarray(sizes, float), np.asarray(costs, float)
    # In units of the largest size, so that both columns are of similar magnitude.
    design = np.stack([1 / t, x / x.max() / t], axis=1)
    (fixed, most), _ = optimize.nnls(design, np.ones(len(t)))
    each = most / x.max()
    slope = stats.linregress(np.log(x), np.log(t))
    misfit = float(np.max(np.abs((fixed + each * x) / t - 1)))
    return Growth(float(fixed), float(each), misfit, float(slope.slope), float(slope.stderr))


def growth_of(points: Points) -> Growth | None:
    """The growth of the median cost; None for fewer than three points, or values not integers."""
    if len(points) < 3 or not all(isinstance(size, int) for size in points):
        return None
    return fit(list(points), [median_seconds(processes) for processes in points.values()])
