"""The report's plots: bars against the limit, the batch-size sweep, the ladder, the break-even."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from benchmarks.contestants import CONTESTANTS
from benchmarks.results import Process, Results
from benchmarks.stats import median_seconds
from benchmarks.tasks import TASKS
from jaxae.style import COLUMN_WIDTH, styled

# Okabe and Ito's palette and a grey: a colour and a marker for each framework.
_COLOURS = ("#0072B2", "#56B4E9", "#009E73", "#D55E00", "#E69F00", "#CC79A7", "#000000", "#999999")
_MARKERS = "osD^v<>P"
_LADDER = ("flax-nojit", "flax-jit", "flax-donate", "flax-device", "flax")


def draw(results: Results) -> dict[str, Figure]:
    """Draw every plot that the results have the measurements for."""
    figures = {
        "train": bars(results, "train"),
        "batch": batch_sweep(results),
        "ladder": ladder(results),
        "breakeven": break_even(results),
    }
    return {name: figure for name, figure in figures.items() if figure is not None}


@styled
def bars(results: Results, task: str) -> Figure | None:
    """Time as a multiple of the limit, a bar a framework, whiskers over all processes."""
    rows = _measured(results, task)
    limits = [p for name in ("limit-jax", "limit-torch") if (p := results.processes(task, name))]
    if not rows or not limits:
        return None
    limit = min(median_seconds(processes) for processes in limits)
    rows.sort(key=lambda row: -median_seconds(row[1]))
    figure = Figure(figsize=(2 * COLUMN_WIDTH, 0.3 * len(rows) + 0.8))
    axes = figure.add_subplot()
    for y, (name, processes) in enumerate(rows):
        times = np.array([process.seconds for process in processes]) / limit
        middle = float(np.median(times))
        whiskers = [[middle - times.min()], [times.max() - middle]]
        axes.barh(y, middle, xerr=whiskers, color=_colour(name), height=0.7, capsize=2)
        axes.text(times.max() + 0.05, y, f"{middle:.2f}", va="center")
    axes.axvline(1, color="black", lw=0.8, ls="--")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_xlabel(f"{task}: time / time of the large matrix products alone")
    return figure


@styled
def batch_sweep(results: Results) -> Figure | None:
    """Seconds a step against the batch size: flat is overhead, slope one is arithmetic."""
    sizes = [task.batch for task in TASKS.values() if task.kind == "step"]
    if not any(_measured(results, f"step-{size}") for size in sizes):
        return None
    figure = Figure(figsize=(2 * COLUMN_WIDTH, 1.1 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    for name in (*CONTESTANTS, "limit-jax"):
        points = [(b, p) for b in sizes if (p := results.processes(f"step-{b}", name))]
        if not points:
            continue
        x = [batch for batch, _ in points]
        seconds = [[process.seconds for process in processes] for _, processes in points]
        middle = np.array([np.median(row) for row in seconds])
        whiskers = [
            middle - [min(row) for row in seconds],
            np.array([max(row) for row in seconds]) - middle,
        ]
        if name.startswith("limit"):
            axes.plot(x, middle, "k--", lw=1, label=name)
        else:
            colour, marker = _colour(name), _marker(name)
            axes.errorbar(x, middle, whiskers, color=colour, marker=marker, lw=1, ms=3, label=name)
    axes.set(xscale="log", yscale="log", xlabel="batch size", ylabel="seconds a step")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.legend(fontsize=6, ncols=2)
    return figure


@styled
def ladder(results: Results) -> Figure | None:
    """Where the speed comes from: images a second, a rung at a time, for both families."""
    rungs = [("ladder", name) for name in _LADDER]
    rungs += [("train", name) for name in ("torch-loader", "torch-eager", "torch-compile")]
    rows = [(name, task, p) for task, name in rungs if (p := results.processes(task, name))]
    if len(rows) < 2:
        return None
    figure = Figure(figsize=(2 * COLUMN_WIDTH, 0.3 * len(rows) + 0.8))
    axes = figure.add_subplot()
    for y, (name, task, processes) in enumerate(reversed(rows)):
        rates = np.array([TASKS[task].n / process.seconds for process in processes])
        middle = float(np.median(rates))
        axes.barh(y, middle, color=_colour(name), height=0.7)
        axes.errorbar(
            middle, y, xerr=[[middle - rates.min()], [rates.max() - middle]], fmt="k", lw=1
        )
        axes.text(rates.max() * 1.02, y, f"{middle:,.0f}", va="center")
    axes.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)])
    axes.set_xlabel("images a second in training, batch 128")
    return figure


@styled
def break_even(results: Results) -> Figure | None:
    """Total time, from a cold process on, against the number of epochs."""
    rows = _measured(results, "cold")
    if not rows:
        return None
    epochs = np.arange(1, 21)
    figure = Figure(figsize=(2 * COLUMN_WIDTH, 1.1 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    for name, processes in rows:
        later = results.processes("train", name)
        per_epoch = median_seconds(later) if later else _epoch(processes)
        total = median_seconds(processes) + (epochs - 1) * per_epoch
        axes.plot(epochs, total, color=_colour(name), marker=_marker(name), ms=2, lw=1, label=name)
    axes.set(xlabel="epochs", ylabel="seconds since the process started", xlim=(0, 20.5), ylim=0)
    axes.legend(fontsize=6, ncols=2)
    return figure


def _measured(results: Results, task: str) -> list[tuple[str, list[Process]]]:
    return [(name, p) for name in CONTESTANTS if (p := results.processes(task, name))]


def _epoch(processes: Sequence[Process]) -> float:
    return float(np.median([process.metadata["epoch_seconds"] for process in processes]))


def _colour(name: str) -> str:
    return _COLOURS[list(CONTESTANTS).index(name) % len(_COLOURS)]


def _marker(name: str) -> str:
    return _MARKERS[list(CONTESTANTS).index(name) % len(_MARKERS)]
