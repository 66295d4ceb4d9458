"""Tables that set frameworks side by side: only rows that did the same work on the same terms.

A table declares its axis: the settings in which its rows may differ. Processes that differ in
anything else, such as the number of threads, go into a table of their own.
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
# What a process did, and on what terms.
_TERMS = ("batch", "hidden", "images", "warmups", "threads", "device", "tf32", "precision")
# How a framework goes about it.
IDIOM = ("mode", "loader", "transfers", "donated")

Rows = dict[str, list[Process]]


def side_by_side(results: Results, task: Task, axis: Sequence[str]) -> dict[str, Rows]:
    """Sort a task's processes into tables.

    Args:
      results: all measurements.
      task: whose processes to sort.
      axis: the settings in which the rows of a table may differ.

    Returns:
      Tables of rows by framework; the key says in words what the rows of a table share, of the
      settings that not all tables share.
    """
    fixed = [name for name in (*_TERMS, *IDIOM) if name not in axis]
    tables: defaultdict[tuple[str, ...], Rows] = defaultdict(dict)
    for name in CONTESTANTS:
        for process in results.processes(task.name, name):
            shared = tuple(str(process.metadata.get(setting)) for setting in fixed)
            tables[shared].setdefault(name, []).append(process)
    varying = [i for i in range(len(fixed)) if len({shared[i] for shared in tables}) > 1]
    return {
        ", ".join(f"{fixed[i]} {shared[i]}" for i in varying): rows
        for shared, rows in tables.items()
    }


def task_tables(results: Results, task: Task) -> Iterator[str]:
    """Yield a task's section: every framework, each in its own way of doing the work."""
    if not any(results.processes(task.name, name) for name in CONTESTANTS):
        return
    yield f"## {task.name}\n"
    yield f"{_describe(task)} Rows may differ in {', '.join(IDIOM)}.\n"
    for terms, rows in side_by_side(results, task, axis=IDIOM).items():
        if terms:
            yield f"### {terms}\n"
        yield from _table(results, task, rows)


def like_with_like(results: Results, task: Task) -> Iterator[str]:
    """Yield the tables of frameworks that go about the work in the same way too."""
    tables = side_by_side(results, task, axis=("donated",))
    tables = {terms: rows for terms, rows in tables.items() if terms and len(rows) > 1}
    if tables:
        yield f"## {task.name}, like with like\n"
        yield "Rows may differ in donated alone.\n"
    for terms, rows in tables.items():
        yield f"### {terms}\n"
        yield from _table(results, task, rows)


def recipes(results: Results) -> Iterator[str]:
    """Yield how much longer the lecture's way to the loss takes than jaxae's fast recipe."""
    lecture, fast = (results.processes("time-to-loss", name) for name in RECIPES)
    ratio = paired_ratio(lecture, fast)
    if ratio is not None:
        yield "## time-to-loss, the lecture's recipe and the fast one\n"
        columns = ("task", " / ".join(RECIPES), "rounds")
        yield from table(columns, [["time-to-loss", str(ratio), f"{ratio.rounds}"]])


def _table(results: Results, task: Task, rows: Rows) -> Iterator[str]:
    base = rows.get(BASELINE) or min(rows.values(), key=median_seconds)
    beside = next(name for name, processes in rows.items() if processes is base)
    best = fastest_limit(results, task)
    lines = []
    for name, processes in sorted(rows.items(), key=lambda item: median_seconds(item[1])):
        time, settings = median_seconds(processes), processes[0].metadata
        epochs = [process.metadata.get("epochs", 1) for process in processes]
        images = task.n * float(np.median(epochs))
        ratio = None if name == beside else paired_ratio(processes, base)
        lines.append(
            [
                name + (" !" if spread(processes) > UNSTABLE else ""),
                seconds(time) + (f", {_span(epochs)} epochs" if max(epochs) > 1 else ""),
                f"{images / time:,.0f}",
                "1" if ratio is None else str(ratio),
                f"{best * images / task.n / time:.2f}" if best else "—",
                _compiling(processes),
                _receipt(results, name, task),
                *(str(settings.get(key, "—")) for key in IDIOM),
                f"{len(processes)}",
            ]
        )
    for name in LIMITS:
        if processes := results.processes(task.name, name):
            cells = [seconds(median_seconds(processes)), *[""] * 9, f"{len(processes)}"]
            lines.append([f"*{name}*", *cells])
    columns = ("time", "images/s", f"time / {beside}", "of the limit", "compile", "parity")
    yield from table(("framework", *columns, *IDIOM, "rounds"), lines)


def fastest_limit(results: Results, task: Task) -> float | None:
    """Seconds of the task's large products alone, by the faster of the libraries.

    For the time to a loss, an epoch's; None where no limit was measured.
    """
    measured = "train" if task.kind == "time-to-loss" else task.name
    found = [results.processes(measured, name) for name in LIMITS]
    return min((median_seconds(processes) for processes in found if processes), default=None)


def _span(epochs: list[int]) -> str:
    low, high = min(epochs), max(epochs)
    return f"{low}" if low == high else f"{low} to {high}"


def _receipt(results: Results, name: str, task: Task) -> str:
    # The difference that bears on the task.
    receipt = results.receipt(name) or {}
    key = task.kind if task.kind in ("encode", "decode") else "largest"
    if key not in receipt:
        return "—"
    # One that trains by a schedule of its own was held to the model alone.
    only_model = name in CONTESTANTS and CONTESTANTS[name].own_recipe
    return f"{receipt[key]:.0e}" + (" (model only)" if only_model else "")


def _compiling(processes: list[Process]) -> str:
    key = "compile_seconds"
    found = [process.metadata[key] for process in processes if key in process.metadata]
    return seconds(float(np.median(found))) if found else "—"


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
        giga += " an epoch; each round has weights and orders of its own"
    return f"{task.kind}: {size}; {giga}.{rows}"
