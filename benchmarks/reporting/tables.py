"""The table of each task, which compares only rows measured under the same conditions.

A table states in which settings its rows may differ. Processes that differ in anything else, such
as the number of threads, go into another table.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Process, Results
from benchmarks.reporting.markdown import seconds, table
from benchmarks.stats import UNSTABLE, median_seconds, paired_ratio, spread
from benchmarks.tasks import Task, flops, limit

BASELINE = "flax"
LIMITS = ("limit-jax", "limit-torch")
RECIPES = ("torch-loader", "flax-onecycle")
# What a process did, and under what conditions.
_TERMS = ("batch", "hidden", "images", "warmups", "threads", "device", "tf32", "precision")
# How a framework does it.
IDIOM = ("mode", "loader", "transfers", "donated")

Rows = dict[str, list[Process]]


def measured(results: Results, task: str, names: Sequence[str] | None = None) -> Rows:
    """The processes of each of the frameworks, all by default, that were measured at a task."""
    found = {name: results.processes(task, name) for name in names or CONTESTANTS}
    return {name: processes for name, processes in found.items() if processes}


def side_by_side(results: Results, task: Task, axis: Sequence[str]) -> dict[str, Rows]:
    """Sort a task's processes into tables.

    Args:
      results: all measurements.
      task: whose processes to sort.
      axis: the settings in which the rows of a table may differ.

    Returns:
      For each table, its rows by framework. The key names the settings in which the tables differ.
    """
    fixed = [name for name in (*_TERMS, *IDIOM) if name not in axis]
    tables: defaultdict[tuple[str, ...], Rows] = defaultdict(dict)
    for name, processes in measured(results, task.name).items():
        for process in processes:
            shared = tuple(str(process.metadata.get(setting)) for setting in fixed)
            tables[shared].setdefault(name, []).append(process)
    varying = [i for i in range(len(fixed)) if len({shared[i] for shared in tables}) > 1]
    return {
        ", ".join(f"{fixed[i]} {shared[i]}" for i in varying): rows
        for shared, rows in tables.items()
    }


def task_tables(results: Results, task: Task) -> Iterator[str]:
    """Yield a task's section, with every framework."""
    if not measured(results, task.name):
        return
    yield f"## {task.name}\n"
    yield f"{_describe(task)} Rows may differ in {', '.join(IDIOM)}.\n"
    for terms, rows in side_by_side(results, task, axis=IDIOM).items():
        if terms:
            yield f"### {terms}\n"
        yield from _table(results, task, rows)


def like_with_like(results: Results, task: Task) -> Iterator[str]:
    """Yield the tables of frameworks that also do the work in the same way."""
    tables = side_by_side(results, task, axis=("donated",))
    tables = {terms: rows for terms, rows in tables.items() if terms and len(rows) > 1}
    if tables:
        yield f"## {task.name}, like with like\n"
        yield "Rows may differ only in donated.\n"
    for terms, rows in tables.items():
        yield f"### {terms}\n"
        yield from _table(results, task, rows)


def recipes(results: Results) -> Iterator[str]:
    """Yield how much longer the lecture's recipe takes to the target loss than jaxae's fast one."""
    lecture, fast = (results.processes("time-to-loss", name) for name in RECIPES)
    ratio = paired_ratio(lecture, fast)
    if ratio is not None:
        yield "## time-to-loss: the lecture's recipe and the fast recipe\n"
        columns = ("task", " / ".join(RECIPES), "rounds")
        yield from table(columns, [["time-to-loss", str(ratio), f"{ratio.rounds}"]])


def _table(results: Results, task: Task, rows: Rows) -> Iterator[str]:
    base = BASELINE if BASELINE in rows else min(rows, key=lambda name: median_seconds(rows[name]))
    best = fastest_limit(results, task)
    lines = []
    for name, processes in sorted(rows.items(), key=lambda item: median_seconds(item[1])):
        time, settings = median_seconds(processes), processes[0].metadata
        epochs = [process.metadata.get("epochs", 1) for process in processes]
        images = task.n * float(np.median(epochs))
        ratio = None if name == base else paired_ratio(processes, rows[base], len(rows) - 1)
        compiling = median_of(processes, "compile_seconds")
        lines.append(
            [
                name + (" !" if spread(processes) > UNSTABLE else ""),
                seconds(time) + (f", {_span(epochs)} epochs" if max(epochs) > 1 else ""),
                f"{images / time:,.0f}",
                "1" if ratio is None else str(ratio),
                f"{best * images / task.n / time:.2f}" if best else "—",
                "—" if compiling is None else seconds(compiling),
                _parity(results, name, task),
                *(str(settings.get(key, "—")) for key in IDIOM),
                f"{len(processes)}",
            ]
        )
    for name, processes in measured(results, task.name, LIMITS).items():
        cells = [seconds(median_seconds(processes)), *[""] * 9, f"{len(processes)}"]
        lines.append([f"*{name}*", *cells])
    columns = ("time", "images/s", f"time / {base}", "of the limit", "compile", "parity")
    yield from table(("framework", *columns, *IDIOM, "rounds"), lines)


def fastest_limit(results: Results, task: Task) -> float | None:
    """Seconds of the task's large products alone, in the faster library; None if not measured.

    For the time to a loss, those of one epoch.
    """
    name = "train" if task.kind == "time-to-loss" else task.name
    return min(map(median_seconds, measured(results, name, LIMITS).values()), default=None)


def median_of(processes: list[Process], key: str) -> float | None:
    """Median of a number in the processes' metadata; None if none has it."""
    found = [process.metadata[key] for process in processes if key in process.metadata]
    return float(np.median(found)) if found else None


def _span(epochs: list[int]) -> str:
    low, high = min(epochs), max(epochs)
    return f"{low}" if low == high else f"{low} to {high}"


def _parity(results: Results, name: str, task: Task) -> str:
    # The difference that concerns the task.
    receipt = results.receipt(name) or {}
    key = task.kind if task.kind in ("encode", "decode") else "largest"
    if key not in receipt:
        return "—"
    only_model = name in CONTESTANTS and CONTESTANTS[name].own_recipe
    return f"{receipt[key]:.0e}" + (" (model only)" if only_model else "")


def _describe(task: Task) -> str:
    work = {"encode": flops.encode, "decode": flops.decode}.get(task.kind, flops.train)
    size = f"{task.n:,} images" if task.n > 1 else "one image"
    rows = ""
    if task.kind not in ("encode", "decode"):
        size += f", batch {task.batch}, hidden {task.hidden}"
    elif task.n > limit.LATENT_ROWS:
        rows = f" The limit runs on {limit.LATENT_ROWS} rows at a time."
    giga = f"{work(task.sizes) * task.n / 1e9:,.3g} GFLOP"
    if task.kind == "time-to-loss":
        giga += " per epoch; weights and orders differ between rounds"
    return f"{task.kind}: {size}; {giga}.{rows}"
