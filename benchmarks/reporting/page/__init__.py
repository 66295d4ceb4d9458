"""The report as one self-contained HTML page, with a dot for every process.

sections       the folded tables: environment, parity, growth, memory, what was not measured
page.html.j2   the page; its tables are complete without JavaScript
page.css       its looks
page.js        sorting, filters, and the dots

Names, remarks and errors come from files; Jinja2 escapes them, and the page's policy forbids it to
load anything.
"""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from benchmarks.contestants import CONTESTANTS
from benchmarks.contestants.listing import describe
from benchmarks.measuring.results import Results
from benchmarks.reporting.markdown import seconds, share
from benchmarks.reporting.page.sections import sections
from benchmarks.reporting.rows import Row, baseline_of, rows_of
from benchmarks.reporting.tables import WAYS
from benchmarks.reporting.templates import templates
from benchmarks.tasks import TASKS, Task

_HERE = Path(__file__).parent


def page(results: Results) -> str:
    """The page as text."""
    # Parts of an epoch are no contest.
    tasks = [task for task in TASKS.values() if task.kind != "parts"]
    tables = {task: rows for task in tasks if (rows := rows_of(results, task.name))}
    names = [row.framework for rows in tables.values() for row in rows]
    template = templates(_HERE, autoescape=True).get_template("page.html.j2")
    return template.render(
        file=results.path.name,
        machines=list(filter(None, results.machines())),
        tables=tables,
        bases={task.name: baseline_of(results, task.name) for task in tables},
        contestants=CONTESTANTS,
        describe=describe,
        seconds=seconds,
        share=share,
        ways=WAYS,
        sections=sections(results),
        task_groups=_grouped((_topic(task), task.name, _shown(task)) for task in tables),
        framework_groups=_grouped(
            (WAYS[entry.group], name, True) for name, entry in CONTESTANTS.items() if name in names
        ),
        data=data(tables),
        css=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
        js=Markup((_HERE / "page.js").read_text(encoding="utf-8")),
    )


def data(tables: dict[Task, list[Row]]) -> dict[str, list[dict[str, Any]]]:
    """What the dots and intervals are drawn from: the rows of each task, in the table's order."""
    return {task.name: [_drawn(row) for row in rows] for task, rows in tables.items()}


def _drawn(row: Row) -> dict[str, Any]:
    return {
        "framework": row.framework,
        "seconds": row.seconds,
        "products": row.own_products and row.own_products * row.seconds,
        "ratio": row.ratio and asdict(row.ratio),
        # In the order in which the arrow keys visit them.
        "processes": [
            {"round": process.round, "seconds": process.seconds, "slow": process in row.slow}
            for process in sorted((*row.processes, *row.slow), key=lambda process: process.seconds)
        ],
    }


def _topic(task: Task) -> str:
    return task.group if task.kind == "train" and task.sparse else task.kind


def _shown(task: Task) -> bool:
    """Whether the page shows a task before anything is filtered."""
    return not task.sparse or task.kind == "time-to-loss"


def _grouped(found: Iterable[tuple[str, str, bool]]) -> dict[str, dict[str, bool]]:
    """Sort names, each with its group and whether it is shown, by group."""
    groups: dict[str, dict[str, bool]] = {}
    for group, name, shown in found:
        groups.setdefault(group, {})[name] = shown
    return groups
