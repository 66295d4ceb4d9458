"""Rows of images: reconstructions, and interpolations."""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from jaxae._utils.text import printable
from jaxae.config import Width
from jaxae.plots.sizes import figure_for, root_of
from jaxae.plots.tiles import inches_of, name_columns, show_rows, tiles_across, wrapped

Array = npt.NDArray[Any]

# Fewer images than this are not enlarged to fill the width; the figure is narrower.
_FULL_ROW = 8


def reconstructions(
    originals: Array,
    reconstructed: Array,
    class_names: Sequence[str] | None = None,
    *,
    figure: Figure | SubFigure | None = None,
    width: Width | None = None,
) -> Figure:
    """Show originals above their reconstructions.

    Args:
      originals: shape (n, height, width), n ≥ 1, uint8 or floats 0 to 1.
      reconstructed: the same shape, uint8 or floats 0 to 1.
      class_names: the name of each image's class, shown above the images; neighbours of one class
        share their name.
      figure: the figure or subfigure to draw on; by default a new one.
      width: largest width of a new figure; by default that of rcParams["figure.figsize"].

    Returns:
      The figure, with one column per image. Images that do not fit side by side at a legible size
      continue below.

    Raises:
      ValueError: the images or the names differ in number or shape, or there are none.
    """
    if originals.shape != reconstructed.shape or len(originals) == 0:
        raise ValueError(
            f"images of shapes {originals.shape} and {reconstructed.shape} were given; expected "
            "one or more, and the same shape"
        )
    if class_names is not None and len(class_names) != len(originals):
        raise ValueError(
            f"{len(class_names)} names were given for {len(originals)} images; expected one each"
        )
    pairs = np.stack([_unit(originals), _unit(reconstructed)])
    with figure_for(figure, width) as made:
        inches = inches_of(made)
        blocks = -(-len(originals) // tiles_across(inches))
        columns = -(-len(originals) // blocks)
        if made is not figure and columns < _FULL_ROW:
            inches *= (columns + 1) / (_FULL_ROW + 1)  # The 1 is for the names of the rows.
            root_of(made).set_figwidth(inches)
        for block, axes in enumerate(made.subplots(blocks, squeeze=False)[:, 0]):
            own = slice(block * columns, (block + 1) * columns)
            show_rows(axes, pairs[:, own])
            height = axes.get_ylim()[0]
            axes.set_yticks([height / 4, 3 * height / 4], ["original", "decoded"])
            axes.set_xlim(0, columns)
            if class_names is not None:
                _name_classes(axes, class_names[own], inches / (columns + 1))
    return root_of(made)


class Ends(NamedTuple):
    """The images that a strip of `interpolations` starts and ends from.

    Attributes:
      images: both images, shape (2, height, width), uint8 or floats 0 to 1.
      class_names: the names of their classes.
    """

    images: Array
    class_names: tuple[str, str]


def interpolations(
    strips: Mapping[str, Array],
    ends: Mapping[str, Ends] | None = None,
    *,
    path: str = "a straight line in latent space",
    figure: Figure | SubFigure | None = None,
    width: Width | None = None,
) -> Figure:
    """Show images decoded along a curve in latent space, one row per model or curve.

    Args:
      strips: for each name, images of shape (steps, height, width), values 0 to 1, decoded from
        points at equal steps.
      ends: for each of these names, the images that were encoded, to show on both sides.
      path: what the points lie on, for the caption.
      figure: the figure or subfigure to draw on; by default a new one.
      width: width of a new figure; by default that of rcParams["figure.figsize"].
    """
    ratios = [images.shape[1] / images.shape[2] / len(images) for images in strips.values()]
    one_class = False
    with figure_for(figure, width) as made:
        inches = inches_of(made)
        layout = made.subplots(len(strips), squeeze=False, gridspec_kw={"height_ratios": ratios})
        panels = dict(zip(strips, layout[:, 0], strict=True))
        for name, images in strips.items():
            show_rows(panels[name], images[None])
            panels[name].set_xlim(0, len(images))
            panels[name].set_title(printable(name), loc="left", parse_math=False)
        if ends is not None:
            # Rows with the same names share them.
            last = [ends[a].class_names != ends[b].class_names for a, b in pairwise(strips)]
            for name, named in zip(strips, [*last, True], strict=True):
                _show_ends(panels[name], ends[name], named, 0.45 * inches)
            one_class = any(start == end for start, end in (e.class_names for e in ends.values()))
        said = f"decoded: equal steps along {path}"
        if one_class:
            said += ", between two images of one class"
        layout[-1, 0].set_xlabel(wrapped(said, 0.95 * inches, "axes.labelsize"))
    return root_of(made)


def _show_ends(axes: Axes, ends: Ends, named: bool, room: float) -> None:
    """Show both images beside a strip; their names take up to `room` inches each."""
    gap, steps = 0.3, axes.get_xlim()[1]  # In units of a tile's width.
    start, end = _unit(ends.images)
    show_rows(axes, start[None, None], -1 - gap)
    show_rows(axes, end[None, None], steps + gap)
    axes.set_xlim(-1 - gap, steps + 1 + gap)
    if not named:
        return
    said = [f"original: {printable(name)}" for name in ends.class_names]
    said = [wrapped(text, room, "xtick.labelsize") for text in said]
    axes.set_xticks(axes.get_xlim(), said, parse_math=False)
    left, right = axes.get_xticklabels()
    left.set_horizontalalignment("left")
    right.set_horizontalalignment("right")


def _name_classes(axes: Axes, names: Sequence[str], tile: float) -> None:
    """Name the classes of the columns, and separate them; `tile` is a column's width in inches."""
    counts = [(name, len(list(group))) for name, group in groupby(names)]
    stops = np.cumsum([count for _, count in counts])
    middles = [stop - count / 2 for stop, (_, count) in zip(stops, counts, strict=True)]
    room = tile * min(count for _, count in counts)
    name_columns(axes, middles, [name for name, _ in counts], room, side=1)
    for stop in stops[:-1]:
        axes.axvline(stop, color=mpl.rcParams["figure.facecolor"])


def _unit(images: Array) -> Array:
    return images / 255 if images.dtype == np.uint8 else images
