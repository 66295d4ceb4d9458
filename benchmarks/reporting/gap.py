"""The parts of a training step, from the large products alone to the whole."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.measuring.results import Results
from benchmarks.reporting.markdown import seconds, table
from benchmarks.reporting.tables import BASELINE
from benchmarks.stats import median_interval, median_seconds
from benchmarks.tasks import TASKS, Sizes, flops
from benchmarks.tasks.limit import COPIED
from benchmarks.tasks.suite import BATCHES, PARTS

_ADAM_BYTES = flops.ADAM_BYTES * flops.parameters(Sizes())


def gap_section(results: Results) -> Iterator[str]:
    """Yield the differences between the parts of a step, at each batch size."""
    rows = []
    # Two differences in each row of the table.
    comparisons = 2 * len(BATCHES)
    for batch in BATCHES:
        products, gradients, epoch = (_steps(results, part, batch) for part in PARTS)
        if not len(products):
            continue
        adam = median_interval(epoch - gradients, comparisons)
        significant = adam[1] is not None and adam[1] > 0
        rows.append(
            [
                f"{batch}",
                seconds(float(np.median(products))),
                _difference(median_interval(gradients - products, comparisons)),
                _difference(adam),
                seconds(float(np.median(epoch))),
                f"{np.median(products / gradients):.2f}",
                f"{np.median(products / epoch):.2f}",
                f"{_ADAM_BYTES / adam[0] / 1e9:.0f} GB/s" if significant else "—",
                f"{len(epoch)}",
            ]
        )
    if not rows:
        return
    yield f"## The parts of a step of {BASELINE}\n"
    yield (
        "The large products alone, then all gradients and the loss, then the whole step, each in "
        "JAX. They alternate in one process, so their differences are paired: medians with an "
        "interval, or *not significant* if that includes 0. Adam moves at least "
        f"{_ADAM_BYTES / 1e6:.1f} MB per step (four arrays read, three written). *Adam moves* is "
        "the rate at which it does so, which may exceed that of memory, since the arrays fit some "
        f"caches. {_copy_rate(results)}\n"
    )
    columns = ("products", "+ activations, loss", "+ Adam", "step", "limit without Adam")
    yield from table(("batch", *columns, "of the limit", "Adam moves", "pairs"), rows)


def _steps(results: Results, part: str, batch: int) -> npt.NDArray[np.float64]:
    # Seconds per step of all repetitions, in the order in which they were measured.
    task = TASKS[f"{part}-{batch}"]
    values = [value for p in results.processes(task.name, BASELINE) for value in p.values]
    return np.array(values) * batch / task.n


def _difference(interval: tuple[float, float | None, float | None]) -> str:
    median, low, high = interval
    if low is None or high is None or low <= 0 <= high:
        return "not significant"
    return f"{1e6 * median:.0f} µs [{1e6 * low:.0f}, {1e6 * high:.0f}]"


def _copy_rate(results: Results) -> str:
    copies = results.processes("encode", "limit-copy")
    if not copies:
        return ""
    # A copy reads and writes each byte.
    rate = 2 * COPIED * 2**20 / median_seconds(copies) / 1e9
    return f"A copy of {COPIED} MiB in memory reads and writes {rate:.0f} GB/s."
