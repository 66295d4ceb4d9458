"""Ratios with intervals, from pairs of processes that ran in the same round."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks.results import Process

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
    """

    median: float
    low: float
    high: float
    rounds: int

    @property
    def distinguishable(self) -> bool:
        """Whether the interval leaves out 1; never with too few pairs to tell."""
        return self.rounds >= LEAST_ROUNDS and not self.low <= 1 <= self.high

    def __str__(self) -> str:
        """As in a table: median, then the interval, then ≈ where it can't be told from 1."""
        sign = "" if self.distinguishable else " ≈"
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]{sign}"


def paired_ratio(ours: Sequence[Process], other: Sequence[Process]) -> Ratio | None:
    """Ratio ours / other over the rounds that both have; None where they share none."""
    mine = {process.round: process.seconds for process in ours}
    theirs = {process.round: process.seconds for process in other}
    shared = sorted(mine.keys() & theirs.keys())
    if not shared:
        return None
    ratios = np.array([mine[number] / theirs[number] for number in shared])
    return _with_interval(ratios)


def unpaired_ratio(new: Sequence[Process], old: Sequence[Process]) -> Ratio:
    """Ratio of the medians of two independent sets of processes, new / old.

    The interval resamples each set on its own.
    """
    a, b = (np.log([process.seconds for process in group]) for group in (new, old))
    estimate = float(np.exp(np.median(a) - np.median(b)))
    if min(len(a), len(b)) < 2:
        return Ratio(estimate, estimate, estimate, min(len(a), len(b)))
    found = stats.bootstrap(
        (a, b),
        lambda x, y, axis: np.median(x, axis=axis) - np.median(y, axis=axis),
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return Ratio(estimate, float(np.exp(found.low)), float(np.exp(found.high)), min(len(a), len(b)))


def spread(processes: Sequence[Process]) -> float:
    """(max − min) / median over processes: what a single run may be off by."""
    seconds = [process.seconds for process in processes]
    return float((max(seconds) - min(seconds)) / np.median(seconds))


def median_seconds(processes: Sequence[Process]) -> float:
    """Median over processes."""
    return float(np.median([process.seconds for process in processes]))


def _with_interval(ratios: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Ratio:
    median = float(np.median(ratios))
    if len(ratios) < 2 or np.ptp(ratios) == 0:
        return Ratio(median, median, median, len(ratios))
    found = stats.bootstrap(
        (ratios,),
        np.median,
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return Ratio(median, float(found.low), float(found.high), len(ratios))
