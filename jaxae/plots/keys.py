"""Keys: what the box, its points and the colours of a figure mean."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import FigureBase
from matplotlib.legend_handler import HandlerPatch
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Patch

from jaxae._utils.text import printable
from jaxae.plots.sizes import font_size, root_of, size_in_points

Array = npt.NDArray[Any]

# Width of a box's frame and size of its grid's dots, in line widths.
FRAME, GRID_DOT = 0.7, 1.8
_LETTER = 0.8  # Size of letters, in multiples of the room for a line.


def box_key(box: str, points: str) -> tuple[list[Artist], list[str]]:
    """Return the symbols and texts of a key that explains a box and the points of its grid."""
    colour, line_width = mpl.rcParams["text.color"], mpl.rcParams["lines.linewidth"]
    frame = Patch(facecolor="none", edgecolor=colour, linewidth=FRAME * line_width)
    dot = Line2D([], [], linestyle="none", marker=".", color=colour, markeredgewidth=0)
    dot.set_markersize(2 * GRID_DOT * line_width)
    return [frame, dot], [box, points]


def explain(where: Axes | FigureBase, symbols: list[Artist], texts: list[str]) -> None:
    """Add a key above axes or a figure."""
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
    where.legend(
        symbols,
        texts,
        handler_map={Ellipse: HandlerPatch(_ellipse)},
        **(place if isinstance(where, Axes) else {"loc": "outside upper center"}),
        fontsize="small",
        frameon=False,
        borderpad=0,
        borderaxespad=0.3,
        handlelength=1,
        handleheight=1,
        handletextpad=0.5,
        labelspacing=0.2,
    )


def _ellipse(width: float, height: float, **_: Any) -> Ellipse:
    return Ellipse((width / 2, height / 2), width, 0.7 * height)


def add_colour_bar(axes: Axes, names: Sequence[str], colours: Array) -> None:
    """Add a bar beside the axes with the colour and the name of each class.

    There is none for so many classes that their names would not be legible.
    """
    height, normal = size_in_points(axes)[1], font_size(mpl.rcParams["ytick.labelsize"])
    if not names or _LETTER * height / len(names) < normal / 2:
        return
    norm = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
    bar = colour_bar(axes, ScalarMappable(norm, ListedColormap(colours))).ax
    bar.set_title("class", fontsize="small", loc="left")
    bar.minorticks_off()
    bar.tick_params(length=0)
    name_ticks(bar, names, height)


def colour_bar(
    axes: Axes,
    colours: ScalarMappable,
    place: tuple[float, float, float, float] = (1.03, 0, 0.05, 1),
    **options: Any,
) -> Colorbar:
    """Add a scale of colours at a place in coordinates of the axes, by default beside them.

    An inset is as high as the axes, whose height may follow from what they show.
    """
    bar = root_of(axes).colorbar(colours, cax=axes.inset_axes(place), **options)
    bar.outline.set_visible(False)
    bar.ax.grid(visible=False)
    return bar


def name_ticks(axes: Axes, names: Sequence[str], height: float) -> None:
    """Name y = 0, 1, 2 and so on, in letters that are small enough for a height in points."""
    size = min(font_size(mpl.rcParams["ytick.labelsize"]), _LETTER * height / max(len(names), 1))
    # A "$" in a class name does not start a formula; SVG forbids control characters.
    axes.set_yticks(range(len(names)), list(map(printable, names)), parse_math=False)
    axes.tick_params(axis="y", labelsize=size)
