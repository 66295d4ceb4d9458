"""Medians, spreads, and ratios with confidence intervals."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.measuring.results import Process

CONFIDENCE = 0.95
# With 5 pairs, identical code is on the same side of 1 in all of them too often: 2 · 2⁻⁵ > 0.05.
LEAST_ROUNDS = 6
# Rows whose spread between processes, (max − min) / median, is larger are flagged.
UNSTABLE = 0.10


@dataclass(frozen=True)
class Ratio:
    """How many times as long one takes as another.

    Attributes:
      median: median of the ratios.
      low: lower end of the 95 % bootstrap interval.
      high: upper end.
      rounds: number of pairs.
      p_value: of an exact test of the hypothesis that neither takes longer.
    """

    median: float
    low: float
    high: float
    rounds: int
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether the ratio differs significantly from 1, by both the interval and the test.

        With so few pairs the bootstrap interval is too narrow: on its own it rejects identical code
        in 7 of 100 cases, the sign test in 3.
        """
        return self.p_value < 1 - CONFIDENCE and not self.low <= 1 <= self.high

    @property
    def interval(self) -> str:
        """The median, and its interval if there are enough rounds."""
        if self.rounds < LEAST_ROUNDS:
            return f"{self.median:.2f}"
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def __str__(self) -> str:
        """As in a table: the interval, then ≈ if the ratio does not differ significantly from 1."""
        return self.interval + ("" if self.significant else " ≈")


def paired_ratio(ours: Sequence[Process], other: Sequence[Process]) -> Ratio | None:
    """Ratio ours / other over the rounds of both, with a sign test; None if they share no round."""
    mine = {process.round: process.seconds for process in ours}
    theirs = {process.round: process.seconds for process in other}
    shared = sorted(mine.keys() & theirs.keys())
    if not shared:
        return None
    ratios = np.array([mine[number] / theirs[number] for number in shared])
    longer, shorter = int(np.sum(ratios > 1)), int(np.sum(ratios < 1))
    p_value = stats.binomtest(longer, longer + shorter).pvalue if longer + shorter else 1.0
    return Ratio(*median_interval(ratios), len(ratios), p_value)


def unpaired_ratio(new: Sequence[Process], old: Sequence[Process]) -> Ratio:
    """Ratio of the medians of two independent sets of processes, with a Mann-Whitney test."""
    a, b = (np.log([process.seconds for process in group]) for group in (new, old))
    estimate = np.median(a) - np.median(b)
    low = high = estimate
    if min(len(a), len(b)) > 1:
        low, high = _bootstrap(
            (a, b), lambda x, y, axis: np.median(x, axis=axis) - np.median(y, axis=axis)
        )
    median, low, high = (float(np.exp(value)) for value in (estimate, low, high))
    return Ratio(median, low, high, min(len(a), len(b)), float(stats.mannwhitneyu(a, b).pvalue))


def median_interval(values: npt.ArrayLike) -> tuple[float, float, float]:
    """Median, and both ends of its 95 % bootstrap interval: (median, low, high)."""
    sample = np.asarray(values, float)
    median = float(np.median(sample))
    if len(sample) < 2 or np.ptp(sample) == 0:
        return median, median, median
    return median, *_bootstrap((sample,), np.median)


def _bootstrap(
    samples: tuple[npt.NDArray[np.float64], ...], statistic: Callable[..., Any]
) -> tuple[float, float]:
    found = stats.bootstrap(
        samples,
        statistic,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def spread(processes: Sequence[Process]) -> float:
    """(max − min) / median over processes."""
    seconds = [process.seconds for process in processes]
    return float((max(seconds) - min(seconds)) / np.median(seconds))


def median_seconds(processes: Sequence[Process]) -> float:
    """Median over processes."""
    return float(np.median([process.seconds for process in processes]))


def spans(
    groups: Iterable[Sequence[Process]],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Median seconds of each group, shape (n,), and how far its extremes are below and above it.

    The latter has shape (2, n), as Matplotlib's error bars expect.
    """
    rows = [[process.seconds for process in group] for group in groups]
    middle = np.array([np.median(row) for row in rows])
    return middle, np.array(
        [middle - [min(row) for row in rows], [max(row) for row in rows] - middle]
    )
