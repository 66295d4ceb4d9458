"""The parts of a training step, from the large products alone to the whole."""

import numpy as np
import numpy.typing as npt

from benchmarks.measuring.results import Results
from benchmarks.reporting.markdown import seconds, share, table
from benchmarks.reporting.rows import BASELINE
from benchmarks.stats import median_interval, median_seconds
from benchmarks.tasks import TASKS, Sizes, flops
from benchmarks.tasks.limit import COPIED
from benchmarks.tasks.suite import BATCHES, PARTS

ADAM_BYTES = flops.ADAM_BYTES * flops.parameters(Sizes())


def step_table(results: Results) -> str:
    """What the parts of a step take, measured in turn in one process, at each batch size."""
    cells = []
    # Two differences in each row of the table.
    comparisons = 2 * len(BATCHES)
    for batch in BATCHES:
        products, gradients, whole = (_seconds(results, part, batch) for part in PARTS)
        if not len(products):
            continue
        median, low, high = median_interval(whole - gradients, comparisons)
        cells.append(
            [
                f"{batch}",
                seconds(float(np.median(products))),
                _difference(*median_interval(gradients - products, comparisons)),
                _difference(median, low, high),
                seconds(float(np.median(whole))),
                share(float(np.median(products / whole))),
                f"{ADAM_BYTES / median / 1e9:.0f} GB/s" if low is not None and low > 0 else "—",
                f"{len(whole)}",
            ]
        )
    columns = ("products", "+ activations, loss", "+ Adam", "step", "own products", "Adam moves")
    return table(("batch", *columns, "pairs"), cells)


def copy_gbs(results: Results) -> float | None:
    """GB/s that a copy in memory reads and writes."""
    copies = results.processes("encode", "limit-copy")
    return 2 * COPIED * 2**20 / median_seconds(copies) / 1e9 if copies else None


def _seconds(results: Results, part: str, batch: int) -> npt.NDArray[np.float64]:
    # Seconds per step of all repetitions, in the order in which they were measured.
    task = TASKS[f"{part}-{batch}"]
    values = [value for p in results.processes(task.name, BASELINE) for value in p.values]
    return np.array(values) * batch / task.n


def _difference(median: float, low: float | None, high: float | None) -> str:
    if low is None or high is None or low <= 0 <= high:
        return "not significant"
    return f"{1e6 * median:.0f} µs [{1e6 * low:.0f}, {1e6 * high:.0f}]"
