"""Write a report of the sweeps: exponents, a table for each, and the log-log plot."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring.results import Process, Results
from benchmarks.reporting import conditions, not_measured, seconds, table
from benchmarks.scaling.chart import draw
from benchmarks.scaling.fits import Points, exponent, growth_of, loss_of, measured
from benchmarks.scaling.roofline import all_reduced
from benchmarks.scaling.sweeps import SWEEPS, Sweep
from benchmarks.stats import median_interval, median_seconds, paired_ratio, spread
from benchmarks.tasks import flops
from jaxae._utils.files import atomic
from jaxae.plots import save_figure

# What an epoch's exponent in the number of images must be, and how far it may be off.
_PROPORTIONAL, _TOLERANCE = 1.0, 0.05
_PLOT = "scaling.png"


def write_report(results: Results, folder: Path) -> list[Path]:
    """Write report.md and its plot into a folder; return the paths."""
    paths = [folder / "report.md"]
    if (figure := draw(results)) is not None:
        paths.append(folder / _PLOT)
        save_figure(figure, paths[-1])
    with atomic(paths[0]) as partial:
        partial.write_text("\n".join(_sections(results, plotted=figure is not None)) + "\n")
    return paths


def _sections(results: Results, plotted: bool) -> Iterator[str]:
    yield "# How the cost of training grows\n"
    yield from conditions(results)
    yield _LEGEND
    yield from _exponents(results)
    if plotted:
        yield f"![Cost against each setting, both logarithmic]({_PLOT})\n"
    for sweep in SWEEPS.values():
        if points := measured(results, sweep):
            yield f"## {sweep.title.capitalize()}\n"
            yield from _SECTIONS[sweep.name](sweep, points)
    yield from not_measured(results)


_LEGEND = (
    "Every number is jaxae's own training of the lecture's autoencoder in a fresh process, its "
    "first epoch left out: the median over rounds of each process's median. *Spread* is "
    "(slowest − fastest) / median over rounds. [low, high] is a 95 % bootstrap interval of ratios "
    "within rounds, given from 6 rounds on; ≈ marks what can't be told from 1. An exponent is the "
    "slope of log cost against log size by least squares, with its standard error. Paper work for "
    "accelerators, and what of it these runs test, is in `benchmarks/SCALING.md`.\n"
)


def _exponents(results: Results) -> Iterator[str]:
    rows = []
    for sweep in SWEEPS.values():
        points = measured(results, sweep)
        if (fitted := growth_of(points)) is None:
            continue
        parts = ["—", "—", "—"]
        if sweep.unit:
            each = f"{1e6 * fitted.each:,.4g} µs per {sweep.unit}"
            parts = [seconds(fitted.fixed), each, f"{fitted.misfit:.0%}"]
        span = f"{min(points):,} to {max(points):,}"
        rows.append([sweep.title, sweep.work, span, exponent(fitted), *parts])
    if rows:
        yield "## Exponents\n"
        columns = ("cost of", "sizes", "exponent", "fixed", "each", "largest misfit")
        yield from table(("against", *columns), rows)


def _sizes(sweep: Sweep, points: Points) -> Iterator[str]:
    rows = []
    for value, processes in points.items():
        point = sweep.point(value)
        rate = point.images / (median_seconds(processes) * (point.steps if sweep.of_step else 1))
        giga = rate * flops.train(flops.Sizes(hidden=point.hidden)) / 1e9
        cells = [seconds(median_seconds(processes)), f"{rate:,.0f}", f"{giga:,.0f}"]
        rows.append([f"{value:,}", *cells, *_trust(processes)])
    columns = (sweep.work, "images/s", "GFLOP/s")
    yield from table((sweep.title, *columns, "spread", "rounds"), rows)
    fitted = growth_of(points)
    if sweep.name == "images" and fitted is not None:
        kept = abs(fitted.exponent - _PROPORTIONAL) <= _TOLERANCE
        yield (
            f"The cost is to be proportional to the images, exponent {_PROPORTIONAL:.2f} ± "
            f"{_TOLERANCE:.2f}: it {'is' if kept else 'is NOT'}, at {fitted.exponent:.3f}.\n"
        )


def _devices(sweep: Sweep, points: Points) -> Iterator[str]:
    base = points.get(1, [])
    rows = []
    for value, processes in points.items():
        ratio = None if value == 1 else paired_ratio(processes, base)
        seen = processes[0].metadata
        sent = "—" if "collectives" not in seen else f"{seen['collective_bytes']:,}"
        cells = [seconds(median_seconds(processes)), "1" if ratio is None else str(ratio)]
        cells += [seen.get("collectives", "—"), sent, f"{loss_of(processes):.2f}"]
        rows.append([f"{value}", *cells, *_trust(processes)])
    columns = (sweep.work, "× one", "in each step", "bytes", "test loss")
    yield (
        f"{sweep.base.images:,} images, batch {sweep.base.batch:,} over all {sweep.title}, which "
        "share this machine's processors: what more of them add is what it costs here to keep "
        "them in step. *In each step* is what the compiled epoch's loop sends; by the formula, "
        "one all-reduce of the gradients and the loss, "
        f"{all_reduced(flops.Sizes(hidden=sweep.base.hidden)):,} bytes.\n"
    )
    yield from table((sweep.title, *columns, "spread", "rounds"), rows)


def _precisions(sweep: Sweep, points: Points) -> Iterator[str]:
    base = points.get("float32", [])
    rows = []
    for value, processes in points.items():
        ratio = None if value == "float32" else paired_ratio(processes, base)
        cells = [seconds(median_seconds(processes)), "1" if ratio is None else str(ratio)]
        cells += [f"{loss_of(processes):.3f}", _loss_difference(processes, base)]
        rows.append([str(value), *cells, *_trust(processes)])
    yield (
        f"{sweep.base.images:,} images, batch {sweep.base.batch}. The test loss is that after "
        f"{sweep.base.epochs} epochs, computed in float32; differences pair rounds, which have "
        "each a seed of its own.\n"
    )
    columns = (sweep.work, "× float32", "test loss", "loss − that of float32")
    yield from table((sweep.title, *columns, "spread", "rounds"), rows)


_SECTIONS = {
    "batch": _sizes,
    "hidden": _sizes,
    "images": _sizes,
    "devices": _devices,
    "processes": _devices,
    "precision": _precisions,
}


def _trust(processes: list[Process]) -> list[str]:
    return [f"{spread(processes):.0%}", f"{len(processes)}"]


def _loss_difference(processes: list[Process], base: list[Process]) -> str:
    theirs = {process.round: process.metadata["test_loss"] for process in base}
    found = [p.metadata["test_loss"] - theirs[p.round] for p in processes if p.round in theirs]
    if processes is base or not found:
        return "—"
    median, low, high = median_interval(found)
    return f"{median:+.3f} [{low:+.3f}, {high:+.3f}]"
