"""Results on disk: a pyperf suite, so that `python -m pyperf stats | hist | compare_to` read it.

A benchmark is one (task, framework), named `task/framework`; a run in it is one process, filed with
its round. What is no timing (parity receipts, failures, absent frameworks) stands beside the suite
in a list of notes, `NAME.notes.json`.
"""

import json
import statistics
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyperf

from benchmarks.measuring.spawn import WorkerError
from jaxae._utils.files import atomic

# pyperf collects these too, but they are paths or say nothing about speed.
_DROPPED = (
    "python_executable",
    "python_cflags",
    "python_config_args",
    "boot_time",
    "uptime",
    "hostname",
)
# What every process is filed with.
_OWN = {"round", "loops"}


@dataclass(frozen=True)
class Process:
    """One process's measurement.

    Attributes:
      round: in which round it ran.
      values: seconds, one a repetition.
      metadata: all that is known of it.
    """

    round: int
    values: tuple[float, ...]
    metadata: dict[str, Any]

    @property
    def seconds(self) -> float:
        """The median over its repetitions: the unit of all statistics."""
        return statistics.median(self.values)


class Results:
    """All processes measured so far, and notes on what could not be measured.

    Args:
      path: the suite's file; it is read if it is there.

    Raises:
      ValueError: the file is no pyperf suite of this package's making, or its notes are none.
    """

    def __init__(self, path: Path):
        """Read what is there."""
        self.path = path
        self._runs: dict[str, list[pyperf.Run]] = {}
        self.notes: list[dict[str, Any]] = []
        if path.exists() or self._notes_path.exists():
            self._read()

    def _read(self) -> None:
        try:
            if self._notes_path.exists():  # Before any measurement, notes are all there is.
                self.notes = json.loads(self._notes_path.read_text())
            if self.path.exists():
                suite = pyperf.BenchmarkSuite.load(str(self.path))
                for benchmark in suite.get_benchmarks():
                    self._runs[benchmark.get_name()] = list(benchmark.get_runs())
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise ValueError(f"{self.path} is no file of results: {error}") from error
        self._validate()

    def _validate(self) -> None:
        for name, runs in self._runs.items():
            own = all(run.values and _OWN <= run.get_metadata().keys() for run in runs)
            if "/" not in name or not own:
                raise ValueError(
                    f"{self.path} is no file of results: {name!r} is no task/framework with "
                    f"{' and '.join(sorted(_OWN))}, as python -m benchmarks run files it"
                )
        notes = self.notes
        if not isinstance(notes, list) or not all(
            isinstance(note, dict) and {"kind", "framework"} <= note.keys() for note in notes
        ):
            raise ValueError(f"{self._notes_path} is no list of notes, each a kind and a framework")

    @property
    def _notes_path(self) -> Path:
        return self.path.with_suffix(".notes.json")

    def add(self, task: str, framework: str, outcome: dict[str, Any]) -> None:
        """File one process's outcome (see `benchmarks.measuring.measure`), its round among it."""
        outcome = dict(outcome)
        values = outcome.pop("values")
        own = {"name": f"{task}/{framework}", "unit": "second", **outcome}
        collected = pyperf.Run(values, metadata=own).get_metadata()
        # What pyperf says of this process's memory is overruled by what the other one said.
        kept = {key: value for key, value in collected.items() if key not in _DROPPED} | own
        run = pyperf.Run(values, metadata=kept, collect_metadata=False)
        self._runs.setdefault(f"{task}/{framework}", []).append(run)

    def note(self, **note: Any) -> None:
        """File something that is no measurement: a parity receipt, a failure, an absence."""
        if note not in self.notes:
            self.notes.append(note)
            self.save()

    def note_failure(self, error: WorkerError, **what: Any) -> None:
        """File that a worker failed, at what, and why."""
        self.note(kind="failed", **what, why=str(error), stderr=error.stderr)

    def save(self) -> None:
        """Write everything that was filed."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._runs:
            suite = pyperf.BenchmarkSuite([pyperf.Benchmark(runs) for runs in self._runs.values()])
            with atomic(self.path) as partial:
                suite.dump(str(partial), replace=True)
        with atomic(self._notes_path) as partial:
            partial.write_text(json.dumps(self.notes, indent=1) + "\n")

    def processes(self, task: str, framework: str) -> list[Process]:
        """The processes of one task and framework, in order of their rounds."""
        found = []
        for run in self._runs.get(f"{task}/{framework}", []):
            metadata = run.get_metadata()
            found.append(Process(int(metadata["round"]), tuple(run.values), metadata))
        return sorted(found, key=lambda process: process.round)

    def has(self, task: str, framework: str, number: int) -> bool:
        """Whether a round of a task and framework is there."""
        return any(process.round == number for process in self.processes(task, framework))

    def loops(self, task: str, framework: str) -> int | None:
        """The loop count that the first round calibrated."""
        processes = self.processes(task, framework)
        return int(processes[0].metadata["loops"]) if processes else None

    def names(self) -> list[tuple[str, str]]:
        """Every (task, framework) that has a measurement."""
        return [(task, framework) for task, _, framework in (n.partition("/") for n in self._runs)]

    def receipt(self, framework: str) -> dict[str, Any] | None:
        """The framework's parity receipt, if it was checked."""
        found = [n for n in self.notes if n["kind"] == "parity" and n["framework"] == framework]
        return found[-1] if found else None

    def keys(self) -> set[str]:
        """Every name in the metadata of any process."""
        return {key for runs in self._runs.values() for run in runs for key in run.get_metadata()}

    def distinct(self, key: str, rows: Collection[tuple[str, str]] | None = None) -> list[Any]:
        """All different values that processes have under a name, None for those without.

        Args:
          key: a name in the processes' metadata.
          rows: the (task, framework) pairs to look at; all if not given.
        """
        names = self._runs if rows is None else [f"{task}/{framework}" for task, framework in rows]
        found = [run.get_metadata().get(key) for name in names for run in self._runs.get(name, [])]
        return list(dict.fromkeys(found))
