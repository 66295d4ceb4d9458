"""The plots of a comparison."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.contestants import CONTESTANTS, LADDERS
from benchmarks.measuring.results import Results
from benchmarks.reporting.breakeven import line_of
from benchmarks.reporting.growth import SWEEPS, Sweep, points
from benchmarks.reporting.tables import fastest_limit, measured
from benchmarks.stats import growth_of, median_seconds, spans
from benchmarks.tasks import TASKS
from jaxae.plots import COLUMN_WIDTH, styled

# A colour of Okabe and Ito's palette for each framework; its variants differ in their markers.
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
    """Draw every plot that the results suffice for."""
    figures = {task: bars(results, task) for task in ("train", "time-to-loss", "encode", "decode")}
    figures |= {name: growth(results, sweep) for name, sweep in SWEEPS.items()}
    figures |= {"ladder": ladders(results), "breakeven": break_even(results)}
    return {name: figure for name, figure in figures.items() if figure is not None}


@styled
def bars(results: Results, task: str) -> Figure | None:
    """Draw each framework's time as a multiple of the limit; the time to a loss in seconds."""
    rows = measured(results, task)
    in_seconds = TASKS[task].kind == "time-to-loss"
    unit = 1.0 if in_seconds else fastest_limit(results, TASKS[task])
    if not rows or unit is None:
        return None
    slowest_first = sorted(rows, key=lambda name: -median_seconds(rows[name]))
    values = {name: [p.seconds / unit for p in rows[name]] for name in slowest_first}
    figure, axes = _bars(values, ".1f" if in_seconds else ".2f")
    if in_seconds:
        axes.set_xlabel("seconds of training until the test loss is at most 32.5")
    else:
        axes.axvline(1, color="black", lw=0.8, ls="--")
        axes.set_xlabel(f"{task}: time / time of the large matrix products alone")
    return figure


@styled
def ladders(results: Results) -> Figure | None:
    """Draw the images per second of each step of the ablations."""
    rows = measured(results, "ladder", [name for family in LADDERS for name in family])
    if len(rows) < 2:
        return None
    n = TASKS["ladder"].n
    rates = {name: [n / p.seconds for p in processes] for name, processes in rows.items()}
    figure, axes = _bars(dict(reversed(rates.items())), ",.0f")
    axes.set_xlabel("images per second in training, batch 128")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return figure


@styled
def growth(results: Results, sweep: Sweep) -> Figure | None:
    """Draw seconds against a size, both logarithmic, with the fits of fixed + each × size."""
    found = {name: points(results, sweep, name) for name in (*sweep.frameworks, "limit-jax")}
    found = {name: of for name, of in found.items() if of}
    if not found.keys() & set(CONTESTANTS):
        return None
    figure = Figure(figsize=(_WIDTH, 1.1 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    for name, of in found.items():
        sizes = list(of)
        middle, whiskers = spans(of.values())
        if name == "limit-jax":
            axes.plot(sizes, middle, "k:", lw=1, label="products alone")
            continue
        style: Any = {"color": _colour(name), "marker": _marker(name), "ms": 3, "capsize": 1.5}
        axes.errorbar(sizes, middle, whiskers, ls="none", elinewidth=0.7, label=name, **style)
        if (fitted := growth_of(of)) is not None:
            x = np.geomspace(min(sizes), max(sizes))
            axes.plot(x, fitted.fixed + fitted.each * x, color=_colour(name), lw=0.7)
    axes.set(xscale="log", yscale="log", xlabel=sweep.title, ylabel=f"seconds for {sweep.work}")
    axes.set_xticks(list(sweep.tasks), [f"{size:,}" for size in sweep.tasks])
    axes.minorticks_off()
    axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


@styled
def break_even(results: Results) -> Figure | None:
    """Draw the seconds since a process's start against the number of epochs."""
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


def _bars(values: Mapping[str, Sequence[float]], digits: str) -> tuple[Figure, Axes]:
    """One bar per framework, from the bottom up: the median, with whiskers over all processes."""
    figure = Figure(figsize=(_WIDTH, 0.25 * len(values) + 0.7))
    axes = figure.add_subplot()
    for y, (name, of) in enumerate(values.items()):
        low, middle, high = np.percentile(of, [0, 50, 100])
        style: Any = {"height": 0.7, "capsize": 2, "error_kw": {"elinewidth": 0.8}}
        whiskers = [[middle - low], [high - middle]]
        axes.barh(y, middle, xerr=whiskers, color=_colour(name), **style)
        offset: Any = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(format(middle, digits), (high, y), **offset)
    axes.set_yticks(range(len(values)), list(values))
    return figure, axes


def _family(name: str) -> str:
    return next((family for family in _FAMILIES if name.startswith(family)), "")


def _colour(name: str) -> str:
    return _FAMILIES.get(_family(name), _OTHER)


def _marker(name: str) -> str:
    members = [other for other in CONTESTANTS if _family(other) == _family(name)]
    return _MARKERS[members.index(name) % len(_MARKERS)]
