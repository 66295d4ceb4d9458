"""The report's plots: bars against the limit, the sweeps, the ladders, the break-even."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Process, Results
from benchmarks.reporting.breakeven import line_of
from benchmarks.reporting.growth import SWEEPS, Sweep, growth_of, points, swept
from benchmarks.reporting.tables import fastest_limit
from benchmarks.stats import median_seconds
from benchmarks.tasks import LADDERS, TASKS
from jaxae.plots import COLUMN_WIDTH, styled

# A colour of Okabe and Ito's for each framework, grey for any other; variants differ by marker.
_FAMILIES = {
    "flax": "#0072B2",
    "equinox": "#009E73",
    "torch": "#D55E00",
    "keras": "#CC79A7",
    "limit": "#000000",
}
_OTHER = "#7F7F7F"
_MARKERS = "os^Dv<>PX*hd"
_WIDTH = 2 * COLUMN_WIDTH


def draw(results: Results) -> dict[str, Figure]:
    """Draw every plot that the results have the measurements for."""
    figures = {task: bars(results, task) for task in ("train", "time-to-loss", "encode", "decode")}
    names = ("batch", "hidden", "images")
    figures |= {name: growth(results, sweep) for name, sweep in zip(names, SWEEPS, strict=True)}
    figures |= {"ladder": ladders(results), "breakeven": break_even(results)}
    return {name: figure for name, figure in figures.items() if figure is not None}


@styled
def bars(results: Results, task: str) -> Figure | None:
    """Time as a multiple of the limit, a bar a framework, whiskers over all processes.

    The time to a loss, which takes each its own number of epochs, is drawn in seconds.
    """
    rows = _measured(results, task)
    unit = 1.0 if TASKS[task].kind == "time-to-loss" else fastest_limit(results, TASKS[task])
    if not rows or unit is None:
        return None
    rows.sort(key=lambda row: -median_seconds(row[1]))
    figure = Figure(figsize=(_WIDTH, 0.25 * len(rows) + 0.7))
    axes = figure.add_subplot()
    for y, (name, processes) in enumerate(rows):
        times = np.array([process.seconds for process in processes]) / unit
        _bar(axes, y, times, _colour(name), ".2f" if unit != 1 else ".1f")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    if unit == 1:
        axes.set_xlabel("seconds of training until the test loss is at most 32.5")
    else:
        axes.axvline(1, color="black", lw=0.8, ls="--")
        axes.set_xlabel(f"{task}: time / time of the large matrix products alone")
    return figure


@styled
def growth(results: Results, sweep: Sweep) -> Figure | None:
    """Seconds against a size, both logarithmic, with each fit of fixed and proportional cost."""
    names = [name for name in (*swept(sweep), "limit-jax") if points(results, sweep, name)]
    if not any(name in CONTESTANTS for name in names):
        return None
    figure = Figure(figsize=(_WIDTH, 1.1 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    for name in names:
        sizes, processes = zip(*points(results, sweep, name), strict=True)
        rows = [[process.seconds for process in group] for group in processes]
        middle = np.array([np.median(row) for row in rows])
        if name == "limit-jax":
            axes.plot(sizes, middle, "k:", lw=1, label="products alone")
            continue
        whiskers = [middle - [min(row) for row in rows], [max(row) for row in rows] - middle]
        style: Any = {"color": _colour(name), "marker": _marker(name), "ms": 3, "capsize": 1.5}
        axes.errorbar(sizes, middle, whiskers, ls="none", elinewidth=0.7, label=name, **style)
        if (fitted := growth_of(results, sweep, name)) is not None:
            x = np.geomspace(min(sizes), max(sizes))
            axes.plot(x, fitted.fixed + fitted.each * x, color=_colour(name), lw=0.7)
    axes.set(xscale="log", yscale="log", xlabel=sweep.title, ylabel=f"seconds for {sweep.work}")
    axes.set_xticks(list(sweep.tasks), [f"{size:,}" for size in sweep.tasks])
    axes.minorticks_off()
    axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


@styled
def ladders(results: Results) -> Figure | None:
    """Where the speed comes from: images a second, a rung at a time, for both families."""
    rungs = [name for family in LADDERS for name in family]
    rows = [(name, p) for name in rungs if (p := results.processes("ladder", name))]
    if len(rows) < 2:
        return None
    figure = Figure(figsize=(_WIDTH, 0.25 * len(rows) + 0.7))
    axes = figure.add_subplot()
    for y, (name, processes) in enumerate(reversed(rows)):
        rates = np.array([TASKS["ladder"].n / process.seconds for process in processes])
        _bar(axes, y, rates, _colour(name), ",.0f")
    axes.set_yticks(range(len(rows)), [name for name, _ in reversed(rows)])
    axes.set_xlabel("images a second in training, batch 128")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return figure


@styled
def break_even(results: Results) -> Figure | None:
    """Total time, from a process's start on, against the number of epochs."""
    figure = Figure(figsize=(_WIDTH, 1.1 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    epochs = np.arange(1, 21)
    for task, ls in (("cold", "-"), ("cold-cached", "--")):
        for name in CONTESTANTS:
            if (line := line_of(results, task, name)) is not None:
                label = name if task == "cold" else f"{name}, cached"
                style: Any = {"color": _colour(name), "marker": _marker(name), "ls": ls}
                axes.plot(epochs, line.at(epochs), lw=0.8, ms=2, label=label, **style)
    if not axes.lines:
        return None
    axes.set(xlabel="epochs", ylabel="seconds since the process started", xlim=(0, 20.5), ylim=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _bar(axes: Axes, y: int, values: np.ndarray, colour: str, digits: str) -> None:
    middle = float(np.median(values))
    whiskers = [[middle - values.min()], [values.max() - middle]]
    error = {"elinewidth": 0.8}
    axes.barh(y, middle, xerr=whiskers, color=colour, height=0.7, capsize=2, error_kw=error)
    axes.annotate(
        format(middle, digits),
        (values.max(), y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
    )


def _measured(results: Results, task: str) -> list[tuple[str, list[Process]]]:
    return [(name, p) for name in CONTESTANTS if (p := results.processes(task, name))]


def _family(name: str) -> str:
    return next((family for family in _FAMILIES if name.startswith(family)), "")


def _colour(name: str) -> str:
    return _FAMILIES.get(_family(name), _OTHER)


def _marker(name: str) -> str:
    members = [other for other in CONTESTANTS if _family(other) == _family(name)]
    return _MARKERS[members.index(name) % len(_MARKERS)]
