"""The start of a process: its first epoch, with an empty and with a filled compilation cache."""

from dataclasses import dataclass
from typing import Any

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Results
from benchmarks.reporting.rows import median_of
from benchmarks.stats import median_seconds

COLD, WARM = "cold", "cold-cached"


@dataclass(frozen=True)
class Start:
    """Seconds, each the median over processes.

    Attributes:
      first: from the start of the process to the end of its first epoch.
      imports: to import the framework.
      compiling: by how much the first epoch takes longer than the second.
      epoch: a later epoch, in `train` if it was measured, else in the same process.
      rounds: number of processes.
    """

    first: float
    imports: float | None
    compiling: float | None
    epoch: float | None
    rounds: int

    def at(self, epochs: Any) -> Any:
        """Seconds from the start of the process to the end of its n-th epoch."""
        return self.first + (epochs - 1) * (self.epoch or 0.0)


def start_of(results: Results, task: str, name: str) -> Start | None:
    """A framework's start in `COLD` or `WARM`; None if it was not measured."""
    processes, epochs = results.processes(task, name), results.processes("train", name)
    if not processes:
        return None
    return Start(
        first=median_seconds(processes),
        imports=median_of(processes, "import_seconds"),
        compiling=median_of(processes, "compile_seconds"),
        epoch=median_seconds(epochs) if epochs else median_of(processes, "run_seconds"),
        rounds=len(processes),
    )


def starts(results: Results) -> dict[str, tuple[Start | None, Start | None]]:
    """The cold and the warm start of each framework that has either, fastest cold start first."""
    found = {
        name: (start_of(results, COLD, name), start_of(results, WARM, name)) for name in CONTESTANTS
    }
    measured = {name: pair for name, pair in found.items() if any(pair)}
    return dict(sorted(measured.items(), key=lambda item: _first(item[1])))


def _first(pair: tuple[Start | None, Start | None]) -> float:
    return next(start.first for start in pair if start is not None)
