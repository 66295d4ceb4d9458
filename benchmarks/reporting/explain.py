"""What else a reader asks: where the speed comes from, where flax is not first, memory, noise."""

from collections.abc import Iterator

import numpy as np

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Process, Results
from benchmarks.reporting.markdown import table
from benchmarks.reporting.tables import BASELINE, IDIOM, fastest_limit
from benchmarks.stats import median_seconds, paired_ratio
from benchmarks.tasks import LADDERS, TASKS

AGAIN = "flax-again"


def ladder_section(results: Results) -> Iterator[str]:
    """Yield how much each rung gains over the one before it."""
    limit = fastest_limit(results, TASKS["ladder"])
    for rungs in LADDERS:
        measured = [(name, p) for name in rungs if (p := results.processes("ladder", name))]
        if len(measured) < 2:
            continue
        yield f"## From {measured[0][0]} to {measured[-1][0]}, a rung at a time\n"
        rows, slower = [], ""
        before: list[Process] = []
        for name, processes in measured:
            time = median_seconds(processes)
            gain = paired_ratio(before, processes)
            settings = [str(processes[0].metadata.get(key, "—")) for key in IDIOM]
            share = f"{limit / time:.2f}" if limit else "—"
            rate = f"{TASKS['ladder'].n / time:,.0f}"
            gained = "" if gain is None else str(gain)
            rows.append([name, rate, gained, share, *settings, f"{len(processes)}"])
            if name == "flax-device" and gain is not None and gain.median < 1:
                slower = f"{1 - gain.median:.0%}"
            before = processes
        columns = ("images/s", "× the rung before", "of the limit", *IDIOM, "rounds")
        yield from table(("rung", *columns), rows)
        if slower:
            yield _DEVICE.format(slower)
        if "torch-tensors" in dict(measured):
            yield "From `torch-tensors` to `torch-eager`, Adam is fused.\n"


_DEVICE = (
    "Data on the device makes the single step {} slower here. A CPU's device memory is the host's, "
    "so sending images there once saves nothing, while the gather of a batch moves into the step, "
    "from NumPy, which can run while the step before is still computing. The next rung, the scan, "
    "needs it there.\n"
)


def standing_section(results: Results) -> Iterator[str]:
    """Yield every task in which another's median is lower than the baseline's, at the same work."""
    rows = []
    for task in TASKS.values():
        ours = results.processes(task.name, BASELINE)
        faster = [
            (median_seconds(processes), name)
            for name in CONTESTANTS
            if name not in (BASELINE, AGAIN)
            and not CONTESTANTS[name].own_recipe
            and (processes := results.processes(task.name, name))
        ]
        if not (ours and faster) or min(faster)[0] >= median_seconds(ours):
            continue
        name = min(faster)[1]
        ratio = paired_ratio(results.processes(task.name, name), ours)
        if ratio is not None:
            apart = "yes" if ratio.distinguishable else "no"
            rows.append([task.name, name, ratio.interval, apart, f"{ratio.rounds}"])
    if rows:
        yield f"## Where {BASELINE} is not first\n"
        yield f"Tasks in which another's median is lower than that of `{BASELINE}`.\n"
        columns = ("first", f"its time / {BASELINE}", "told apart", "rounds")
        yield from table(("task", *columns), rows)


def memory_section(results: Results) -> Iterator[str]:
    """Yield the most memory that a training process has held."""
    rows = []
    for name in CONTESTANTS:
        if processes := results.processes("train", name):
            host = _median_of(processes, "mem_max_rss")
            device = _median_of(processes, "device_peak_bytes")
            cells = ["—" if b is None else f"{b / 2**20:,.0f} MiB" for b in (host, device)]
            rows.append([name, *cells, f"{len(processes)}"])
    if rows:
        yield "## Memory\n"
        yield (
            "The largest resident set of a process that trains, and the most it took of a device's "
            "own memory, where there is one. The images are 52 MiB of it (in float32, 209 MiB).\n"
        )
        yield from table(("framework", "peak resident", "device", "rounds"), rows)


def noise_section(results: Results) -> Iterator[str]:
    """Yield the A/A check: the same code under two names, in every round."""
    rows = []
    for task in TASKS:
        ratio = paired_ratio(results.processes(task, AGAIN), results.processes(task, BASELINE))
        if ratio is not None:
            apart = "yes" if ratio.distinguishable else "no"
            rows.append([task, ratio.interval, apart, f"{ratio.rounds}"])
    if rows:
        yield "## The same code twice\n"
        count = sum(row[2] == "yes" for row in rows)
        yield (
            f"`{AGAIN}` is `{BASELINE}` under another name: any difference is the machine's noise. "
            f"At 95 % confidence one row in twenty may be told apart; {count} of {len(rows)} are.\n"
        )
        yield from table(("task", f"{AGAIN} / {BASELINE}", "told apart", "rounds"), rows)


def _median_of(processes: list[Process], key: str) -> float | None:
    found = [process.metadata[key] for process in processes if key in process.metadata]
    return float(np.median(found)) if found else None
