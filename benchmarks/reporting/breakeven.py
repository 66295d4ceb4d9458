"""When compiling pays: total time against epochs, and the epochs at which lines cross."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Process, Results
from benchmarks.reporting.markdown import seconds, table
from benchmarks.reporting.tables import BASELINE, fastest_limit
from benchmarks.stats import median_seconds, paired_ratio
from benchmarks.tasks import TASKS

PARTS = ("start", "import", "load", "compile", "run")


@dataclass(frozen=True)
class Line:
    """Seconds from a process's start to the end of its n-th epoch: first + (n − 1) · epoch."""

    first: float
    epoch: float

    def at(self, epochs: Any) -> Any:
        """Total seconds after so many epochs, a number or an array of them."""
        return self.first + (epochs - 1) * self.epoch

    def overtakes(self, other: "Line") -> float:
        """The epochs after which this one is done earlier: 1 if from the first, ∞ if never."""
        if self.first <= other.first:
            return 1.0
        if self.epoch >= other.epoch:
            return float("inf")
        return 1 + (self.first - other.first) / (other.epoch - self.epoch)


def line_of(results: Results, task: str, name: str) -> Line | None:
    """A framework's line, from its median cold start and its median epoch; None without them."""
    first, epochs = results.processes(task, name), results.processes("train", name)
    if not first:
        return None
    # Where no epochs were timed on their own, the cold process's second one serves.
    later = median_seconds(epochs) if epochs else float(np.median(_part(first, "run")))
    return Line(median_seconds(first), later)


def break_even_section(results: Results) -> Iterator[str]:
    """Yield, for each kind of start, its parts and where the baseline overtakes the others."""
    cold = _lines(results, "cold")
    warm = _lines(results, "cold-cached")
    if cold:
        yield "## From a cold start\n"
        yield _PARTS_ARE_MEDIANS
        yield from _starts(results, cold)
    if warm:
        yield "## From a start with a warm compilation cache\n"
        without = {name: line for name, line in cold.items() if name not in warm}
        yield _PARTS_ARE_MEDIANS
        if without:
            yield f"{', '.join(without)}: no cache, so theirs is a cold start here too.\n"
        yield from _starts(results, warm | without)


_PARTS_ARE_MEDIANS = (
    "Seconds from a process's start to the end of its first epoch, in parts: medians, so they need "
    "not add up. *Of the limit* is that of the whole, of which the products are one epoch's. Where "
    "epochs can't be told apart, neither can the crossing: *not resolved*.\n"
)

# For each framework, the task that its start was measured by, and its line.
Lines = dict[str, tuple[str, Line]]


def _lines(results: Results, task: str) -> Lines:
    found = {name: line_of(results, task, name) for name in CONTESTANTS}
    return {name: (task, line) for name, line in found.items() if line is not None}


def _starts(results: Results, lines: Lines) -> Iterator[str]:
    base = lines[BASELINE][1] if BASELINE in lines else None
    limit = fastest_limit(results, TASKS["train"])
    rows = []
    for name, (task, line) in sorted(lines.items(), key=lambda item: item[1][1].first):
        processes = results.processes(task, name)
        parts = [seconds(float(np.median(_part(processes, part)))) for part in PARTS]
        share = f"{limit / line.first:.2f}" if limit else "—"
        crossing = "—"
        if base is not None and name != BASELINE:
            ratio = paired_ratio(
                results.processes("train", name), results.processes("train", BASELINE)
            )
            resolved = ratio is not None and ratio.distinguishable
            crossing = _crossing(base, line) if resolved else "not resolved"
        totals = [*parts, share, f"{line.at(20):.0f} s", crossing, f"{len(processes)}"]
        rows.append([name, seconds(line.first), *totals])
    columns = ("first epoch done", *PARTS, "of the limit", "20 epochs")
    yield from table(("framework", *columns, f"{BASELINE} is ahead", "rounds"), rows)


def _crossing(base: Line, other: Line) -> str:
    ahead_first, ahead_later = base.overtakes(other), other.overtakes(base)
    if ahead_first == 1:
        if np.isinf(ahead_later) or other.first == base.first:
            return "from the first epoch on"
        return f"until the lines cross at {ahead_later:.1f} epochs"
    if np.isinf(ahead_first):
        return "never"
    return f"after the lines cross at {ahead_first:.1f} epochs"


def _part(processes: list[Process], part: str) -> list[float]:
    return [process.metadata[f"{part}_seconds"] for process in processes]
