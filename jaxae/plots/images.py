"""Rows of images: reconstructions, interpolations, tiles in gaps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxae.analysis import mean
from jaxae.plots.style import BLUE, COLUMN_WIDTH, ORANGE, styled

Array = npt.NDArray[Any]


@styled
def reconstructions(originals: Array, reconstructed: Array) -> Figure:
    """Show originals above their reconstructions.

    Args:
      originals: shape (n, height, width), uint8 or floats 0 to 1.
      reconstructed: the same shape, floats 0 to 1.

    Returns:
      The figure, with one column per image.
    """
    figure = Figure(figsize=(2 * COLUMN_WIDTH, 2.25 * 2 * COLUMN_WIDTH / max(1, len(originals))))
    above, below = figure.subplots(2, 1)
    _strip(above, originals / 255 if originals.dtype == np.uint8 else originals, "original")
    _strip(below, reconstructed, "decoded")
    return figure


@styled
def interpolations(strips: Mapping[str, Array]) -> Figure:
    """Show images decoded along a straight line in latent space, one row per model.

    Args:
      strips: for each name, images of shape (steps, height, width), values 0 to 1.
    """
    steps = len(next(iter(strips.values())))
    width = 2 * COLUMN_WIDTH
    figure = Figure(figsize=(width, len(strips) * (width / steps + 0.2)))
    for axes, (name, images) in zip(
        figure.subplots(len(strips), 1, squeeze=False)[:, 0], strips.items(), strict=True
    ):
        _strip(axes, images, "")
        axes.set_title(name, loc="left", pad=2)
    return figure


@styled
def gap_tiles(
    images: Array, in_gap: Array, confidence: Array, distance: Array, shown: int = 10
) -> Figure:
    """Compare tiles in gaps with occupied tiles: images, confidence of a classifier, distance.

    Args:
      images: decoded tiles of shape (n, height, width), values 0 to 1.
      in_gap: whether each tile is in a gap, shape (n,).
      confidence: confidence of the classifier, 0 to 1, shape (n,).
      distance: distance to the nearest training image, in pixels, shape (n,).
      shown: number of tiles of each kind to show, evenly spaced in order of distance.

    Returns:
      The figure: some tiles with their confidence on top; below, the values of all tiles and their
      means with 95 % intervals.
    """
    width = 2 * COLUMN_WIDTH
    figure = Figure(figsize=(width, 0.62 * width))
    layout = figure.add_gridspec(3, 2, height_ratios=[1, 1, 2.6])
    groups = {"in gaps": in_gap, "occupied": ~in_gap}
    for row, (name, own) in enumerate(groups.items()):
        order = np.flatnonzero(own)[np.argsort(distance[own])]
        picked = order[np.linspace(0, len(order) - 1, min(shown, len(order))).round().astype(int)]
        axes = figure.add_subplot(layout[row, :])
        if len(picked) == 0:
            axes.set_axis_off()
            continue
        _strip(axes, images[picked], name)
        middles = (np.arange(len(picked)) + 0.5) * images.shape[2]
        axes.set_xticks(middles, [f"{confidence[i]:.2f}" for i in picked])
        axes.tick_params(length=0)
    for column, (values, title) in enumerate(
        ((confidence, "classifier's confidence"), (distance, "distance to nearest training image"))
    ):
        axes = figure.add_subplot(layout[2, column])
        for y, own in enumerate(groups.values()):
            _dots(axes, y, values[own], (ORANGE, BLUE)[y])
        axes.set_yticks(range(2), list(groups) if column == 0 else ["", ""])
        axes.set(xlabel=title, ylim=(1.5, -0.5))
    return figure


def _strip(axes: Axes, images: Array, name: str) -> None:
    strip = np.concatenate(list(images), axis=1)
    axes.imshow(strip, cmap="gray", vmin=0, vmax=1, extent=(0, strip.shape[1], len(strip), 0))
    axes.set(xticks=[], yticks=[], ylabel=name)
    axes.spines[:].set_visible(False)


def _dots(axes: Axes, y: int, values: Array, colour: str) -> None:
    spread = np.random.default_rng(0).uniform(-0.25, 0.25, len(values))
    axes.plot(values, y + spread, ".", color=colour, ms=3, mew=0, alpha=0.6)
    if len(values) > 0:
        middle = mean(values)
        reach = 0.0 if middle.high is None else middle.high - middle.value
        axes.errorbar(middle.value, y, xerr=reach, fmt="D", color="black", ms=3, capsize=2, lw=1)
