"""When compiling pays: total time against epochs, and the epochs at which lines cross."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.contestants import CONTESTANTS
from benchmarks.markdown import seconds, table
from benchmarks.results import Process, Results
from benchmarks.stats import median_seconds
from benchmarks.tables import BASELINE

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
    for task, title in (
        ("cold", "From a cold start"),
        ("cold-cached", "From a start with a warm compilation cache"),
    ):
        lines = {n: line for n in CONTESTANTS if (line := line_of(results, task, n)) is not None}
        if not lines:
            continue
        yield f"## {title}\n"
        yield (
            "Seconds from a process's start to the end of its first epoch, in parts: medians, so "
            "they need not add up.\n"
        )
        base = lines.get(BASELINE)
        rows = []
        for name, line in sorted(lines.items(), key=lambda item: item[1].first):
            processes = results.processes(task, name)
            parts = [seconds(float(np.median(_part(processes, part)))) for part in PARTS]
            rows.append([name, seconds(line.first), *parts, f"{line.at(20):.0f} s"])
            if base is not None:
                rows[-1].append("—" if name == BASELINE else _crossing(base, line))
        columns = ["framework", "first epoch done", *PARTS, "20 epochs"]
        columns += [f"{BASELINE} is ahead"] if base is not None else []
        yield from table(columns, rows)


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
