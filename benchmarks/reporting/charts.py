"""The plots of the report: every process of the first task, and time against batch size."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from benchmarks.contestants import CONTESTANTS
from benchmarks.contestants.listing import describe
from benchmarks.measuring.results import Process, Results
from benchmarks.reporting.growth import STEP, Sweep, fits, points
from benchmarks.reporting.markdown import library
from benchmarks.reporting.rows import Row, first_task, rows_of
from benchmarks.stats import median_seconds
from benchmarks.tasks import TASKS, Task
from jaxae.plots import WIDTHS, cycle_colour

# Of the frameworks of one library, which have the same colour.
_MARKERS = "os^Dv<>PX*hd"
_LINES = ("-", "--", "-.")
_WIDTH, _ = WIDTHS["page"]

Style = dict[str, Any]


def draw(results: Results) -> dict[str, Figure]:
    """Draw every plot that the results suffice for, by name."""
    figures = {"batch": growth(results, STEP)}
    if first := first_task(results):
        figures[first] = dots(rows_of(results, first), TASKS[first])
    return {name: figure for name, figure in figures.items() if figure is not None}


@style.context("jaxae.paper", after_reset=True)
def dots(rows: Sequence[Row], task: Task) -> Figure:
    """Draw the processes, the median and the products of each row of a task, the first on top."""
    colours = colours_of(row.framework for row in rows)
    figure = Figure(figsize=(_WIDTH, 0.2 * len(rows) + 0.8))
    axes = figure.add_subplot()
    for y, row in enumerate(rows):
        colour = colours[row.framework]
        dot: Style = {"color": colour, "ls": "none", "ms": 3.5, "mew": 0.8}
        last = max(process.round for process in (*row.processes, *row.slow))
        axes.plot(*_spread_out(row.processes, y, last), marker="o", **dot)
        axes.plot(*_spread_out(row.slow, y, last), marker="D", mfc="none", **dot)
        axes.plot([row.seconds] * 2, [y - 0.4, y + 0.4], "k", lw=1.2)
        if row.own_products is not None:
            products = row.own_products * row.seconds
            axes.plot([products] * 2, [y - 0.5, y + 0.5], color=colour, lw=1.2, ls=":")
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.set(ylim=(len(rows) - 0.4, -0.6), xscale="log", xlabel=f"{task.name}: {describe(task)}")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter("s"))
    axes.grid(axis="x", lw=0.4, color="0.85")
    handles = [*_marks(rows), *_libraries(colours)]
    narrow: Style = {"columnspacing": 1, "handletextpad": 0.4}
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), **narrow)
    return figure


@style.context("jaxae.paper", after_reset=True)
def growth(results: Results, sweep: Sweep) -> Figure | None:
    """Draw time against a size, both logarithmic, with the fits of fixed + each × size."""
    fitted = fits(results, sweep)
    if not fitted:
        return None
    # In the order of the curves where they begin.
    smallest = min(sweep.tasks)
    fitted = dict(sorted(fitted.items(), key=lambda of: -of[1].fixed - smallest * of[1].each))
    colours, members = colours_of(fitted), _members(fitted)
    figure = Figure(figsize=(_WIDTH, 0.5 * _WIDTH))
    axes = figure.add_subplot()
    for name, fit in fitted.items():
        found = points(results, sweep, name)
        sizes = np.repeat(list(found), [len(of) for of in found.values()])
        seconds = [process.seconds for of in found.values() for process in of]
        colour, member = colours[name], members[name]
        dot: Style = {"color": colour, "marker": _MARKERS[member % len(_MARKERS)], "ms": 3.5}
        line: Style = {"ls": _LINES[member % len(_LINES)], "lw": 0.9}
        axes.plot(sizes, seconds, ls="none", alpha=0.8, **dot)
        x = np.geomspace(min(sizes), max(sizes))
        axes.plot(x, fit.fixed + fit.each * x, color=colour, **line)
        axes.plot([], [], label=name, **dot, **line)
    products = points(results, sweep, "limit-jax")
    if len(products) > 1:
        medians = [median_seconds(of) for of in products.values()]
        axes.plot(list(products), medians, "k:", lw=1, label="products in JAX, median")
    axes.set(xscale="log", yscale="log", xlabel=sweep.title, ylabel=f"time of {sweep.work}")
    axes.set_xticks(list(sweep.tasks), [f"{size:,}" for size in sweep.tasks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(EngFormatter("s"))
    # The time grows with the size, so this corner is empty.
    title = "mark: one process, line: fit of fixed + each × size"
    axes.legend(loc="upper left", title=title, alignment="left", handlelength=3)
    return figure


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """A colour for each framework: that of the library that it computes with."""
    libraries = list(dict.fromkeys(entry.library for entry in CONTESTANTS.values()))
    places = {name: libraries.index(CONTESTANTS[name].library) for name in names}
    return {name: cycle_colour(place) for name, place in places.items()}


def _marks(rows: Sequence[Row]) -> Iterator[Line2D]:
    """Yield the handles of a legend that explain the marks of each row."""
    dot: Style = {"color": "0.3", "ls": "none", "ms": 3.5, "mew": 0.8}
    yield Line2D([], [], marker="o", label="process", **dot)
    if any(row.slow for row in rows):
        yield Line2D([], [], marker="D", mfc="none", label="process, machine slow", **dot)
    yield Line2D([], [], marker="|", label="median", color="k", ls="none", ms=8, mew=1.2)
    if any(row.own_products is not None for row in rows):
        yield Line2D([], [], label="products alone", color="0.3", lw=1.2, ls=":")


def _libraries(colours: Mapping[str, str]) -> Iterator[Line2D]:
    """Yield the handles of a legend that name each library's colour."""
    by_library = {CONTESTANTS[name].library: colour for name, colour in colours.items()}
    for name, colour in by_library.items():
        yield Line2D([], [], marker="s", label=library(name), color=colour, ls="none", ms=5)


def _members(names: Iterable[str]) -> dict[str, int]:
    """The place of each framework among those of the same library."""
    members: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        members[CONTESTANTS[name].library].append(name)
    return {name: place for of in members.values() for place, name in enumerate(of)}


def _spread_out(
    processes: Sequence[Process], y: float, last: int
) -> tuple[list[float], list[float]]:
    """The places of a row's processes, from the first round on top to the last."""
    heights = [y + 0.6 * (process.round / max(last, 1) - 0.5) for process in processes]
    return [process.seconds for process in processes], heights
