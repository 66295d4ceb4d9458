"""The state of the machine while a process measures, by a short kernel before and after its work.

A virtual machine may be slow for half a minute at a time: training then took 1.4 times as long as
usual, and the same product of matrices, with NumPy, 1.2 times. Pairing the processes of a round
does not remove that. So every process also times this product. If it takes longer than in the other
processes, the machine was slow, whatever the framework did.
"""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

KEYS = ("reference_before", "reference_after")
# How many times the median over processes the kernel may take.
TOLERANCE = 1.10
# Times of the kernel that are needed to know their median.
_LEAST = 10
_PRODUCTS, _REPETITIONS = 10, 7


def kernel_seconds() -> float:
    """Time ten products of 512×784 by 784×512 in float32: the median of seven repetitions."""
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = (rng.random(shape, dtype=np.float32) for shape in ((512, 784), (784, 512)))
    seconds = []
    for _ in range(1 + _REPETITIONS):
        start = time.perf_counter()
        for _ in range(_PRODUCTS):
            a @ b
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def slowdown(outcomes: Iterable[Mapping[str, Any]], known: Sequence[float]) -> float:
    """How many times as long as usual the kernel took, before or after a process's work.

    Args:
      outcomes: of one process.
      known: the times of the kernel in other processes.

    Returns:
      The ratio to the median; 1 where too few times are known, or the process has none.
    """
    times = [outcome[key] for outcome in outcomes for key in KEYS if key in outcome]
    if not times or len(known) < _LEAST:
        return 1.0
    return max(times) / statistics.median(known)
