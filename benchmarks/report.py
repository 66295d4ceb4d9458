"""Write a report of results: Markdown tables, with every row and its receipt, and the plots."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks import charts
from benchmarks.breakeven import break_even_section
from benchmarks.contestants import CONTESTANTS
from benchmarks.explain import gap_section, ladder_section, memory_section, noise_section
from benchmarks.growth import growth_section
from benchmarks.markdown import table
from benchmarks.parity import TOLERANCES
from benchmarks.results import Results
from benchmarks.stats import LEAST_ROUNDS, UNSTABLE
from benchmarks.tables import BASELINE, like_with_like, task_tables
from benchmarks.tasks import TASKS
from jaxae.files import atomic
from jaxae.style import save_figure


def write_report(results: Results, folder: Path) -> list[Path]:
    """Write report.md and its plots into a folder; return the paths."""
    plots = {}
    for name, figure in charts.draw(results).items():
        plots[name] = folder / f"{name}.png"
        save_figure(figure, plots[name])
    text = "\n".join(_sections(results, plots))
    with atomic(folder / "report.md") as partial:
        partial.write_text(text + "\n")
    return [folder / "report.md", *plots.values()]


def _sections(results: Results, plots: dict[str, Path]) -> Iterator[str]:
    yield "# Framework comparison\n"
    yield from _machine(results)
    yield from _parity(results)
    for task in TASKS.values():
        # The ladder and the sweeps have tables of their own, below.
        if task.group not in ("ladder", "hidden", "images", "cold", "cold-cached"):
            yield from task_tables(results, task)
            yield from _plot(plots, task.name)
        if task.name == "train":
            yield from like_with_like(results, task)
    yield from gap_section(results)
    yield from ladder_section(results)
    yield from _plot(plots, "ladder")
    yield from growth_section(results)
    for name in ("batch", "hidden", "images"):
        yield from _plot(plots, name)
    yield from break_even_section(results)
    yield from _plot(plots, "breakeven")
    yield from memory_section(results)
    yield from noise_section(results)
    yield from _not_measured(results)


def _plot(plots: dict[str, Path], name: str) -> Iterator[str]:
    if name in plots:
        yield f"![{name}]({plots[name].name})\n"


def _machine(results: Results) -> Iterator[str]:
    machine = results.machine()
    keys = ["cpu_model_name", "cpu_count", "threads", "device", "tf32", "platform"]
    keys += ["python_version", "date", "commit"]
    for key in (*keys, *sorted(key for key in machine if key.startswith("version_"))):
        if key in machine:
            yield f"- {key.removeprefix('version_').replace('_', ' ')}: {machine[key]}"
    yield (
        "\nEach row is the median over fresh processes, one for each round; ratios pair the "
        "processes of a round. [low, high] is a 95 % bootstrap interval; ≈ marks a row that can't "
        "be told from the one it is held against, by that interval and a sign test, as none can in "
        f"fewer than {LEAST_ROUNDS} rounds; ! marks a spread between processes above "
        f"{UNSTABLE:.0%}. The limit is the work's large matrix products alone, by the faster of "
        "JAX and PyTorch.\n"
    )


def _parity(results: Results) -> Iterator[str]:
    columns = list(TOLERANCES)
    rows = [["*allowed*", *(f"{TOLERANCES[column]:.0e}" for column in columns)]]
    for name in CONTESTANTS:
        if (receipt := results.receipt(name)) is not None:
            found = (receipt.get(column) for column in columns)
            rows.append([name, *("—" if value is None else f"{value:.1e}" for value in found)])
    yield "## Is it the same work?\n"
    yield "Relative difference from NumPy in float64, in the norm; 50 steps, the last one short.\n"
    yield from table(["framework", *columns], rows)
    remarks: dict[str, list[str]] = {}
    for task, name in results.names():
        remark = results.processes(task, name)[0].metadata.get("remark")
        if remark and name not in remarks.setdefault(str(remark), []):
            remarks[str(remark)].append(name)
    for remark, names in remarks.items():
        yield f"- {', '.join(sorted(names))}: {remark}.\n"
    if results.receipt(BASELINE):
        yield (
            "What JAX's parameters differ by after 50 steps is optax's 1 − β₂ᵗ, formed in float32: "
            "put into the reference, that alone moves it as far (see `benchmarks/parity.py`).\n"
        )


def _not_measured(results: Results) -> Iterator[str]:
    lines = []
    for note in results.notes:
        if note["kind"] in ("absent", "failed"):
            where = f"{note['framework']} {note.get('task', '')}".strip()
            lines.append(f"- {where}: {note['kind']}, {note['why']}")
        elif note["kind"] == "parity" and note["failures"]:
            lines.append(f"- {note['framework']} is not timed: {'; '.join(note['failures'])}")
    if lines:
        yield "## Not measured\n"
        yield from [*dict.fromkeys(lines), ""]
