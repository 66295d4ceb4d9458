"""Ratios with intervals, from pairs of processes that ran in the same round."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.measuring.results import Process

CONFIDENCE = 0.95
# With fewer pairs, identical code falls on one side of 1 in all of them too often: 2 · 2⁻⁵ > 0.05.
LEAST_ROUNDS = 6
# Above this spread between processes, (max − min) / median, a row is flagged.
UNSTABLE = 0.10


@dataclass(frozen=True)
class Ratio:
    """How many times longer one takes than another.

    Attributes:
      median: of the ratios, round by round.
      low: lower end of its 95 % bootstrap interval.
      high: upper end.
      rounds: the number of pairs.
      p_value: of the hypothesis that neither takes longer, by an exact test.
    """

    median: float
    low: float
    high: float
    rounds: int
    p_value: float

    @property
    def distinguishable(self) -> bool:
        """Whether the interval leaves out 1 and the exact test agrees.

        With so few pairs the bootstrap's interval is too narrow: on its own it tells identical code
        apart in 7 of 100 cases, where the sign test keeps to 3.
        """
        return self.p_value < 1 - CONFIDENCE and not self.low <= 1 <= self.high

    @property
    def interval(self) -> str:
        """The median, and its interval unless that says more than so few rounds can."""
        if self.rounds < LEAST_ROUNDS:
            return f"{self.median:.2f}"
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def __str__(self) -> str:
        """As in a table: median, then the interval, then ≈ where it can't be told from 1."""
        return self.interval + ("" if self.distinguishable else " ≈")


def paired_ratio(ours: Sequence[Process], other: Sequence[Process]) -> Ratio | None:
    """Ratio ours / other over the rounds that both have; None where they share none.

    Its p-value is the sign test's: identical code is slower in as many rounds as it is faster.
    """
    mine = {process.round: process.seconds for process in ours}
    theirs = {process.round: process.seconds for process in other}
    shared = sorted(mine.keys() & theirs.keys())
    if not shared:
        return None
    ratios = np.array([mine[number] / theirs[number] for number in shared])
    longer, shorter = int(np.sum(ratios > 1)), int(np.sum(ratios < 1))
    p_value = stats.binomtest(longer, longer + shorter).pvalue if longer + shorter else 1.0
    return Ratio(*median_interval(ratios), len(ratios), p_value)


def median_interval(values: npt.ArrayLike) -> tuple[float, float, float]:
    """Median, and the ends of its 95 % bootstrap interval: (median, low, high)."""
    sample = np.asarray(values, float)
    median = float(np.median(sample))
    if len(sample) < 2 or np.ptp(sample) == 0:
        return median, median, median
    found = stats.bootstrap(
        (sample,),
        np.median,
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return median, float(found.low), float(found.high)


def unpaired_ratio(new: Sequence[Process], old: Sequence[Process]) -> Ratio:
    """Ratio of the medians of two independent sets of processes, new / old.

    The interval resamples each set on its own; the p-value is Mann and Whitney's.
    """
    a, b = (np.log([process.seconds for process in group]) for group in (new, old))
    estimate = float(np.exp(np.median(a) - np.median(b)))
    p_value = float(stats.mannwhitneyu(a, b).pvalue)
    if min(len(a), len(b)) < 2:
        return Ratio(estimate, estimate, estimate, min(len(a), len(b)), p_value)
    found = stats.bootstrap(
        (a, b),
        lambda x, y, axis: np.median(x, axis=axis) - np.median(y, axis=axis),
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    low, high = float(np.exp(found.low)), float(np.exp(found.high))
    return Ratio(estimate, low, high, min(len(a), len(b)), p_value)


def spread(processes: Sequence[Process]) -> float:
    """(max − min) / median over processes: what a single run may be off by."""
    seconds = [process.seconds for process in processes]
    return float((max(seconds) - min(seconds)) / np.median(seconds))


def median_seconds(processes: Sequence[Process]) -> float:
    """Median over processes."""
    return float(np.median([process.seconds for process in processes]))
