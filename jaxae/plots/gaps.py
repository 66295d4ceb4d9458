"""Tiles in gaps against occupied tiles: images, and the values of a classifier and a distance."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from jaxae.config import Width
from jaxae.plots.sizes import figure_for, root_of
from jaxae.plots.style import cycle_colour
from jaxae.plots.tiles import inches_of, name_columns, show_rows, text_inches, wrapped

Array = npt.NDArray[Any]

_COLOURS = {"in gaps": 1, "occupied": 0}  # Places in the colour cycle.
_WHERE_ALL_ARE = {"in gaps": "all tiles lie in gaps", "occupied": "no tile lies in a gap"}
# Fewer tiles than this are not enlarged to fill the width.
_FULL_ROW = 6


def gap_tiles(
    images: Array,
    in_gap: Array,
    confidence: Array,
    distance: Array,
    shown: int = 10,
    predicted: Sequence[str] | None = None,
    *,
    figure: Figure | SubFigure | None = None,
    width: Width | None = None,
) -> Figure:
    """Compare tiles in gaps with occupied tiles: images, confidence of a classifier, distance.

    Args:
      images: decoded tiles of shape (n, height, width), n ≥ 1, values 0 to 1.
      in_gap: whether each tile is in a gap, shape (n,).
      confidence: confidence of the classifier, 0 to 1, shape (n,).
      distance: distance to the nearest training image, in pixels, shape (n,), as from
        `analysis.nearest_image_distance`: the root of the summed squared difference.
      shown: number of tiles of each kind to show, evenly spaced in order of distance.
      predicted: name of the class that the classifier predicts for each tile, to show under it.
      figure: the figure or subfigure to draw on; by default a new one.
      width: width of a new figure; by default that of rcParams["figure.figsize"].

    Returns:
      The figure shows some tiles with their confidence below, and under them the values of all
      tiles and their means. Where all tiles are of one kind, it says so.
    """
    kinds = {"in gaps": np.flatnonzero(in_gap), "occupied": np.flatnonzero(~in_gap)}
    groups = {name: own for name, own in kinds.items() if len(own) > 0}
    columns = max(_FULL_ROW, min(shown, max(map(len, groups.values()))))
    said, what = [f"{value:.2f}" for value in confidence], "confidence"
    if predicted is not None:
        said = [f"{name}\n{text}" for name, text in zip(predicted, said, strict=True)]
        what = "predicted class and confidence"
    caption = f"grid tiles, nearest to training images first; below, {what}"
    if len(groups) == 1:
        caption += f"; {_WHERE_ALL_ARE[next(iter(groups))]}"
    with figure_for(figure, width) as made:
        inches = inches_of(made)
        # Heights as multiples of the width, which is the same for all.
        tile = images.shape[1] / images.shape[2] / columns
        # Two lines of text name each group.
        names = (*groups, f"{shown} of {len(images)}")
        across = inches - max(text_inches(name, "ytick.labelsize") for name in names)
        dots = max(0.1, 2.8 * mpl.rcParams["font.size"] / (72 * across)) * len(groups)
        *strips, below = made.subplots(
            len(groups) + 1, gridspec_kw={"height_ratios": [*[tile] * len(groups), dots]}
        )
        for axes, (name, own) in zip(strips, groups.items(), strict=True):
            picked = _evenly(own[np.argsort(distance[own])], shown)
            show_rows(axes, images[picked][None])
            axes.set_xlim(0, columns)
            axes.set_yticks([axes.get_ylim()[0] / 2], [f"{name}\n{len(picked)} of {len(own)}"])
            middles = [k + 0.5 for k in range(len(picked))]
            room = across / (columns + 0.5)
            name_columns(axes, middles, [said[i] for i in picked], room, side=-1)
        strips[0].set_title(wrapped(caption, 0.8 * inches, "axes.titlesize"), loc="left")
        below.set_axis_off()
        below.set_box_aspect(dots)
        left, right = (below.inset_axes((x, 0, 0.46, 1)) for x in (0, 0.54))
        _dots(left, groups, confidence, "classifier's confidence", inches)
        _dots(right, groups, distance, "distance to the nearest training image (pixels)", inches)
        right.set_yticklabels([])
        right.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    return root_of(made)


def _evenly(order: Array, most: int) -> Array:
    return order[np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int)]


def _dots(
    axes: Axes, groups: Mapping[str, Array], values: Array, xlabel: str, inches: float
) -> None:
    """Draw values and the means of groups, without intervals: neighbouring tiles are alike."""
    rng = np.random.default_rng(0)
    for y, (name, own) in enumerate(groups.items()):
        spread = rng.uniform(-0.25, 0.25, len(own))
        colour = cycle_colour(_COLOURS[name])
        # Larger where they are few.
        size = mpl.rcParams["lines.markersize"] * np.clip(8 / np.sqrt(len(own)), 1, 2)
        axes.plot(values[own], y + spread, ".", color=colour, mew=0, ms=size, alpha=0.6)
        label = "mean" if y == 0 else None
        axes.plot(values[own].mean(), y, "D", color=mpl.rcParams["text.color"], label=label)
    axes.set_yticks(range(len(groups)), [f"{name}\nn = {len(own)}" for name, own in groups.items()])
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel(wrapped(xlabel, 0.4 * inches, "axes.labelsize"))
