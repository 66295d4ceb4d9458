"""The latent plane: embeddings and the sampling box."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from jaxae._utils.text import printable
from jaxae.config import Width
from jaxae.latent import LECTURE_BOX, Box, Plane, grid_points, pca_plane
from jaxae.plots.colours import ClassNames, Palette, class_colours, names_by_label
from jaxae.plots.names import NamesInCloud
from jaxae.plots.sizes import axes_for, root_of

Array = npt.NDArray[Any]

# Width of the sampling box's frame and size of its grid's dots, in line widths.
_FRAME, _GRID_DOT = 0.7, 1.8


def latent_scatter(
    z: Array,
    labels: Array,
    class_names: ClassNames,
    *,
    plane: Plane | None = None,
    box: Box | None = LECTURE_BOX,
    n: int = 12,
    box_name: str = "sampling box",
    palette: Palette | None = None,
    ax: Axes | None = None,
    width: Width | None = None,
) -> Figure:
    """Scatter embeddings, coloured and named by class, with the sampling box and its grid.

    Args:
      z: embeddings of shape (n, latent_dim); all are drawn.
      labels: integers of shape (n,), 0 or more.
      class_names: names of the labels: a sequence for 0, 1, 2 and so on, or a mapping.
      plane: the plane to show; by default `pca_plane(z)`, the first two principal components for
        more than two dimensions.
      box: the box to draw, in the plane's coordinates; None for none.
      n: number of grid points along each side of the box.
      box_name: what the key calls the box.
      palette: colours of the labels 0, 1, 2 and so on: "jaxae" (the default, ten colours that
        colour-blind readers can distinguish, continued with colours of "turbo"), the name of a
        Matplotlib colour map, such as "tab10", or a sequence of colours.
      ax: axes to draw on; by default those of a new figure.
      width: width of a new figure: "column", "page", "slide" or inches.

    Returns:
      The figure. A single latent dimension is shown along x, with one row per class.

    Raises:
      ValueError: z and labels differ in length, a label has no name, or the palette is unknown or
        has too few colours.
    """
    plane = plane or pca_plane(z)
    is_line = len(plane.axes) == 1
    # Of one latent dimension: high enough for the names of the rows in a column's width.
    rows = 0.7 + 0.03 * max(0, len(np.unique(labels)) - 15)
    with axes_for(ax, width, rows if is_line else None) as axes:
        scatter_on(axes, z, labels, class_names, plane=plane, box=box, n=n, palette=palette)
        if not is_line:
            _add_colour_bar(axes, labels, class_names, palette)
        if box is not None and not is_line:
            explain(axes, *box_key(box_name, f"{n} × {n} points decoded in the grid"))
    return root_of(axes)


def scatter_on(
    axes: Axes,
    z: Array,
    labels: Array,
    class_names: ClassNames,
    *,
    plane: Plane,
    box: Box | None,
    n: int = 12,
    palette: Palette | None = None,
) -> None:
    """Draw `latent_scatter` on existing axes, without its key."""
    labels = np.asarray(labels)
    if labels.shape != (len(z),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}; expected {len(z)} integers, one "
            "for each embedding"
        )
    names = names_by_label(labels, class_names)
    colours = class_colours(max(names, default=-1) + 1, palette)
    points, shown = plane.project(z), np.unique(labels)
    name_axes(axes, plane)
    if points.shape[1] == 1:
        # Random offsets, so that density is visible.
        offsets = np.random.default_rng(0).uniform(-0.35, 0.35, len(points))
        rows = np.searchsorted(shown, labels) + offsets
        _name_rows(axes, [names[label] for label in shown])
        _dots(axes, np.stack([points[:, 0], rows], axis=1), colours[labels])
        return
    axes.set_aspect("equal")
    if box is not None:
        _draw_box(axes, box, n)
    _dots(axes, points, colours[labels])
    medians = np.reshape([np.median(points[labels == label], axis=0) for label in shown], (-1, 2))
    NamesInCloud(axes, medians, [names[label] for label in shown], colours[shown])


def name_axes(axes: Axes, plane: Plane | None) -> None:
    """Name the axes after latent dimensions, or after principal components.

    A single latent dimension lies along x, and y has no name.
    """
    if plane is not None and plane.is_pca:
        latent_dim = plane.axes.shape[1]
        axes.set_xlabel(f"principal component 1 of {latent_dim} latent dimensions")
        axes.set_ylabel("principal component 2")
    else:
        axes.set_xlabel("$z_1$")
        axes.set_ylabel("" if plane is not None and len(plane.axes) == 1 else "$z_2$")


def box_key(box: str, points: str) -> tuple[list[Artist], list[str]]:
    """Return the symbols and texts of a key that explains a box and the points of its grid."""
    colour, line_width = mpl.rcParams["text.color"], mpl.rcParams["lines.linewidth"]
    frame = Patch(facecolor="none", edgecolor=colour, linewidth=_FRAME * line_width)
    dot = Line2D([], [], linestyle="none", marker=".", color=colour, markeredgewidth=0)
    dot.set_markersize(2 * _GRID_DOT * line_width)
    return [frame, dot], [box, points]


def explain(where: Axes | FigureBase, symbols: list[Artist], texts: list[str]) -> None:
    """Add a key above axes or a figure."""
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
    where.legend(
        symbols,
        texts,
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


def _add_colour_bar(
    axes: Axes, labels: Array, class_names: ClassNames, palette: Palette | None
) -> None:
    """Add a bar beside the axes with the colour and the name of each class in the cloud."""
    shown = np.unique(labels)
    if len(shown) == 0:
        return
    colours = class_colours(int(shown.max()) + 1, palette)[shown]
    norm = BoundaryNorm(np.arange(len(shown) + 1) - 0.5, len(shown))
    # An inset is as high as the axes, whose height follows from the scale of the plane.
    bar = axes.inset_axes((1.03, 0, 0.05, 1))
    key = root_of(axes).colorbar(ScalarMappable(norm, ListedColormap(colours)), cax=bar)
    names = names_by_label(labels, class_names)
    key.outline.set_visible(False)
    bar.set_title("class", fontsize="small", loc="left")
    bar.minorticks_off()
    bar.tick_params(length=0)
    _name_ticks(bar, [names[label] for label in shown], _size_in_points(axes)[1])


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Give each class a row, at y = 0, 1, 2 and so on."""
    axes.set_ylabel("class")
    axes.set_ylim(-0.7, len(names) - 0.3)
    _name_ticks(axes, names, _size_in_points(axes)[1])


