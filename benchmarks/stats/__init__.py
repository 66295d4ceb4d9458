"""Statistics of measurements.

ratios    medians, spreads, and ratios with confidence intervals
growth    how a cost grows with a size
compare   the comparison of new results with old ones
"""

from benchmarks.stats.compare import (
    Change,
    changes,
    differing_machine,
    differing_versions,
    shared,
)
from benchmarks.stats.growth import Growth, Points, fit, growth_of
from benchmarks.stats.ratios import (
    LEVEL,
    UNSTABLE,
    Ratio,
    least_rounds,
    median_interval,
    median_seconds,
    paired_ratio,
    spans,
    spread,
    unpaired_ratio,
)

__all__ = [
    "LEVEL",
    "UNSTABLE",
    "Change",
    "Growth",
    "Points",
    "Ratio",
    "changes",
    "differing_machine",
    "differing_versions",
    "fit",
    "growth_of",
    "least_rounds",
    "median_interval",
    "median_seconds",
    "paired_ratio",
    "shared",
    "spans",
    "spread",
    "unpaired_ratio",
]
