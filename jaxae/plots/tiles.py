"""Images side by side in one picture, and the names above or below them."""

from collections.abc import Sequence
from textwrap import fill, wrap
from typing import Any, Literal

import matplotlib as mpl
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from jaxae._utils.text import printable
from jaxae.config import Width
from jaxae.plots.sizes import WIDTHS, root_of

Array = npt.NDArray[Any]
FontSize = Literal["axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize"]

# The narrowest tile that is legible, in multiples of the font size.
_NARROWEST = 2.7


def mosaic_of(images: Array) -> Array:
    """Join images of shape (rows, columns, height, width, ...) into one, the first row on top."""
    rows, columns, height, width, *channels = images.shape
    return images.swapaxes(1, 2).reshape(rows * height, columns * width, *channels)


def show(axes: Axes, mosaic: Array, extent: tuple[float, float, float, float]) -> None:
    """Show values from 0 to 1, in grey or with a last axis of RGB, their pixels as they are."""
    axes.imshow(
        mosaic,
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="none",
        extent=extent,
        # As some styles change these.
        origin="upper",
        aspect="equal",
    )
    axes.grid(visible=False)


def show_rows(axes: Axes, images: Array, start: float = 0) -> None:
    """Show rows of images from x = start, in units of a tile's width; y grows downward from 0."""
    rows, columns, height, width = images.shape[:4]
    show(axes, mosaic_of(images), (start, start + columns, rows * height / width, 0))
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)


def tiles_across(width: Width | None) -> int:
    """Return how many tiles of a legible size fit side by side into a figure."""
    inches = WIDTHS[width][0] if isinstance(width, str) else width
    points = 72 * (inches or mpl.rcParams["figure.figsize"][0])
    return max(1, int(points / (_NARROWEST * mpl.rcParams["font.size"])))


def inches_of(figure: Figure | SubFigure) -> float:
    """Return the width of a figure in inches."""
    return float(figure.bbox.width / root_of(figure).dpi)


def name_columns(
    axes: Axes, middles: Sequence[float], names: Sequence[str], room: float, side: Literal[1, -1]
) -> None:
    """Name columns above or below the axes, at an angle where a name is wider than its room.

    Args:
      axes: the axes.
      middles: the middle of each column.
      names: a name for each column; a line break starts a new line.
      room: smallest width of a column, in inches.
      side: 1 for names above, −1 for names below.
    """
    lines = [[printable(line) for line in name.split("\n")] for name in names]
    slanted = any(text_inches(line, "xtick.labelsize") > room for name in lines for line in name)
    said = [(" " if slanted else "\n").join(name) for name in lines]
    # A "$" in a name does not start a formula.
    axes.set_xticks(middles, said, parse_math=False)
    axes.tick_params(top=side > 0, labeltop=side > 0, bottom=side < 0, labelbottom=side < 0)
    if slanted:
        for text in axes.get_xticklabels():
            text.set(rotation=45, rotation_mode="anchor", ha="left" if side > 0 else "right")


def wrapped(text: str, inches: float, size: FontSize) -> str:
    """Break text into lines of similar length that fit into a width."""
    lines = text_inches(text, size) / inches
    most = max(1, int(len(text) / lines))  # characters in a line
    count = len(wrap(text, most))
    even = range(-(-len(text) // count), most)
    return fill(text, next((n for n in even if len(wrap(text, n)) == count), most))


def text_inches(text: str, size: FontSize) -> float:
    """Return the width of a line of text, in the font size of an rcParam."""
    font = FontProperties(size=mpl.rcParams[size])
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width / 72)
