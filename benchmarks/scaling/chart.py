"""The plot of the sweeps: cost against each setting."""

from itertools import chain
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from benchmarks.measuring.results import Results
from benchmarks.scaling.sweeps import SWEEPS, Sweep
from benchmarks.stats import Points, growth_of, spans
from jaxae.plots import WIDTHS, cycle_colour

_COLUMNS = 3
_PANEL_WIDTH, _PANEL_HEIGHT = WIDTHS["page"][0] / _COLUMNS, 1.9  # inches
_MEASURED, _POWER = "measured, fastest to slowest process", "power law"
_LINE = "fixed + each × size"


@style.context("jaxae.paper", after_reset=True)
def draw(results: Results) -> Figure | None:
    """Draw a panel for each sweep that was measured at two values or more.

    Both axes are logarithmic, and a decade is as long along x as along y, so that a cost in
    proportion to the size rises at 45°. The precisions are bars.
    """
    measured = [(sweep, sweep.measured(results)) for sweep in SWEEPS.values()]
    found = [(sweep, points) for sweep, points in measured if len(points) > 1]
    if not found:
        return None
    columns = min(_COLUMNS, len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(_PANEL_WIDTH * columns, _PANEL_HEIGHT * rows + 0.3))
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (sweep, points) in zip(panels, found, strict=False):
        (_bars if sweep.name == "precision" else _curve)(axes, sweep, points)
    for axes in list(panels)[len(found) :]:
        axes.set_axis_off()
    handles, labels = zip(*(axes.get_legend_handles_labels() for axes in figure.axes), strict=True)
    drawn = dict(zip(chain(*labels), chain(*handles), strict=True))
    keys = [label for label in (_MEASURED, _POWER, _LINE) if label in drawn]
    figure.legend([drawn[key] for key in keys], keys, loc="outside lower center", ncols=columns)
    return figure


def _curve(axes: Axes, sweep: Sweep, points: Points) -> None:
    sizes, own, other = np.array(list(points), float), cycle_colour(0), cycle_colour(1)
    middle, whiskers = spans(points.values())
    mark: Any = {"color": own, "marker": "o", "ms": 3, "capsize": 1.5, "elinewidth": 0.7}
    axes.errorbar(sizes, middle, whiskers, ls="none", label=_MEASURED, **mark)
    if (fitted := growth_of(points)) is not None:
        x = np.geomspace(sizes.min(), sizes.max())
        # The least-squares line goes through the means of the logarithms.
        centre_x, centre_y = np.exp(np.mean(np.log(sizes))), np.exp(np.mean(np.log(middle)))
        power = centre_y * (x / centre_x) ** fitted.exponent
        axes.plot(x, power, color=other, lw=0.9, ls="--", label=_POWER)
        if sweep.unit:
            line = fitted.fixed + fitted.each * x
            axes.plot(x, line, color=own, lw=0.7, label=_LINE)
        exponent = f"{fitted.exponent:.3f} ± {fitted.exponent_error:.3f}"
        axes.set_title(f"exponent {exponent}", color=other)
    axes.set(xscale="log", yscale="log", xlabel=sweep.title, ylabel=f"time for {sweep.work}")
    low, high = min(middle - whiskers[0]), max(middle + whiskers[1])
    # Label 2 and 5 times a power of ten too, if there is room.
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 50 * low else (1,)))
    axes.yaxis.set_major_formatter(EngFormatter("s"))
    if max(sizes) < 10:
        axes.set_xticks(sizes, [f"{size:.0f}" for size in sizes])
    else:
        axes.xaxis.set_major_locator(LogLocator(numticks=10))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.set_aspect("equal", adjustable="datalim")


def _bars(axes: Axes, sweep: Sweep, points: Points) -> None:
    names = [str(value) for value in points]
    middle, whiskers = spans(points.values())
    axes.bar(names, middle, width=0.6, color=cycle_colour(0))
    axes.errorbar(names, middle, whiskers, fmt="none", ecolor="k", elinewidth=0.8, capsize=2)
    for x, (top, processes) in enumerate(zip(middle + whiskers[1], points.values(), strict=True)):
        loss = np.median([process.metadata["test_loss"] for process in processes])
        text = f"test loss\n{loss:.2f}"
        axes.annotate(
            text, (x, top), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=7
        )
    axes.margins(y=0.25)
    axes.set(xlabel=sweep.title, ylabel=f"time for {sweep.work}")
    axes.yaxis.set_major_formatter(EngFormatter("s"))
