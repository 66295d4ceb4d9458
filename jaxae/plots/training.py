"""Training curves of one run and of several seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxae.plots.style import BLUE, COLUMN_WIDTH, ORANGE, SERIES, styled
from jaxae.training import EpochMetrics


@styled
def training_curve(history: Sequence[EpochMetrics]) -> Figure:
    """Plot training and test loss against the epoch, with the last test loss as a number."""
    epochs = [row.epoch for row in history]
    figure = Figure(figsize=(COLUMN_WIDTH, 0.65 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    axes.plot(epochs, [row.train_loss for row in history], "--", color=ORANGE, lw=1, label="train")
    axes.plot(epochs, [row.test_loss for row in history], "-", color=BLUE, lw=1.2, label="test")
    if history:
        last = history[-1]
        axes.plot(last.epoch, last.test_loss, "o", color=BLUE, ms=3)
        axes.annotate(
            f"{last.test_loss:.1f}",
            (last.epoch, last.test_loss),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            color=BLUE,
        )
    axes.set(xlabel="epoch", ylabel="loss per image")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", lw=0.3)
    axes.legend()
    return figure


@styled
def seed_curves(histories: Mapping[str, Sequence[Sequence[EpochMetrics]]]) -> Figure:
    """Plot the test loss against the epoch: mean over seeds, and a band from minimum to maximum.

    Args:
      histories: for each of at most four names, the histories of its seeds, equally long.
    """
    figure = Figure(figsize=(COLUMN_WIDTH, 0.65 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    for (name, seeds), colour in zip(histories.items(), SERIES, strict=False):
        epochs = [row.epoch for row in seeds[0]]
        losses = np.array([[row.test_loss for row in history] for history in seeds])
        axes.fill_between(
            epochs, losses.min(axis=0), losses.max(axis=0), color=colour, alpha=0.25, lw=0
        )
        label = f"{name}, {len(seeds)} seeds"
        axes.plot(epochs, losses.mean(axis=0), "-", color=colour, lw=1.2, label=label)
    axes.set(xlabel="epoch", ylabel="test loss per image")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", lw=0.3)
    axes.legend()
    return figure
