"""The sweeps as one plot: cost against each setting, both logarithmic, with fitted exponents."""

from itertools import chain

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from benchmarks.measuring.results import Results
from benchmarks.scaling.fits import Points, exponent, growth_of, loss_of, measured
from benchmarks.scaling.sweeps import SWEEPS, Sweep
from jaxae.plots import BLUE, COLUMN_WIDTH, ORANGE, styled

_COLUMNS = 3
_PANEL_HEIGHT = 1.9  # inches
_MEASURED, _POWER = "measured, fastest to slowest process", "power law"
_LINE = "fixed + each × size"


@styled
def draw(results: Results) -> Figure | None:
    """A panel for each sweep that was measured; a decade is as long along x as along y.

    So a cost in proportion to the size rises at 45°. Whiskers reach from the fastest process to
    the slowest; the precisions, which are no sizes, are bars.
    """
    found = [(sweep, measured(results, sweep)) for sweep in SWEEPS.values()]
    found = [(sweep, points) for sweep, points in found if points]
    if not found:
        return None
    rows = -(-len(found) // _COLUMNS)
    figure = Figure(figsize=(2 * COLUMN_WIDTH, _PANEL_HEIGHT * rows + 0.3))
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    for axes, (sweep, points) in zip(panels, found, strict=False):
        (_bars if sweep.name == "precision" else _curve)(axes, sweep, points)
    for axes in list(panels)[len(found) :]:
        axes.set_axis_off()
    handles, labels = zip(*(axes.get_legend_handles_labels() for axes in figure.axes), strict=True)
    drawn = dict(zip(chain(*labels), chain(*handles), strict=True))
    keys = [label for label in (_MEASURED, _POWER, _LINE) if label in drawn]
    figure.legend([drawn[key] for key in keys], keys, loc="outside lower center", ncols=3)
    return figure


def _curve(axes: Axes, sweep: Sweep, points: Points) -> None:
    sizes = np.array(list(points), float)
    middle, low, high = _spans(points)
    axes.errorbar(
        sizes,
        middle,
        [middle - low, high - middle],
        ls="none",
        color=BLUE,
        marker="o",
        ms=3,
        capsize=1.5,
        elinewidth=0.7,
        label=_MEASURED,
    )
    if (fitted := growth_of(points)) is not None:
        x = np.geomspace(sizes.min(), sizes.max())
        # The line of least squares goes through the means of the logarithms.
        power = (
            np.exp(np.mean(np.log(middle)))
            * (x / np.exp(np.mean(np.log(sizes)))) ** fitted.exponent
        )
        axes.plot(x, power, color=ORANGE, lw=0.9, ls="--", label=_POWER)
        if sweep.unit:
            line = fitted.fixed + fitted.each * x
            axes.plot(x, line, color=BLUE, lw=0.7, label=_LINE)
        axes.set_title(f"exponent {exponent(fitted)}", color=ORANGE)
    axes.set(xscale="log", yscale="log", xlabel=sweep.title, ylabel=f"time for {sweep.work}")
    # Between decades too, where there is room.
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(high) < 50 * min(low) else (1,)))
    axes.yaxis.set_major_formatter(EngFormatter("s"))
    if max(sizes) < 10:
        axes.set_xticks(sizes, [f"{size:.0f}" for size in sizes])
    else:
        axes.xaxis.set_major_formatter("{x:,.0f}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.set_aspect("equal", adjustable="datalim")


def _bars(axes: Axes, sweep: Sweep, points: Points) -> None:
    names = [str(value) for value in points]
    middle, low, high = _spans(points)
    whiskers = [middle - low, high - middle]
    style = {"elinewidth": 0.8}
    axes.bar(names, middle, yerr=whiskers, color=BLUE, width=0.6, capsize=2, error_kw=style)
    for x, (top, processes) in enumerate(zip(high, points.values(), strict=True)):
        text = f"test loss\n{loss_of(processes):.2f}"
        axes.annotate(
            text, (x, top), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=7
        )
    axes.margins(y=0.25)
    axes.set(xlabel=sweep.title, ylabel=f"time for {sweep.work}")
    axes.yaxis.set_major_formatter(EngFormatter("s"))


def _spans(points: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, fastest and slowest process of each point."""
    rows = [[process.seconds for process in processes] for processes in points.values()]
    return (
        np.array([np.median(r) for r in rows]),
        np.array([*map(min, rows)]),
        np.array([*map(max, rows)]),
    )
