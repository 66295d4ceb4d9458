"""Write the report of a comparison: Markdown and plots; `report.md.j2` holds its prose."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.contestants import CONTESTANTS, LADDERS
from benchmarks.contestants.listing import describe
from benchmarks.measuring.results import Results, write_text
from benchmarks.reporting import charts, parts, tables
from benchmarks.reporting.conditions import missing
from benchmarks.reporting.growth import SWEEPS, fits
from benchmarks.reporting.machines import machine_lines
from benchmarks.reporting.markdown import full, library, seconds, share
from benchmarks.reporting.page import page
from benchmarks.reporting.parity import parameters, parity_table, remarks
from benchmarks.reporting.rows import BASELINE, Row, baseline_of, measured, median_of, rows_of
from benchmarks.reporting.templates import templates
from benchmarks.reporting.verdict import noise, same_code, splits, standing
from benchmarks.stats import UNSTABLE
from benchmarks.tasks import TASKS
from benchmarks.tasks.suite import TARGET_LOSS
from jaxae.plots import save_figure

_KINDS = ("train", "encode", "decode")
Rows = Mapping[str, list[Row]]


def write_report(results: Results, folder: Path) -> list[Path]:
    """Write report.md with its plots, and report.html, into a folder; return the paths."""
    plots = {}
    for name, figure in charts.draw(results).items():
        plots[name] = folder / f"{name}.png"
        save_figure(figure, plots[name])
    write_text(folder / "report.md", report(results, {name: p.name for name, p in plots.items()}))
    write_text(folder / "report.html", page(results))
    return [folder / "report.md", folder / "report.html", *plots.values()]


def report(results: Results, plots: Mapping[str, str]) -> str:
    """The report as Markdown; plots are file names by task."""
    rows = _rows(results)
    return _render("report.md.j2", _verdict(results, rows) | _sections(results, rows), plots=plots)


def verdict(results: Results) -> str:
    """The report's first lines, as Markdown."""
    return _render("verdict.md.j2", _verdict(results, _rows(results)))


def _rows(results: Results) -> Rows:
    tasks = [task.name for task in TASKS.values() if task.kind != "parts"]
    return {task: rows for task in tasks if (rows := rows_of(results, task))}


def _verdict(results: Results, rows: Rows) -> dict[str, Any]:
    task = next(iter(rows), None)
    base = task and baseline_of(results, task)
    standings = {name: found for name, of in rows.items() if (found := standing(of))}
    told = {name: found for name, found in standings.items() if found.enough}
    ratios = noise(rows)
    return {
        "task": task,
        "base": base,
        "baseline": BASELINE,
        "own_library": base and CONTESTANTS[base].library,
        "splits": splits(results, task, rows[task]) if task else [],
        "noise": ratios,
        "again": same_code(),
        "different": [name for name, ratio in ratios.items() if ratio.significant],
        "told": told,
        "untold": [name for name in standings if name not in told],
        "level": [name for name, found in told.items() if not found.ahead],
        "races": tables.by_recipe(rows.get("time-to-loss", [])),
        "target": TARGET_LOSS,
        "slow": _slow(rows),
    }


def _sections(results: Results, rows: Rows) -> dict[str, Any]:
    task = next(iter(rows), "")
    other = [name for name in rows if TASKS[name].kind in (*_KINDS, "step") and name != task]
    grids = (
        [name for name in other if not TASKS[name].sparse],
        [name for name in other if TASKS[name].sparse and name != "ladder"],
    )
    return {
        "tasks": TASKS,
        "gigaflops": lambda name: f"{TASKS[name].work['flops'] / 1e9:.3g}",
        "describe": describe,
        "intensity": tables.intensity,
        "main": tables.task_table(results, task, rows[task]) if task else "",
        "alike": tables.like_with_like(rows.get(task, [])),
        "grids": [tables.grid({name: rows[name] for name in of}) for of in grids if of],
        "race_table": tables.races(rows.get("time-to-loss", [])),
        "start_table": tables.start_table(rows),
        "step_table": parts.step_table(results),
        "adam_megabytes": f"{parts.ADAM_BYTES / 1e6:.1f}",
        "copy_gbs": parts.copy_gbs(results),
        "growth": [(of, found) for of in SWEEPS.values() if (found := fits(results, of))],
        "ladders": [line for names in LADDERS if (line := _ladder(rows, names))],
        "memory": _memory(results),
        "machines": list(machine_lines(results)),
        "parity_table": parity_table(results),
        "parameters": parameters(results),
        "remarks": remarks(results),
        "missing": missing(results),
        "unstable": f"{100 * UNSTABLE:.0f} %",
    }


def _slow(rows: Rows) -> int:
    """The number of slow processes; each may have measured several tasks."""
    slow = (process for of in rows.values() for row in of for process in row.slow)
    return len({process.metadata.get("reference_after") for process in slow})


def _ladder(rows: Rows, names: Iterable[str]) -> str:
    found = tables.by_label(rows.get("ladder", ()))
    rates = [f"{n} {found[n].images_per_second:,.0f}" for n in names if n in found]
    return " → ".join(rates) if len(rates) > 1 else ""


def _memory(results: Results) -> str:
    peaks = {
        name: median_of(processes, "mem_max_rss")
        for name, processes in measured(results, "train").items()
    }
    found = sorted((peak, name) for name, peak in peaks.items() if peak)
    return ", ".join(f"{name} {peak / 2**20:,.0f} MiB" for peak, name in found)


def _render(template: str, context: Mapping[str, Any], **more: Any) -> str:
    environment = templates(Path(__file__).parent, autoescape=False)
    environment.filters |= {
        "line": _line,
        "code": lambda names: ", ".join(f"`{name}`" for name in names),
        "full": full,
        "library": library,
        "seconds": seconds,
        "share": share,
    }
    text = environment.get_template(template).render(context, **more)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _line(text: str) -> str:
    """One line of several, without a space before a mark of punctuation."""
    return re.sub(r" ([,.;:])", r"\1", " ".join(text.split())) + "\n"
