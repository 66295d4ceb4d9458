"""Where the time goes: the ladder, what lies between jaxae and the limit, and the noise itself."""

from collections.abc import Iterator

import numpy as np

from benchmarks import flops
from benchmarks.contestants import CONTESTANTS
from benchmarks.limit import COPIED
from benchmarks.markdown import seconds, table
from benchmarks.results import Process, Results
from benchmarks.stats import median_seconds, paired_ratio
from benchmarks.tables import BASELINE, fastest_limit
from benchmarks.tasks import BATCHES, LADDERS, TASKS

AGAIN = "flax-again"
# Adam reads parameter, gradient and both moments, and writes all but the gradient: float32 each.
_ADAM_BYTES = 7 * 4


def ladder_section(results: Results) -> Iterator[str]:
    """Yield how much each rung gains over the one before it."""
    for rungs in LADDERS:
        measured = [(name, p) for name in rungs if (p := results.processes("ladder", name))]
        if len(measured) < 2:
            continue
        yield f"## From {measured[0][0]} to {measured[-1][0]}, a rung at a time\n"
        rows = []
        before: list[Process] = []
        for name, processes in measured:
            rate = float(np.median([TASKS["ladder"].n / process.seconds for process in processes]))
            gain = paired_ratio(before, processes)
            settings = [str(processes[0].metadata.get(key, "—")) for key in _SHOWN]
            rows.append([name, f"{rate:,.0f}", "" if gain is None else str(gain), *settings])
            before = processes
        yield from table(("rung", "images/s", "× the rung before", *_SHOWN), rows)


_SHOWN = ("mode", "donated", "loader", "transfers")


def gap_section(results: Results) -> Iterator[str]:
    """Yield what lies between the large products alone and an epoch, at each batch size."""
    rows = []
    for batch in BATCHES:
        task = TASKS[f"train-batch-{batch}"]
        ours = results.processes(task.name, BASELINE)
        without = results.processes(task.name, "limit-no-adam")
        limit = fastest_limit(results, task)
        if not (ours and without and limit):
            continue
        epoch, gradients, steps = median_seconds(ours), median_seconds(without), task.n / batch
        adam = max(0.0, epoch - gradients) / steps
        rows.append(
            [
                f"{batch}",
                seconds(limit / steps),
                seconds(max(0.0, gradients - limit) / steps),
                seconds(adam),
                seconds(epoch / steps),
                f"{limit / epoch:.2f}",
                f"{limit / gradients:.2f}",
                f"{_adam_bytes() / adam / 1e9:.0f} GB/s" if adam else "—",
            ]
        )
    if not rows:
        return
    yield "## What stands between jaxae and the limit\n"
    yield (
        f"A step of `{BASELINE}`, in parts. Adam cannot move less than "
        f"{_adam_bytes() / 1e6:.1f} MB a step (four arrays read, three written); the last column "
        f"is the rate at which it does. {_copy_rate(results)}\n"
    )
    columns = ("products", "+ activations, loss", "+ Adam", "= step", "of the limit")
    yield from table(("batch", *columns, "without Adam", "Adam moves"), rows)


def _adam_bytes() -> int:
    return _ADAM_BYTES * flops.parameters(TASKS["train"].sizes)


def _copy_rate(results: Results) -> str:
    copies = results.processes("encode", "limit-copy")
    if not copies:
        return ""
    # A copy reads and writes each byte.
    rate = 2 * COPIED * 2**20 / median_seconds(copies) / 1e9
    return f"Copying {COPIED} MiB in memory, reading and writing, runs at {rate:.0f} GB/s."


def memory_section(results: Results) -> Iterator[str]:
    """Yield the most memory that a training process has held."""
    rows = []
    for name in CONTESTANTS:
        if processes := results.processes("train", name):
            host = _median_of(processes, "mem_max_rss")
            device = _median_of(processes, "device_peak_bytes")
            cells = ["—" if b is None else f"{b / 2**20:,.0f} MiB" for b in (host, device)]
            rows.append([name, *cells])
    if rows:
        yield "## Memory\n"
        yield (
            "The largest resident set of a process that trains, and the most it took of a device's "
            "own memory, where there is one. The images are 52 MiB of it (in float32, 209 MiB).\n"
        )
        yield from table(("framework", "peak resident", "device"), rows)


def noise_section(results: Results) -> Iterator[str]:
    """Yield the A/A check: the same code under two names, in every round."""
    rows = []
    for task in TASKS:
        ratio = paired_ratio(results.processes(task, AGAIN), results.processes(task, BASELINE))
        if ratio is not None:
            rows.append([task, str(ratio), "yes" if ratio.distinguishable else "no"])
    if rows:
        yield "## The same code twice\n"
        apart = sum(row[-1] == "yes" for row in rows)
        yield (
            f"`{AGAIN}` is `{BASELINE}` under another name: any difference is the machine's noise. "
            f"At 95 % confidence one row in twenty may be told apart; {apart} of {len(rows)} are.\n"
        )
        yield from table(("task", f"{AGAIN} / {BASELINE}", "told apart"), rows)


def _median_of(processes: list[Process], key: str) -> float | None:
    found = [process.metadata[key] for process in processes if key in process.metadata]
    return float(np.median(found)) if found else None
