"""Write the report of the sweeps: Markdown and a plot."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measuring.results import Process, Results, write_text
from benchmarks.reporting import environment, missing, seconds, table
from benchmarks.scaling.chart import draw
from benchmarks.scaling.roofline import all_reduced
from benchmarks.scaling.sweeps import SWEEPS, Sweep
from benchmarks.stats import (
    Points,
    growth_of,
    median_interval,
    median_seconds,
    paired_ratio,
    spread,
)
from benchmarks.tasks import Sizes, flops
from jaxae.plots import save_figure

# The exponent that an epoch's time must have in the number of images, and its tolerance.
_PROPORTIONAL, _TOLERANCE = 1.0, 0.05
_PLOT = "scaling.png"


def write_report(results: Results, folder: Path) -> list[Path]:
    """Write report.md and its plot into a folder; return the paths."""
    paths = [folder / "report.md"]
    if (figure := draw(results)) is not None:
        paths.append(folder / _PLOT)
        save_figure(figure, paths[-1])
    write_text(paths[0], "\n".join(_sections(results, plotted=figure is not None)) + "\n")
    return paths


def _sections(results: Results, plotted: bool) -> Iterator[str]:
    yield "# How the cost of training grows\n"
    yield from (f"- {what}: {value}" for what, value in environment(results))
    yield ""
    yield _LEGEND
    yield from _exponents(results)
    if plotted:
        yield f"![Cost against each setting, on logarithmic axes]({_PLOT})\n"
    for sweep in SWEEPS.values():
        if points := sweep.measured(results):
            yield f"## {sweep.title.capitalize()}\n"
            yield from _SECTIONS[sweep.name](sweep, points)
    if missed := missing(results):
        yield "## Not measured\n"
        yield from (f"- {what}: {why}" for what, why in missed)
        yield ""


_LEGEND = (
    "Each number is of jaxae's own training of the lecture's autoencoder in a fresh process: the "
    "median over rounds of each process's median epoch, without its first one. *Spread* is "
    "(slowest − fastest) / median over rounds. [low, high] is the 95 % interval of a median ratio "
    "within rounds, by the sign test, given from 6 rounds on; ≈ marks a ratio whose interval "
    "includes 1, or that has none. An exponent is the least-squares slope of log cost against log "
    "size, with its standard error. `benchmarks/SCALING.md` estimates the cost on accelerators, "
    "and says which of its claims these runs test.\n"
)


def _exponents(results: Results) -> Iterator[str]:
    rows = []
    for sweep in SWEEPS.values():
        points = sweep.measured(results)
        if (fitted := growth_of(points)) is None:
            continue
        parts = ["—", "—", "—"]
        if sweep.unit:
            each = f"{1e6 * fitted.each:,.4g} µs per {sweep.unit}"
            parts = [seconds(fitted.fixed), each, f"{fitted.misfit:.0%}"]
        span = f"{min(points):,} to {max(points):,}"
        exponent = f"{fitted.exponent:.3f} ± {fitted.exponent_error:.3f}"
        rows.append([sweep.title, sweep.work, span, exponent, *parts])
    if rows:
        yield "## Exponents\n"
        columns = ("cost of", "sizes", "exponent", "fixed", "each", "largest misfit")
        yield table(("against", *columns), rows)


def _sizes(sweep: Sweep, points: Points) -> Iterator[str]:
    rows = []
    for value, processes in points.items():
        point, cost = sweep.point(value), median_seconds(processes)
        rate = point.images / (cost * (point.steps if sweep.of_step else 1))
        giga = rate * flops.train(Sizes(hidden=point.hidden)) / 1e9
        cells = [seconds(cost), f"{rate:,.0f}", f"{giga:,.0f}"]
        rows.append([f"{value:,}", *cells, *_trust(processes)])
    columns = (sweep.work, "images/s", "GFLOP/s")
    yield table((sweep.title, *columns, "spread", "rounds"), rows)
    fitted = growth_of(points)
    if sweep.name == "images" and fitted is not None:
        kept = abs(fitted.exponent - _PROPORTIONAL) <= _TOLERANCE
        yield (
            f"The cost {'is' if kept else 'is NOT'} proportional to the number of images: the "
            f"exponent is {fitted.exponent:.3f}, expected {_PROPORTIONAL:.2f} ± {_TOLERANCE:.2f}.\n"
        )


def _devices(sweep: Sweep, points: Points) -> Iterator[str]:
    rows = []
    for value, processes in points.items():
        seen = processes[0].metadata
        sent = "—" if "collectives" not in seen else f"{seen['collective_bytes']:,}"
        cells = [seconds(median_seconds(processes)), _ratio(points, value, 1)]
        cells += [seen.get("collectives", "—"), sent, f"{_loss(processes):.2f}"]
        rows.append([f"{value}", *cells, *_trust(processes)])
    yield (
        f"{sweep.base.images:,} images, batch {sweep.base.batch:,} over all {sweep.title}. They "
        "share this machine's processors, so what each more of them adds is the cost of keeping "
        "them in step. *Sent per step* is what the compiled epoch's loop sends; the formula gives "
        "one all-reduce of the gradients and the loss, "
        f"{all_reduced(Sizes(hidden=sweep.base.hidden)):,} bytes.\n"
    )
    columns = (sweep.work, "× one", "sent per step", "bytes", "test loss")
    yield table((sweep.title, *columns, "spread", "rounds"), rows)


def _precisions(sweep: Sweep, points: Points) -> Iterator[str]:
    rows = []
    for value, processes in points.items():
        cells = [seconds(median_seconds(processes)), _ratio(points, value, "float32")]
        cells += [f"{_loss(processes):.3f}", _loss_difference(processes, points.get("float32", []))]
        rows.append([str(value), *cells, *_trust(processes)])
    yield (
        f"{sweep.base.images:,} images, batch {sweep.base.batch}. The test loss is computed in "
        f"float32 after {sweep.base.epochs} epochs. Differences pair the rounds, each of which has "
        "its own seed.\n"
    )
    columns = (sweep.work, "× float32", "test loss", "loss − loss in float32")
    yield table((sweep.title, *columns, "spread", "rounds"), rows)


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


def _ratio(points: Points, value: object, base: object) -> str:
    ratio = None if value == base else paired_ratio(points[value], points.get(base, []))
    return "1" if ratio is None else str(ratio)


def _loss(processes: list[Process]) -> float:
    """Median over rounds of the loss after the last epoch."""
    return float(np.median([process.metadata["test_loss"] for process in processes]))


def _loss_difference(processes: list[Process], base: list[Process]) -> str:
    theirs = {process.round: process.metadata["test_loss"] for process in base}
    found = [p.metadata["test_loss"] - theirs[p.round] for p in processes if p.round in theirs]
    if processes is base or not found:
        return "—"
    median, low, high = median_interval(found)
    if low is None:
        return f"{median:+.3f}"
    return f"{median:+.3f} [{low:+.3f}, {high:+.3f}]"
