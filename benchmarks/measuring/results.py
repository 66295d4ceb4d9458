"""Results on disk: a pyperf suite, which `python -m pyperf stats | hist | compare_to` reads too.

A benchmark is one (task, framework), named `task/framework`. Each of its runs is one process,
stored with its round. Whatever is not a timing (parity receipts, failures, frameworks that are not
installed, the machine) is stored beside the suite, as a list of notes in `NAME.notes.json`.
"""

import io
import json
import statistics
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import pyperf

from benchmarks.measuring import state
from benchmarks.measuring.identity import Machine
from benchmarks.measuring.spawn import WorkerError

# Metadata of pyperf that holds paths, or does not affect the speed.
_DROPPED = (
    *("python_executable", "python_cflags", "python_config_args"),
    *("boot_time", "uptime", "hostname"),
)
# Metadata that every process has, as integers.
_OWN = ("loops", "round")
_MACHINE = ("described", "speeds", "threads", "versions")

Row = tuple[str, str]


@dataclass(frozen=True)
class Process:
    """One process's measurement.

    Attributes:
      round: the round in which it ran, counted from 0.
      values: seconds of each repetition.
      metadata: everything else that is known of it.
    """

    round: int
    values: tuple[float, ...]
    metadata: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Median over the repetitions; all statistics are over these medians."""
        return statistics.median(self.values)


class Results:
    """All processes measured so far, and notes on what could not be measured.

    Args:
      path: the suite's file, which is read if it exists.

    Raises:
      ValueError: the file is not a pyperf suite of this package, or its notes are not valid.
    """

    def __init__(self, path: Path):
        """Read the file if it exists."""
        self.path = path
        self._notes_path = path.with_suffix(".notes.json")
        self._runs: dict[str, list[pyperf.Run]] = {}
        self.notes: list[dict[str, Any]] = []
        try:
            if self._notes_path.exists():
                self.notes = json.loads(self._notes_path.read_text())
            if path.exists():
                suite = pyperf.BenchmarkSuite.load(str(path))
                for benchmark in suite.get_benchmarks():
                    self._runs[benchmark.get_name()] = list(benchmark.get_runs())
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise ValueError(f"{path} is not a file of results: {error}") from error
        self._validate()

    def _validate(self) -> None:
        for name, runs in self._runs.items():
            own = all(
                run.values and all(isinstance(run.get_metadata().get(key), int) for key in _OWN)
                for run in runs
            )
            if not isinstance(name, str) or "/" not in name or not own:
                raise ValueError(
                    f"{self.path} is not a file of results: expected every benchmark to be named "
                    f"task/framework and to have {' and '.join(_OWN)}, got {name!r}; "
                    "write one with python -m benchmarks run"
                )
        if not isinstance(self.notes, list) or not all(map(_is_note, self.notes)):
            raise ValueError(
                f"{self._notes_path} is not a list of notes, each with a kind and a framework, or "
                "of a machine"
            )

    def add(self, task: str, framework: str, outcome: dict[str, Any]) -> None:
        """Add one process's outcome, including its round; see `benchmarks.measuring.measure`."""
        own = {"name": f"{task}/{framework}", "unit": "second", **outcome}
        values = own.pop("values")
        collected = pyperf.Run(values, metadata=own).get_metadata()
        # `own` comes last: pyperf describes the memory of this process, not of the worker.
        kept = {key: value for key, value in collected.items() if key not in _DROPPED} | own
        run = pyperf.Run(values, metadata=kept, collect_metadata=False)
        self._runs.setdefault(f"{task}/{framework}", []).append(run)

    def mark_slow(self, task: str, framework: str, number: int) -> None:
        """Mark a round's process as one that found the machine slow, so that it does not count."""
        runs = self._runs[f"{task}/{framework}"]
        for i, run in enumerate(runs):
            data = run.get_metadata()
            if data["round"] == number:
                kept = {"name": f"{task}/{framework}", **data, "slow": 1}
                runs[i] = pyperf.Run(run.values, metadata=kept, collect_metadata=False)

    def note(self, **note: Any) -> None:
        """Add, and save, something that is not a measurement: a receipt, a failure, an absence."""
        if note not in self.notes:
            self.notes.append(note)
            self.save()

    def note_failure(self, error: WorkerError, **what: Any) -> None:
        """Note that a worker failed, what it was measuring, and why."""
        self.note(kind="failed", **what, why=str(error), stderr=error.stderr)

    def save(self) -> None:
        """Write the suite and the notes."""
        if self._runs:
            suite = pyperf.BenchmarkSuite([pyperf.Benchmark(runs) for runs in self._runs.values()])
            text = io.StringIO()
            suite.dump(text)
            write_text(self.path, text.getvalue())
        write_text(self._notes_path, json.dumps(self.notes, indent=1) + "\n")

    def processes(self, task: str, framework: str) -> list[Process]:
        """The processes of one task and framework that count, in order of their rounds."""
        return [p for p in self._all(task, framework) if not p.metadata.get("slow")]

    def slow_processes(self, task: str, framework: str) -> list[Process]:
        """Those that were repeated because the machine was slow; they count in no statistic."""
        return [p for p in self._all(task, framework) if p.metadata.get("slow")]

    def _all(self, task: str, framework: str) -> list[Process]:
        runs = self._runs.get(f"{task}/{framework}", [])
        known = [(run.values, run.get_metadata()) for run in runs]
        found = [Process(int(data["round"]), tuple(values), data) for values, data in known]
        return sorted(found, key=lambda process: process.round)

    def has(self, task: str, framework: str, number: int) -> bool:
        """Whether a task and framework was measured in this round."""
        return any(process.round == number for process in self.processes(task, framework))

    def loops(self, task: str, framework: str) -> int | None:
        """The number of loops that was calibrated in the first round."""
        processes = self.processes(task, framework)
        return int(processes[0].metadata["loops"]) if processes else None

    def names(self) -> list[Row]:
        """Every (task, framework) with a measurement that counts."""
        found = [(task, name) for task, _, name in (key.partition("/") for key in self._runs)]
        return [row for row in found if self.processes(*row)]

    def references(self, machine: str | None) -> list[float]:
        """How long the kernel of `benchmarks.measuring.state` took in a machine's processes."""
        known = [run.get_metadata() for runs in self._runs.values() for run in runs]
        found = [
            data[key]
            for data in known
            if data.get("machine") == machine and not data.get("slow")
            for key in state.KEYS
            if key in data
        ]
        # Once for each process, whatever the number of its tasks.
        return list(dict.fromkeys(found))

    def receipt(self, framework: str) -> dict[str, Any] | None:
        """The framework's latest parity receipt, if it was checked."""
        found = [n for n in self.notes if n["kind"] == "parity" and n["framework"] == framework]
        return found[-1] if found else None

    def note_machine(self, name: str, machine: Machine) -> None:
        """Note the machine that processes with `machine=name` in their metadata ran on."""
        self.note(kind="machine", name=name, **asdict(machine))

    def machines(self, rows: Collection[Row] | None = None) -> dict[str, Machine | None]:
        """The machines that processes ran on, by name, each with its highest measured speeds.

        None, under an empty name, stands for processes that do not identify their machine.

        Args:
          rows: the (task, framework) pairs to look at; all by default.
        """
        found: dict[str, Machine | None] = {}
        for name in self.distinct("machine", rows):
            noted = [
                Machine(*(note[key] for key in _MACHINE))
                for note in self.notes
                if note["kind"] == "machine" and note["name"] == name
            ]
            found[name if noted else ""] = reduce(Machine.at_best, noted) if noted else None
        return found

    def keys(self) -> set[str]:
        """Every key in the metadata of any process."""
        return {key for runs in self._runs.values() for run in runs for key in run.get_metadata()}

    def distinct(self, key: str, rows: Collection[Row] | None = None) -> list[Any]:
        """The distinct values of a metadata key over processes; None for those without it.

        Args:
          key: a metadata key.
          rows: the (task, framework) pairs to look at; all by default.
        """
        names = self._runs if rows is None else [f"{task}/{framework}" for task, framework in rows]
        found = [run.get_metadata().get(key) for name in names for run in self._runs.get(name, [])]
        return list(dict.fromkeys(found))


def _is_note(note: Any) -> bool:
    if not isinstance(note, dict):
        return False
    if note.get("kind") != "machine":
        return {"kind", "framework"} <= note.keys()
    described, speeds, threads, versions = map(note.get, _MACHINE)
    return (
        isinstance(note.get("name"), str)
        and isinstance(threads, int)
        and isinstance(described, dict)
        and isinstance(versions, dict)
        and isinstance(speeds, dict)
        and all(speed is None or isinstance(speed, int | float) for speed in speeds.values())
    )


def write_text(path: Path, text: str) -> None:
    """Write a file, and its folder if needed, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
