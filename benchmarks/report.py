"""Write a report of results: Markdown tables, with every row and its receipt, and the plots."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks import charts, flops, limit
from benchmarks.contestants import CONTESTANTS
from benchmarks.parity import TOLERANCES
from benchmarks.results import Process, Results
from benchmarks.stats import UNSTABLE, median_seconds, paired_ratio, spread
from benchmarks.tasks import TASKS, Task
from jaxae.files import atomic
from jaxae.style import save_figure

BASELINE = "flax"
# Tables that set frameworks side by side; the others are drawn or listed on their own.
_LIMITS = ("limit-jax", "limit-torch")


def write_report(results: Results, folder: Path) -> list[Path]:
    """Write report.md and its plots into a folder; return the paths."""
    paths = []
    for name, figure in charts.draw(results).items():
        paths.append(folder / f"{name}.png")
        save_figure(figure, paths[-1])
    text = "\n".join(_sections(results, [path.name for path in paths]))
    with atomic(folder / "report.md") as partial:
        partial.write_text(text + "\n")
    return [folder / "report.md", *paths]


def _sections(results: Results, plots: list[str]) -> Iterator[str]:
    yield "# Framework comparison\n"
    yield from _machine(results)
    yield from _parity(results)
    for task in TASKS.values():
        if any(name == task.name for name, _ in results.names()):
            yield from task_table(results, task)
    yield from _cold(results)
    yield from _not_measured(results)
    for plot in plots:
        yield f"![{plot.removesuffix('.png')}]({plot})\n"


def _machine(results: Results) -> Iterator[str]:
    machine = results.machine()
    keys = (
        "cpu_model_name",
        "cpu_count",
        "threads",
        "platform",
        "python_version",
        "date",
        "commit",
    )
    for key in (*keys, *sorted(key for key in machine if key.startswith("version_"))):
        if key in machine:
            yield f"- {key.removeprefix('version_').replace('_', ' ')}: {machine[key]}"
    yield (
        "\nEach row is the median over fresh processes, one for each round; ratios pair the "
        "processes of a round. [low, high] is a 95 % bootstrap interval; ≈ marks a row that can't "
        f"be told from {BASELINE}; ! marks a spread between processes above {UNSTABLE:.0%}.\n"
    )


def _parity(results: Results) -> Iterator[str]:
    columns = list(TOLERANCES)
    yield "## Is it the same work?\n"
    yield "Relative difference from NumPy in float64, in the norm; 50 steps, the last one short.\n"
    yield _row("framework", *columns)
    yield _row("---", *["---:"] * len(columns))
    yield _row("*allowed*", *(f"{TOLERANCES[column]:.0e}" for column in columns))
    for name in CONTESTANTS:
        receipt = results.receipt(name)
        if receipt is not None:
            found = (receipt.get(column) for column in columns)
            yield _row(name, *("—" if value is None else f"{value:.1e}" for value in found))
    yield ""


def task_table(results: Results, task: Task) -> Iterator[str]:
    """Yield the lines of one task's table, the fastest first."""
    rows = []
    for name in CONTESTANTS:
        if processes := results.processes(task.name, name):
            rows.append((median_seconds(processes), name, processes))
    if not rows:
        return
    yield f"## {task.name}\n"
    yield f"{_describe(task)}\n"
    base = results.processes(task.name, BASELINE)
    best = fastest_limit(results, task)
    yield _row(
        "framework",
        "time",
        "images/s",
        f"time / {BASELINE}",
        "of the limit",
        "compile",
        "parity",
        "mode",
        "loader",
        "transfers",
    )
    yield _row("---", *["---:"] * 6, *["---"] * 3)
    for seconds, name, processes in sorted(rows):
        ratio = paired_ratio(processes, base) if base and name != BASELINE else None
        last = processes[-1].metadata
        receipt = results.receipt(name) or {}
        images = task.n * last.get("epochs", 1)
        yield _row(
            name + (" !" if spread(processes) > UNSTABLE else ""),
            _seconds(seconds),
            f"{images / seconds:,.0f}",
            str(ratio) if ratio else "1",
            f"{best / seconds:.2f}" if best else "—",
            _seconds(last["compile_seconds"]) if "compile_seconds" in last else "—",
            f"{receipt['largest']:.0e}" if "largest" in receipt else "—",
            *(str(last.get(key, "—")) for key in ("mode", "loader", "transfers")),
        )
    for name in _LIMITS:
        if processes := results.processes(task.name, name):
            yield _row(f"*{name}*", _seconds(median_seconds(processes)), *[""] * 8)
    yield ""


def fastest_limit(results: Results, task: Task) -> float | None:
    """Seconds of the task's large products alone, by the faster of the libraries."""
    found = [results.processes(task.name, name) for name in _LIMITS]
    return min((median_seconds(processes) for processes in found if processes), default=None)


def _describe(task: Task) -> str:
    work = {"encode": flops.encode, "decode": flops.decode}.get(task.kind, flops.train)
    size = f"{task.n:,} images"
    if task.kind not in ("encode", "decode"):
        size += f", batch {task.batch}, hidden {task.hidden}"
    giga = work(task.sizes) * task.n / 1e9
    rows = (
        f"; the limit runs on {limit.LATENT_ROWS} rows" if task.kind in ("encode", "decode") else ""
    )
    return f"{task.kind}: {size}; {giga:,.2f} GFLOP{rows}."


def _cold(results: Results) -> Iterator[str]:
    parts = ("start", "import", "load", "compile", "epoch")
    for task in ("cold", "cold-cached"):
        rows: list[tuple[float, str, Process]] = []
        for name in CONTESTANTS:
            if processes := results.processes(task, name):
                middle = sorted(processes, key=lambda process: process.seconds)[len(processes) // 2]
                rows.append((middle.seconds, name, middle))
        if rows:
            yield f"## {task}, in parts\n"
            yield _row("framework", "to the end of the first epoch", *parts)
            yield _row("---", *["---:"] * (1 + len(parts)))
            for seconds, name, middle in sorted(rows, key=lambda row: row[:2]):
                cells = (_seconds(middle.metadata[f"{part}_seconds"]) for part in parts)
                yield _row(name, _seconds(seconds), *cells)
            yield ""


def _not_measured(results: Results) -> Iterator[str]:
    lines = []
    for note in results.notes:
        if note["kind"] in ("absent", "failed"):
            lines.append(
                f"- {note['framework']} {note.get('task', '')}: {note['kind']}, {note['why']}"
            )
        elif note["kind"] == "parity" and note["failures"]:
            lines.append(f"- {note['framework']} is not timed: {'; '.join(note['failures'])}")
    if lines:
        yield "## Not measured\n"
        yield from [*dict.fromkeys(lines), ""]


def _seconds(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{1e3 * seconds:.2f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.0f} µs"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
