"""The parts of a training step, from the large products alone to the whole."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.measuring.results import Results
from benchmarks.reporting.rows import BASELINE
from benchmarks.stats import median_interval, median_seconds
from benchmarks.tasks import TASKS, Sizes, flops
from benchmarks.tasks.limit import COPIED
from benchmarks.tasks.suite import BATCHES, PARTS

ADAM_BYTES = flops.ADAM_BYTES * flops.parameters(Sizes())

Interval = tuple[float, float | None, float | None]


@dataclass(frozen=True)
class Step:
    """Seconds of one step of the baseline and of its parts, measured in turn in one process.

    Attributes:
      batch: the batch size.
      products: the large products alone.
      activations: what the loss and the gradients take besides (median, low, high).
      adam: what Adam takes besides, likewise.
      whole: the step.
      of_products: products / whole, the median over pairs.
      adam_gbs: GB/s that Adam reads and writes, if its time is significant.
      pairs: number of repetitions.
    """

    batch: int
    products: float
    activations: Interval
    adam: Interval
    whole: float
    of_products: float
    adam_gbs: float | None
    pairs: int


def steps(results: Results) -> list[Step]:
    """The parts of a step at each batch size that was measured."""
    found = []
    # Two differences in each row of the table.
    comparisons = 2 * len(BATCHES)
    for batch in BATCHES:
        products, gradients, whole = (_seconds(results, part, batch) for part in PARTS)
        if not len(products):
            continue
        adam = median_interval(whole - gradients, comparisons)
        step = Step(
            batch=batch,
            products=float(np.median(products)),
            activations=median_interval(gradients - products, comparisons),
            adam=adam,
            whole=float(np.median(whole)),
            of_products=float(np.median(products / whole)),
            adam_gbs=ADAM_BYTES / adam[0] / 1e9 if adam[1] is not None and adam[1] > 0 else None,
            pairs=len(whole),
        )
        found.append(step)
    return found


def copy_gbs(results: Results) -> float | None:
    """GB/s that a copy in memory reads and writes."""
    copies = results.processes("encode", "limit-copy")
    return 2 * COPIED * 2**20 / median_seconds(copies) / 1e9 if copies else None


def _seconds(results: Results, part: str, batch: int) -> npt.NDArray[np.float64]:
    # Seconds per step of all repetitions, in the order in which they were measured.
    task = TASKS[f"{part}-{batch}"]
    values = [value for p in results.processes(task.name, BASELINE) for value in p.values]
    return np.array(values) * batch / task.n
