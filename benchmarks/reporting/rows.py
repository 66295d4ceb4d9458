"""The rows of a task's table: each framework's time, and what to compare it with."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Process, Results
from benchmarks.stats import Ratio, median_seconds, paired_ratio
from benchmarks.tasks import TASKS, Task
from benchmarks.tasks.limit import PRODUCTS

BASELINE = "flax"
# How a framework does its work; a table's rows may differ in these.
SETTINGS = ("mode", "loader", "transfers", "donated")
# What a run fixes, and what a framework computes with. Rows that differ in these are not compared.
_RUN = ("machine", "threads")
_CONDITIONS = (*_RUN, "device", "tf32", "precision")

Conditions = tuple[Any, ...]


@dataclass(frozen=True)
class Row:
    """One framework at one task, under the same conditions in all processes.

    Attributes:
      framework: a name from `CONTESTANTS`.
      conditions: how its conditions differ from the baseline's, in words; usually empty.
      seconds: median over processes.
      images_per_second: over all epochs, for the time to a loss.
      ratio: time / the baseline's time; None for the baseline, and where no round has both.
      own_products: the time of the large matrix products alone (and of writing the images, in
        decode), in the framework's own library, divided by `seconds`; None if not measured.
      of_peak: FLOP/s of the task's formula, divided by the processors' peak; None if not known.
      parity: `ok`, `model only` (updates are not compared, since the recipe differs), `fails`, or
        `—` if it was not checked.
      settings: each of `SETTINGS` as text.
      processes: those that count.
      slow: those left out, because the machine was in its slow state.
    """

    framework: str
    conditions: str
    seconds: float
    images_per_second: float
    ratio: Ratio | None
    own_products: float | None
    of_peak: float | None
    parity: str
    settings: Mapping[str, str]
    processes: Sequence[Process]
    slow: Sequence[Process]

    @property
    def label(self) -> str:
        """The framework, and its conditions if they are not the baseline's."""
        return ", ".join(filter(None, (self.framework, self.conditions)))


def rows_of(results: Results, task: str) -> list[Row]:
    """The rows of a task's table, fastest first; the ratios pair the rounds.

    Args:
      results: all measurements.
      task: a name from `TASKS`.
    """
    groups: defaultdict[tuple[str, Conditions], list[Process]] = defaultdict(list)
    for name, processes in measured(results, task).items():
        for process in processes:
            groups[name, _values(process, _CONDITIONS)].append(process)
    if not groups:
        return []
    ordered = sorted(groups, key=lambda key: median_seconds(groups[key]))
    baseline = baseline_of(results, task)
    usual = next(conditions for name, conditions in ordered if name == baseline)
    products, peaks = products_of(results, task), _peaks(results, task)
    comparisons = sum(
        name != baseline and (baseline, conditions) in groups for name, conditions in ordered
    )
    rows = []
    for name, conditions in ordered:
        processes, ratio = groups[name, conditions], None
        if name != baseline:
            base = groups.get((baseline, conditions), [])
            ratio = paired_ratio(processes, base, comparisons)
        seconds, epochs = median_seconds(processes), float(np.median(epochs_of(processes)))
        limit = _products_seconds(products.get(CONTESTANTS[name].library, []), processes[0])
        rate = _flops(task) * epochs / seconds
        differing = zip(_CONDITIONS, conditions, usual, strict=True)
        row = Row(
            framework=name,
            conditions=", ".join(f"{key} {own}" for key, own, of in differing if own != of),
            seconds=seconds,
            images_per_second=TASKS[task].n * epochs / seconds,
            ratio=ratio,
            own_products=limit and limit * epochs / seconds,
            of_peak=_of_peak(rate, processes[0], peaks),
            parity=_parity(results, name),
            settings={key: str(processes[0].metadata.get(key, "—")) for key in SETTINGS},
            processes=processes,
            slow=_alike(results.slow_processes(task, name), conditions),
        )
        rows.append(row)
    return rows


def baseline_of(results: Results, task: str) -> str:
    """The framework whose time the others are divided by: `BASELINE`, else the fastest.

    Raises:
      ValueError: the task was not measured.
    """
    found = measured(results, task)
    if not found:
        raise ValueError(f"{task} was not measured")
    return BASELINE if BASELINE in found else min(found, key=lambda n: median_seconds(found[n]))


def first_task(results: Results) -> str | None:
    """The task that a report begins with; the parts of an epoch are no contest."""
    tasks = (task.name for task in TASKS.values() if task.kind != "parts")
    return next((task for task in tasks if measured(results, task)), None)


def measured(results: Results, task: str) -> dict[str, list[Process]]:
    """The processes of each framework that was measured at a task."""
    found = {name: results.processes(task, name) for name in CONTESTANTS}
    return {name: processes for name, processes in found.items() if processes}


def median_of(processes: Sequence[Process], key: str) -> float | None:
    """Median of a number in the processes' metadata; None if none has it."""
    found = [process.metadata[key] for process in processes if key in process.metadata]
    return float(np.median(found)) if found else None


def products_of(results: Results, task: str) -> dict[str, list[Process]]:
    """The processes that measured a task's large products alone, by library."""
    name = _epochs_task(task).name
    found = {library: results.processes(name, f"limit-{library}") for library in PRODUCTS}
    return {library: processes for library, processes in found.items() if processes}


def epochs_of(processes: Sequence[Process]) -> list[int]:
    """How many epochs each process took to the target loss; 1 for any other task."""
    return [process.metadata.get("epochs", 1) for process in processes]


def _alike(processes: Sequence[Process], conditions: Conditions) -> list[Process]:
    return [process for process in processes if _values(process, _CONDITIONS) == conditions]


def _products_seconds(products: Sequence[Process], of: Process) -> float | None:
    """Seconds of the products on the same machine and number of threads as a process."""
    alike = [process for process in products if _values(process, _RUN) == _values(of, _RUN)]
    return median_seconds(alike) if alike else None


def _peaks(results: Results, task: str) -> dict[str, float]:
    """FLOP/s of the processors of each machine that measured the task, where known."""
    rows = [(task, name) for name in measured(results, task)]
    return {
        name: 1e9 * speed
        for name, machine in results.machines(rows).items()
        if machine and (speed := machine.speeds.get("peak_gflops"))
    }


def _of_peak(rate: float, process: Process, peaks: Mapping[str, float]) -> float | None:
    """FLOP/s as a share of the processors' peak; None on another device, or if not known."""
    peak = peaks.get(str(process.metadata.get("machine")))
    on_processors = process.metadata.get("device") == "cpu"
    return rate / peak if rate and peak and on_processors else None


def _flops(task: str) -> int:
    """FLOPs of a task, or of one epoch of it; 0 where no formula gives them."""
    return _epochs_task(task).work.get("flops", 0)


def _epochs_task(task: str) -> Task:
    """The task whose products and FLOPs bound a task; an epoch's, for the time to a loss."""
    return TASKS["train" if TASKS[task].kind == "time-to-loss" else task]


def _parity(results: Results, name: str) -> str:
    receipt = results.receipt(name)
    if receipt is None:
        return "—"
    if receipt.get("failures"):
        return "fails"
    return "model only" if CONTESTANTS[name].one_cycle_of else "ok"


def _values(process: Process, keys: Sequence[str]) -> Conditions:
    return tuple(process.metadata.get(key) for key in keys)
