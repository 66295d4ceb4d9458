"""What stands between jaxae and the limit: an epoch and its parts, timed in turn in one process."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.measuring.results import Results
from benchmarks.reporting.markdown import seconds, table
from benchmarks.reporting.tables import BASELINE
from benchmarks.stats import median_interval, median_seconds
from benchmarks.tasks import BATCHES, PARTS, TASKS, flops
from benchmarks.tasks.limit import COPIED

# Adam reads parameter, gradient and both moments, and writes all but the gradient: float32 each.
_ADAM_BYTES = 7 * 4


def gap_section(results: Results) -> Iterator[str]:
    """Yield what lies between the large products alone and an epoch, at each batch size."""
    rows = []
    for batch in BATCHES:
        times = {part: _steps(results, part, batch) for part in PARTS}
        products, gradients, epoch = (times[part] for part in PARTS)
        if not len(products):
            continue
        adam = median_interval(epoch - gradients)
        rows.append(
            [
                f"{batch}",
                seconds(float(np.median(products))),
                _difference(median_interval(gradients - products)),
                _difference(adam),
                seconds(float(np.median(epoch))),
                f"{np.median(products / gradients):.2f}",
                f"{np.median(products / epoch):.2f}",
                f"{_adam_bytes() / adam[0] / 1e9:.0f} GB/s" if adam[1] > 0 else "—",
                f"{len(epoch)}",
            ]
        )
    if not rows:
        return
    yield "## What stands between jaxae and the limit\n"
    yield (
        f"A step of `{BASELINE}` in parts: the large products alone, all gradients and the loss, "
        "and the whole, each by JAX, timed in turn in one process, so that their differences are "
        "paired. Medians of the differences with a 95 % interval; *not resolved* where that "
        f"includes 0. Adam cannot move less than {_adam_bytes() / 1e6:.1f} MB a step (four arrays "
        "read, three written); *Adam moves* is the rate at which it does, which may be above "
        f"memory's, for these arrays fit some caches. {_copy_rate(results)}\n"
    )
    columns = ("products", "+ activations, loss", "+ Adam", "step", "limit without Adam")
    yield from table(("batch", *columns, "of the limit", "Adam moves", "pairs"), rows)


def _steps(results: Results, part: str, batch: int) -> npt.NDArray[np.float64]:
    # Seconds a step of every repetition, in the order in which they took turns.
    task = TASKS[f"{part}-{batch}"]
    values = [value for p in results.processes(task.name, BASELINE) for value in p.values]
    return np.array(values) * batch / task.n


def _difference(interval: tuple[float, float, float]) -> str:
    median, low, high = interval
    if low <= 0 <= high:
        return "not resolved"
    return f"{1e6 * median:.0f} µs [{1e6 * low:.0f}, {1e6 * high:.0f}]"


def _adam_bytes() -> int:
    return _ADAM_BYTES * flops.parameters(TASKS["train"].sizes)


def _copy_rate(results: Results) -> str:
    copies = results.processes("encode", "limit-copy")
    if not copies:
        return ""
    # A copy reads and writes each byte.
    rate = 2 * COPIED * 2**20 / median_seconds(copies) / 1e9
    return f"Copying {COPIED} MiB in memory, reading and writing, runs at {rate:.0f} GB/s."
