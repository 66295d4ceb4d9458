"""Ablations, the tasks where jaxae is not the fastest, memory, and the A/A test."""

from collections.abc import Iterator

import numpy as np

from benchmarks.contestants import CONTESTANTS, LADDERS
from benchmarks.measuring.results import Process, Results
from benchmarks.reporting.markdown import table
from benchmarks.reporting.tables import BASELINE, IDIOM, fastest_limit, measured, median_of
from benchmarks.stats import Ratio, median_seconds, paired_ratio
from benchmarks.tasks import TASKS

AGAIN = "flax-again"


def ladder_section(results: Results) -> Iterator[str]:
    """Yield, for each ablation, the speed-up of each change."""
    limit, images = fastest_limit(results, TASKS["ladder"]), TASKS["ladder"].n
    for rungs in LADDERS:
        found = measured(results, "ladder", rungs)
        if len(found) < 2:
            continue
        first, *_, last = found
        yield f"## From {first} to {last}, one change at a time\n"
        rows, slower = [], ""
        before: list[Process] = []
        for name, processes in found.items():
            time = median_seconds(processes)
            gain = paired_ratio(before, processes, len(found) - 1)
            settings = [str(processes[0].metadata.get(key, "—")) for key in IDIOM]
            share = f"{limit / time:.2f}" if limit else "—"
            gained = "" if gain is None else str(gain)
            rows.append(
                [name, f"{images / time:,.0f}", gained, share, *settings, f"{len(processes)}"]
            )
            if name == "flax-device" and gain is not None and gain.median < 1:
                slower = f"{1 - gain.median:.0%}"
            before = processes
        columns = ("images/s", "× the row above", "of the limit", *IDIOM, "rounds")
        yield from table(("framework", *columns), rows)
        if slower:
            yield _DEVICE.format(slower)
        if "torch-tensors" in found:
            yield "`torch-eager` differs from `torch-tensors` in its fused Adam.\n"


_DEVICE = (
    "Keeping the images on the device makes a single step {} slower here. A CPU's device memory is "
    "the host's, so sending the images there once saves nothing. The gather of a batch moves into "
    "the step, whereas NumPy can gather while the previous step is still computing. The scan, in "
    "the next row, needs the images on the device.\n"
)


def standing_section(results: Results) -> Iterator[str]:
    """Yield the tasks where another framework has a lower median than the baseline."""
    rows = []
    for task in TASKS:
        found = measured(results, task)
        ours = found.pop(BASELINE, None)
        others = {
            name: median_seconds(processes)
            for name, processes in found.items()
            if name != AGAIN and not CONTESTANTS[name].own_recipe
        }
        if ours is None or min(others.values(), default=np.inf) >= median_seconds(ours):
            continue
        name = min(others, key=others.__getitem__)
        if (ratio := paired_ratio(found[name], ours, len(found))) is not None:
            rows.append([task, name, *_significance(ratio)])
    if rows:
        yield f"## Where {BASELINE} is not the fastest\n"
        yield f"The tasks where another framework has a lower median than `{BASELINE}`.\n"
        columns = ("fastest", f"its time / {BASELINE}", "significant", "rounds")
        yield from table(("task", *columns), rows)


def memory_section(results: Results) -> Iterator[str]:
    """Yield the peak memory of the processes that train."""
    rows = []
    for name, processes in measured(results, "train").items():
        peaks = (median_of(processes, key) for key in ("mem_max_rss", "device_peak_bytes"))
        cells = ["—" if peak is None else f"{peak / 2**20:,.0f} MiB" for peak in peaks]
        rows.append([name, *cells, f"{len(processes)}"])
    if rows:
        yield "## Memory\n"
        yield (
            "The largest resident set size of a process that trains, and the peak of the device's "
            "own memory, if it has any. The images take 52 MiB (209 MiB in float32).\n"
        )
        yield from table(("framework", "peak resident", "device", "rounds"), rows)


def noise_section(results: Results) -> Iterator[str]:
    """Yield the A/A test: the same code under two names."""
    again = {task: results.processes(task, AGAIN) for task in TASKS}
    again = {task: processes for task, processes in again.items() if processes}
    rows, count = [], 0
    for task, processes in again.items():
        ratio = paired_ratio(processes, results.processes(task, BASELINE), len(again))
        if ratio is not None:
            rows.append([task, *_significance(ratio)])
            count += ratio.significant
    if rows:
        yield "## A/A test\n"
        yield (
            f"`{AGAIN}` is `{BASELINE}` under a second name, so any difference is noise. "
            "In 19 of 20 such tables, no row differs significantly; here "
            f"{count} of {len(rows)} do.\n"
        )
        yield from table(("task", f"{AGAIN} / {BASELINE}", "significant", "rounds"), rows)


def _significance(ratio: Ratio) -> list[str]:
    return [ratio.interval, "yes" if ratio.significant else "no", f"{ratio.rounds}"]
