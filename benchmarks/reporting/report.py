"""Write the report of a comparison: Markdown and plots."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Results, write_text
from benchmarks.reporting import charts
from benchmarks.reporting.breakeven import break_even_section
from benchmarks.reporting.conditions import environment, missing
from benchmarks.reporting.explain import (
    ladder_section,
    memory_section,
    noise_section,
    standing_section,
)
from benchmarks.reporting.gap import gap_section
from benchmarks.reporting.growth import SWEEPS, growth_section
from benchmarks.reporting.legend import LEGEND
from benchmarks.reporting.markdown import table
from benchmarks.reporting.page import page
from benchmarks.reporting.tables import BASELINE, like_with_like, recipes, task_tables
from benchmarks.tasks import TASKS
from benchmarks.tasks.receipt import TOLERANCES
from jaxae.plots import save_figure


def write_report(results: Results, folder: Path) -> list[Path]:
    """Write report.md with its plots, and report.html, into a folder; return the paths."""
    plots = {}
    for name, figure in charts.draw(results).items():
        plots[name] = folder / f"{name}.png"
        save_figure(figure, plots[name])
    write_text(folder / "report.md", "\n".join(_sections(results, plots)) + "\n")
    write_text(folder / "report.html", page(results))
    return [folder / "report.md", folder / "report.html", *plots.values()]


def _sections(results: Results, plots: dict[str, Path]) -> Iterator[str]:
    def plot(*names: str) -> Iterator[str]:
        yield from (f"![{name}]({plots[name].name})\n" for name in names if name in plots)

    yield "# Framework comparison\n"
    yield "[report.html](report.html) shows every process, and can be sorted and filtered.\n"
    yield from conditions(results)
    yield LEGEND
    yield from _parity(results)
    for task in TASKS.values():
        # The others have sections of their own below.
        if task.kind not in ("cold", "parts") and task.name != "ladder":
            yield from task_tables(results, task)
            yield from plot(task.name)
        if task.name == "train":
            yield from like_with_like(results, task)
        if task.name == "time-to-loss":
            yield from recipes(results)
    yield from standing_section(results)
    yield from gap_section(results)
    yield from ladder_section(results)
    yield from plot("ladder")
    yield from growth_section(results)
    yield from plot(*SWEEPS)
    yield from break_even_section(results)
    yield from plot("breakeven")
    yield from memory_section(results)
    yield from noise_section(results)
    yield from not_measured(results)


def conditions(results: Results) -> Iterator[str]:
    """Yield the processor, the versions and the dates of all processes, one per line."""
    yield from (f"- {what}: {value}" for what, value in environment(results))
    yield ""


def _parity(results: Results) -> Iterator[str]:
    columns = list(TOLERANCES)
    rows = [["*allowed*", *(f"{TOLERANCES[column]:.0e}" for column in columns)]]
    for name in CONTESTANTS:
        if (receipt := results.receipt(name)) is not None:
            found = (receipt.get(column) for column in columns)
            rows.append([name, *("—" if value is None else f"{value:.1e}" for value in found)])
    yield "## Parity with the NumPy reference\n"
    yield "Relative difference in the norm from NumPy in float64, over 50 steps.\n"
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
            "JAX's parameters differ after 50 steps because optax computes 1 − β₂ᵗ in float32: put "
            "into the reference, that alone moves it as far (see `benchmarks/tasks/parity.py`).\n"
        )


def not_measured(results: Results) -> Iterator[str]:
    """Yield what failed or is not installed, and has not been measured since."""
    if pairs := missing(results):
        yield "## Not measured\n"
        yield from (f"- {what}: {why}" for what, why in pairs)
        yield ""
