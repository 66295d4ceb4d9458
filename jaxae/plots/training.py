"""Training curves of one run and of several seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxae.config import Likelihood, Width
from jaxae.plots.sizes import axes_for, root_of
from jaxae.plots.style import cycle_colour
from jaxae.training import EpochMetrics

_PER_IMAGE = "per image\n(error summed over pixels)"


def training_curve(
    history: Sequence[EpochMetrics],
    *,
    kl_weight: float | None = None,
    input_noise: float = 0.0,
    likelihood: Likelihood = "squared",
    ax: Axes | None = None,
    width: Width | None = None,
) -> Figure:
    """Plot training and test loss against the epoch, with the last test loss as a number.

    The validation loss, if there is one, is a third line. For a variational model, the test loss is
    also split into its squared error, or its negative log-likelihood, and, as a band above it, its
    divergence.

    Args:
      history: one row per epoch.
      kl_weight: weight β of the divergence in a variational model's loss, for the labels. If it is
        not given, rows with a divergence are labelled with β.
      input_noise: standard deviation of the noise on training images, for the labels.
      likelihood: what the loss was; other than `squared`, it is in nats.
      ax: axes to draw on; by default those of a new figure.
      width: width of a new figure: a key of `WIDTHS`, or inches.

    Raises:
      ValueError: the history is empty, or the width is unknown.
    """
    if not history:
        raise ValueError("the history has no rows; expected one per epoch")
    epochs = [row.epoch for row in history]
    train, test = [row.train_loss for row in history], [row.test_loss for row in history]
    validation = np.array([row.validation_loss for row in history], float)
    term = "squared error" if likelihood == "squared" else "negative log-likelihood"
    part = np.array([_part(row, kl_weight, likelihood) for row in history], float)
    in_parts = bool(np.isfinite(part[-1]))
    beta = "β" if kl_weight is None else f"{kl_weight:g}"
    kl = "KL" if beta == "1" else f"{beta} × KL"
    noise = f", noise {input_noise:g}" if input_noise else ""
    own, other = cycle_colour(0), cycle_colour(1)
    with axes_for(ax, width, 0.74 if in_parts else 0.66) as axes:
        _line(axes, epochs, train, f"training loss, running mean{noise}", color=other, ls="--")
        if np.isfinite(validation).any():
            _line(axes, epochs, validation, "validation loss", color=cycle_colour(2), ls=":")
        _line(axes, epochs, test, "test loss", color=own)
        if in_parts:
            thin = mpl.rcParams["lines.linewidth"] / 2
            _band(axes, epochs, part, test, label=f"test {kl} divergence", color=own)
            _line(axes, epochs, part, f"test {term}", color=own, lw=thin)
            _write_last(axes, epochs, part, color=own, va="top")
        _write_last(axes, epochs, test, color=own, va="bottom" if in_parts else "center")
        plus_kl = f" + {kl}" if in_parts or kl_weight is not None else ""
        unit = f" {_PER_IMAGE}" if likelihood == "squared" else "\nin nats per image"
        _finish(axes, f"{term}{plus_kl}{unit}")
    return root_of(axes)


def _part(row: EpochMetrics, kl_weight: float | None, likelihood: Likelihood) -> float | None:
    """Return the test loss without β · divergence; None in rows that do not tell it."""
    if likelihood == "squared":
        return row.test_squared_error
    if kl_weight is None or row.test_divergence is None:
        return None
    return row.test_loss - kl_weight * row.test_divergence


def seed_curves(
    histories: Mapping[str, Sequence[Sequence[EpochMetrics]]],
    *,
    ax: Axes | None = None,
    width: Width | None = None,
) -> Figure:
    """Plot the test squared error against the epoch: mean over seeds, and a band for their range.

    It is the loss of a plain model and a part of a variational model's loss, so models of both
    kinds can be compared.

    Args:
      histories: for each name, the histories of its seeds; the shortest determines the epochs.
      ax: axes to draw on; by default those of a new figure.
      width: width of a new figure: a key of `WIDTHS`, or inches.

    Raises:
      ValueError: there is no history, one is empty, or the width is unknown.
    """
    # For each name, the rows of all seeds at each epoch.
    found = {name: list(zip(*seeds, strict=False)) for name, seeds in histories.items()}
    if not found or not all(found.values()):
        raise ValueError("a history has no rows; expected one or more histories for each name")
    several = any(len(seeds) > 1 for seeds in histories.values())
    with axes_for(ax, width, 0.62 + 0.04 * len(histories)) as axes:
        for index, (name, rows) in enumerate(found.items()):
            epochs = [first.epoch for first, *_ in rows]
            errors = np.array([[_squared_error(row) for row in at_epoch] for at_epoch in rows])
            seeds, colour = errors.shape[1], cycle_colour(index)
            if seeds > 1:
                _band(axes, epochs, errors.min(axis=1), errors.max(axis=1), color=colour)
            label = f"{name}, {seeds} seeds" if seeds > 1 else f"{name}, 1 seed"
            _line(axes, epochs, errors.mean(axis=1), label, color=colour)
        title = "line: mean over seeds, band: their range" if several else None
        _finish(axes, f"test squared error {_PER_IMAGE}", title)
    return root_of(axes)


def _squared_error(row: EpochMetrics) -> float:
    return row.test_loss if row.test_squared_error is None else row.test_squared_error


def _line(axes: Axes, epochs: Any, values: Any, label: str, **style: Any) -> None:
    # A dot at the last epoch, which may be the only one.
    axes.plot(epochs, values, marker="o", markevery=[-1], label=label, **style)


def _band(axes: Axes, epochs: Any, low: Any, high: Any, **style: Any) -> None:
    # At a single epoch, the band is as narrow as its edge.
    edge = mpl.rcParams["lines.linewidth"] if len(epochs) == 1 else 0
    axes.fill_between(epochs, low, high, alpha=0.2, lw=edge, **style)


def _write_last(axes: Axes, epochs: Sequence[int], values: Any, **style: Any) -> None:
    # To the right of the axes, so that it lies on no line, or of the only dot.
    if len(epochs) > 1:
        place, coordinates = (1, values[-1]), axes.get_yaxis_transform()
    else:
        place, coordinates = (epochs[-1], values[-1]), axes.transData
    style |= {"xytext": (0.5, 0), "textcoords": "offset fontsize"}
    number = f"{values[-1]:#.3g}".removesuffix(".").replace("-", "−")
    axes.annotate(number, place, xycoords=coordinates, **style)


def _finish(axes: Axes, quantity: str, title: str | None = None) -> None:
    axes.set(xlabel="epoch", ylabel=quantity)
    axes.margins(x=0.02, y=0.1)
    axes.xaxis.set_major_locator(
        MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    )
    axes.grid(axis="y")
    # Above the axes, where it covers no line.
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, title=title, alignment="left"
    )
