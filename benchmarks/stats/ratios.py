"""Medians, spreads, and ratios with confidence intervals.

Interval and verdict are one method: an interval contains the values that a rank test does not
reject, so that it excludes 1 exactly if the test finds a difference. Its ends are order statistics;
nothing is assumed of the noise but that processes are independent. See Hollander, Wolfe and
Chicken, Nonparametric Statistical Methods (2014), section 3.6 for pairs (the sign test) and section
4.3 for independent samples (the test of Mann and Whitney, with Moses' interval).

A table of m ratios would show a false difference up to m times as often as one ratio. Each of its
ratios is therefore at the level 0.05 / m (Bonferroni). This limits the chance of any false
difference in the table to 5 %, however the rows depend on each other.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.measuring.results import Process

LEVEL = 0.05
# Rows whose spread between processes, (max − min) / median, is larger are flagged.
UNSTABLE = 0.10

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """How many times as long one takes as another.

    Attributes:
      median: median of the ratios.
      low: lower end of its interval; None with too few rounds for the level.
      high: upper end, likewise.
      rounds: number of pairs, or of processes in the smaller of two independent samples.
    """

    median: float
    low: float | None
    high: float | None
    rounds: int

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 1."""
        return self.verdict in ("slower", "faster")

    @property
    def verdict(self) -> str:
        """One of slower, faster, ≈ (no significant difference) and too few rounds."""
        if self.low is None or self.high is None:
            return "too few rounds"
        if self.low <= 1 <= self.high:
            return "≈"
        return "slower" if self.low > 1 else "faster"

    @property
    def interval(self) -> str:
        """The median, and its interval if there are enough rounds.

        It has two decimals, or as many as it takes to print no end of a significant ratio as 1.
        """
        if self.low is None or self.high is None:
            return f"{self.median:.2f}"
        digits = 2
        while self.significant and 1 in (round(self.low, digits), round(self.high, digits)):
            digits += 1
        return f"{self.median:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"

    def __str__(self) -> str:
        """As in a table: the interval, then ≈ if the ratio does not differ significantly from 1."""
        return self.interval + ("" if self.significant else " ≈")


def least_rounds(comparisons: int = 1) -> int:
    """The number of rounds from which paired ratios in a table of so many can be significant.

    The sign test of n pairs reaches 2 · 2⁻ⁿ: 6 rounds serve 1 comparison, 9 serve 12, 10 serve 25.
    """
    return math.ceil(1 + math.log2(comparisons / LEVEL))


def paired_ratio(
    ours: Sequence[Process], other: Sequence[Process], comparisons: int = 1
) -> Ratio | None:
    """Ratio ours / other over the rounds of both; None if they share no round.

    Args:
      ours: processes, at most one per round.
      other: processes, likewise.
      comparisons: the number of ratios in the table, which share the level.
    """
    mine = {process.round: process.seconds for process in ours}
    theirs = {process.round: process.seconds for process in other}
    shared = mine.keys() & theirs.keys()
    if not shared:
        return None
    ratios = [mine[number] / theirs[number] for number in shared]
    return Ratio(*median_interval(ratios, comparisons), len(ratios))


def unpaired_ratio(new: Sequence[Process], old: Sequence[Process], comparisons: int = 1) -> Ratio:
    """Ratio new / old of two independent sets of processes: the median of that of all pairs.

    This is the estimator of Hodges and Lehmann of a shift of the logarithms.

    Args:
      new: processes, at least one.
      old: processes, at least one.
      comparisons: the number of ratios in the table, which share the level.
    """
    ratios = np.divide.outer(*(np.array([p.seconds for p in group]) for group in (new, old)))
    ends = _ends(ratios.ravel(), _mann_whitney(*ratios.shape), LEVEL / comparisons)
    return Ratio(float(np.median(ratios)), *ends, min(ratios.shape))


def median_interval(
    values: npt.ArrayLike, comparisons: int = 1
) -> tuple[float, float | None, float | None]:
    """Median, and the ends of its interval: (median, low, high).

    Args:
      values: a sample of shape (n,).
      comparisons: the number of intervals in the table, which share the level.

    Returns:
      The ends are None if n is less than `least_rounds(comparisons)`.
    """
    sample = np.asarray(values, float)
    null = stats.binom.pmf(np.arange(len(sample) + 1), len(sample), 0.5)
    return float(np.median(sample)), *_ends(sample, null, LEVEL / comparisons)


def _ends(values: Floats, null: Floats, level: float) -> tuple[float | None, float | None]:
    """The k-th smallest and k-th largest value, for the largest k with 2 · P(S ≤ k − 1) ≤ level.

    Args:
      values: shape (n,).
      null: the probabilities of 0 to n values below the true one, S; shape (n + 1,).
      level: of the test that the interval inverts.
    """
    k = int(np.sum(2 * np.cumsum(null) <= level))
    ordered = np.sort(values)
    return (float(ordered[k - 1]), float(ordered[-k])) if k else (None, None)


def _mann_whitney(m: int, n: int) -> Floats:
    """The probabilities of U = 0 to m · n for independent samples of one distribution."""
    # ways[i, u]: choices of i of the m + n ranks. The i-th contributes the ranks skipped below it.
    ways = np.zeros((m + 1, m * n + 1))
    ways[0, 0] = 1
    for rank in range(1, m + n + 1):
        for i in range(min(m, rank), max(0, rank - n - 1), -1):
            skipped = rank - i
            ways[i, skipped:] += ways[i - 1, : ways.shape[1] - skipped]
    return ways[m] / ways[m].sum()


def spread(processes: Sequence[Process]) -> float:
    """(max − min) / median over processes."""
    seconds = [process.seconds for process in processes]
    return float((max(seconds) - min(seconds)) / np.median(seconds))


def median_seconds(processes: Sequence[Process]) -> float:
    """Median over processes."""
    return float(np.median([process.seconds for process in processes]))


def spans(
    groups: Iterable[Sequence[Process]],
) -> tuple[Floats, Floats]:
    """Median seconds of each group, shape (n,), and how far its extremes are below and above it.

    The latter has shape (2, n), as Matplotlib's error bars expect.
    """
    rows = [[process.seconds for process in group] for group in groups]
    middle = np.array([np.median(row) for row in rows])
    return middle, np.array(
        [middle - [min(row) for row in rows], [max(row) for row in rows] - middle]
    )