def _name_ticks(axes: Axes, names: Sequence[str], height: float) -> None:
    """Name y = 0, 1, 2 and so on, in letters that are small enough for a height in points."""
    # A "$" in a class name does not start a formula; SVG forbids control characters.
    ticks = axes.set_yticks(range(len(names)), list(map(printable, names)), parse_math=False)
    for tick in ticks:
        for label in (tick.label1, tick.label2):
            label.set_fontsize(min(label.get_fontsize(), 0.8 * height / max(len(names), 1)))


def _dots(axes: Axes, points: Array, colours: Array) -> None:
    # In a random order, so that in a sorted data set the last class does not cover the others.
    order = np.random.default_rng(0).permutation(len(points))
    axes.update_datalim(points)
    axes.autoscale_view()
    size, opacity = _dot_style(axes, len(points))
    axes.scatter(
        points[order, 0],
        points[order, 1],
        c=colours[order],
        s=size,
        alpha=opacity,
        linewidths=0,
        rasterized=True,  # PDF viewers are slow with tens of thousands of vector dots.
    )


def _dot_style(axes: Axes, dots: int) -> tuple[float, float]:
    """Return the area in square points and the opacity of dots that cover a part of the axes."""
    width, height = _size_in_points(axes)
    if axes.get_aspect() != "auto":
        (x_min, x_max), (y_min, y_max) = axes.get_xlim(), axes.get_ylim()
        scale = min(width / (x_max - x_min), height / (y_max - y_min))
        width, height = scale * (x_max - x_min), scale * (y_max - y_min)
    room = width * height / max(dots, 1)
    return float(np.clip(room, 0.6, 9)), float(np.clip(0.7 * room, 0.15, 0.8))


def _size_in_points(axes: Axes) -> tuple[float, float]:
    point = root_of(axes).dpi / 72
    return axes.bbox.width / point, axes.bbox.height / point


def _draw_box(axes: Axes, box: Box, n: int) -> None:
    size = (box.x_max - box.x_min, box.y_max - box.y_min)
    colour, line_width = mpl.rcParams["text.color"], mpl.rcParams["lines.linewidth"]
    axes.add_patch(
        Rectangle(
            (box.x_min, box.y_min),
            *size,
            fill=False,
            edgecolor=colour,
            lw=_FRAME * line_width,
            zorder=3,
        )
    )
    x, y = grid_points(box, n).reshape(-1, 2).T
    axes.plot(x, y, ".", color=colour, markersize=_GRID_DOT * line_width, mew=0, zorder=3)
