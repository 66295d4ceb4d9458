"""How a cost grows with a size: a fixed part, and one that grows in proportion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats


@dataclass(frozen=True)
class Growth:
    """Cost as fixed + each · size.

    Attributes:
      fixed: seconds that no size saves, 0 or more.
      each: seconds that one more unit adds, 0 or more.
      misfit: the largest relative difference between the fit and a measurement.
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
    """Fit non-negative parts by least squares of the relative differences.

    Args:
      sizes: three or more different ones, above 0.
      costs: seconds at each, above 0.

    Raises:
      ValueError: fewer than three sizes.
    """
    if len(set(sizes)) < 3:
        raise ValueError(f"{len(set(sizes))} sizes; expected 3 or more to fit a growth to")
    x, t = np.asarray(sizes, float), np.asarray(costs, float)
    # In units of the largest size, or the columns would differ by its magnitude.
    design = np.stack([1 / t, x / x.max() / t], axis=1)
    (fixed, most), _ = optimize.nnls(design, np.ones(len(t)))
    each = most / x.max()
    slope = stats.linregress(np.log(x), np.log(t))
    misfit = float(np.max(np.abs((fixed + each * x) / t - 1)))
    return Growth(float(fixed), float(each), misfit, float(slope.slope), float(slope.stderr))
