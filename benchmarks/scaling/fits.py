"""What the sweeps' measurements say: the points of each, and how their cost grows."""

from typing import Any

import numpy as np

from benchmarks.measuring.results import Process, Results
from benchmarks.scaling.sweeps import Sweep
from benchmarks.stats import Growth, fit, median_seconds

Points = dict[Any, list[Process]]


def measured(results: Results, sweep: Sweep) -> Points:
    """The processes at each value that was measured."""
    found = {value: results.processes(sweep.name, str(value)) for value in sweep.values}
    return {value: processes for value, processes in found.items() if processes}


def growth_of(points: Points) -> Growth | None:
    """The growth of the median cost; None below three sizes, or where values are no sizes."""
    if len(points) < 3 or not all(isinstance(value, int) for value in points):
        return None
    return fit(list(points), [median_seconds(processes) for processes in points.values()])


def exponent(fitted: Growth) -> str:
    """The exponent with its standard error."""
    return f"{fitted.exponent:.3f} ± {fitted.exponent_error:.3f}"


def loss_of(processes: list[Process]) -> float:
    """The median over rounds of the loss after the last epoch."""
    return float(np.median([process.metadata["test_loss"] for process in processes]))
