"""Statistics of measurements: ratios with intervals, growth, comparison of two results."""

from benchmarks.stats.compare import changes, differing_machine
from benchmarks.stats.growth import Growth, fit
from benchmarks.stats.ratios import (
    CONFIDENCE,
    LEAST_ROUNDS,
    UNSTABLE,
    Ratio,
    median_interval,
    median_seconds,
    paired_ratio,
    spread,
    unpaired_ratio,
)

__all__ = [
    "CONFIDENCE",
    "LEAST_ROUNDS",
    "UNSTABLE",
    "Growth",
    "Ratio",
    "changes",
    "differing_machine",
    "fit",
    "median_interval",
    "median_seconds",
    "paired_ratio",
    "spread",
    "unpaired_ratio",
]
