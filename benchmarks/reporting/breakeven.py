"""Cold starts: the total time against the number of epochs, and where frameworks break even."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.measuring.results import Results
from benchmarks.reporting.markdown import seconds, table
from benchmarks.reporting.tables import BASELINE, fastest_limit, measured, median_of
from benchmarks.stats import median_seconds, paired_ratio
from benchmarks.tasks import TASKS

PARTS = ("start", "import", "load", "compile", "run")


@dataclass(frozen=True)
class Line:
    """Seconds from a process's start to the end of its n-th epoch: first + (n − 1) · epoch."""

    first: float
    epoch: float

    def at(self, epochs: Any) -> Any:
        """Total seconds after a number of epochs, or an array of such numbers."""
        return self.first + (epochs - 1) * self.epoch

    def overtakes(self, other: "Line") -> float:
        """The number of epochs after which this line is lower: 1 if always, ∞ if never."""
        if self.first <= other.first:
            return 1.0
        if self.epoch >= other.epoch:
            return float("inf")
        return 1 + (self.first - other.first) / (other.epoch - self.epoch)


def line_of(results: Results, task: str, name: str) -> Line | None:
    """A framework's line, from its median cold start and epoch; None if it was not measured."""
    first, epochs = results.processes(task, name), results.processes("train", name)
    if not first:
        return None
    # Without epochs of `train`, the second epoch of the cold start serves.
    later = median_seconds(epochs) if epochs else median_of(first, "run_seconds")
    return None if later is None else Line(median_seconds(first), later)


def break_even_section(results: Results) -> Iterator[str]:
    """Yield, for each kind of start, its parts and where the baseline breaks even."""
    cold, warm = (dict.fromkeys(measured(results, task), task) for task in ("cold", "cold-cached"))
    if cold:
        yield "## Cold start\n"
        yield _EXPLANATION
        yield from _starts(results, cold)
    if warm:
        yield "## Start with a warm compilation cache\n"
        without = [name for name in cold if name not in warm]
        yield _EXPLANATION
        if without:
            yield f"These have no cache, so their cold start is shown: {', '.join(without)}.\n"
        yield from _starts(results, cold | warm)


_EXPLANATION = (
    "Seconds from the start of a process to the end of its first epoch, and the medians of its "
    "parts, which need not add up to the total. *Of the limit* compares the total with the "
    f"products of one epoch. *{BASELINE} is faster* compares the total times after a number of "
    "epochs, if those of one epoch differ significantly.\n"
)


def _starts(results: Results, tasks: dict[str, str]) -> Iterator[str]:
    # Of each framework, by the task that its start was measured with.
    found = {name: line_of(results, task, name) for name, task in tasks.items()}
    lines = {name: line for name, line in found.items() if line is not None}
    base, limit = lines.get(BASELINE), fastest_limit(results, TASKS["train"])
    rows = []
    for name, line in sorted(lines.items(), key=lambda item: item[1].first):
        processes = results.processes(tasks[name], name)
        parts = [seconds(median_of(processes, f"{part}_seconds") or 0.0) for part in PARTS]
        share = f"{limit / line.first:.2f}" if limit else "—"
        crossing = "—"
        if base is not None and name != BASELINE:
            ours, theirs = (results.processes("train", n) for n in (BASELINE, name))
            ratio = paired_ratio(theirs, ours, len(lines) - 1)
            significant = ratio is not None and ratio.significant
            crossing = _crossing(base, line) if significant else "not significant"
        totals = [share, f"{line.at(20):.0f} s", crossing, f"{len(processes)}"]
        rows.append([name, seconds(line.first), *parts, *totals])
    columns = ("first epoch", *PARTS, "of the limit", "20 epochs")
    yield from table(("framework", *columns, f"{BASELINE} is faster", "rounds"), rows)


def _crossing(base: Line, other: Line) -> str:
    ahead_first, ahead_later = base.overtakes(other), other.overtakes(base)
    if ahead_first == 1:
        if np.isinf(ahead_later) or other.first == base.first:
            return "always"
        return f"up to {ahead_later:.1f} epochs"
    if np.isinf(ahead_first):
        return "never"
    return f"from {ahead_first:.1f} epochs on"
