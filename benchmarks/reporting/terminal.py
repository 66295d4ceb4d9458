"""Tables in the terminal, which fit 80 columns."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from benchmarks.measuring.results import Results
from benchmarks.reporting.markdown import mark, seconds, share
from benchmarks.reporting.report import verdict
from benchmarks.reporting.rows import baseline_of, first_task, rows_of
from benchmarks.stats import Ratio

_LEGEND = (
    "own: time of the matrix products alone, in the framework's library / time; peak: share of the "
    "peak FLOP/s; n: rounds, + those repeated because the machine was slow; ≈: no significant "
    "difference; ?: too few rounds"
)


def print_tables(results: Results, tasks: Sequence[str], console: Console) -> None:
    """Print a table of each of the tasks that was measured."""
    found = {task: rows for task in tasks if (rows := rows_of(results, task))}
    for task, rows in found.items():
        table = Table(title=task, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
        base = baseline_of(results, task)
        table.add_column("framework", no_wrap=True)
        for column in ("time", f"time / {base}"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column()
        for column in ("own", "peak", "n"):
            table.add_column(column, justify="right", no_wrap=True)
        for row in rows:
            ratio = ("", "") if row.ratio is None else (row.ratio.interval, _word(row.ratio))
            bounds = (share(row.own_products), share(row.of_peak))
            rounds = f"{len(row.processes)}" + (f"+{len(row.slow)}" if row.slow else "")
            table.add_row(row.label, seconds(row.seconds), *ratio, *bounds, rounds)
        console.print(table, soft_wrap=False)
    if found:
        console.print(_LEGEND, style="dim", soft_wrap=False)


def _word(ratio: Ratio) -> str:
    return ratio.verdict if ratio.significant else mark(ratio).strip()


def print_verdict(results: Results, console: Console) -> None:
    """Print the verdict of a report, and the table that it begins with."""
    if task := first_task(results):
        print_tables(results, [task], console)
    console.print(Markdown(verdict(results)), soft_wrap=False)
