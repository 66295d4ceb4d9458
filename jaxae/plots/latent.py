"""The latent plane: embeddings and the sampling box."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jaxae.config import Width
from jaxae.latent import LECTURE_BOX, Box, Plane, grid_points, pca_plane
from jaxae.plots.colours import ClassNames, Palette, class_colours, names_by_label
from jaxae.plots.keys import FRAME, GRID_DOT, add_colour_bar, box_key, explain, name_ticks
from jaxae.plots.names import NamesInCloud
from jaxae.plots.sizes import axes_for, root_of, size_in_points

Array = npt.NDArray[Any]

# A plane that is longer than this multiple of its width has axes of different scales.
_LONGEST = 10


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
      The figure. A single latent dimension is shown along x, with one row per class. Both axes of
      a plane have the same scale, unless one side is more than ten times as long as the other.

    Raises:
      ValueError: z is not an array of finite embeddings, z and labels differ in length, a label has
        no name, or the palette is unknown or has too few colours.

    Example:
      >>> z, labels = np.array([[0.0, 0.0], [5.0, 5.0]]), np.array([0, 1])
      >>> figure = jaxae.plots.latent_scatter(z, labels, ["zero", "one"], width="column")
      >>> float(figure.get_figwidth())  # inches
      3.5
    """
    z = _checked(z)
    plane = plane or pca_plane(z)
    is_line = len(plane.axes) == 1
    # Of one latent dimension: high enough for the names of the rows in a column's width.
    rows = 0.7 + 0.03 * max(0, len(np.unique(labels)) - 15)
    with axes_for(ax, width, rows if is_line else None) as axes:
        names, colours = scatter_on(
            axes, z, labels, class_names, plane=plane, box=box, n=n, palette=palette
        )
        if not is_line:
            add_colour_bar(axes, names, colours)
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
    named: bool = True,
) -> tuple[list[str], Array]:
    """Draw `latent_scatter` on existing axes, without its key; without names unless `named`.

    Returns:
      The names and the colours of the classes that occur, in order of their labels.
    """
    z, labels = _checked(z), np.asarray(labels)
    if labels.shape != (len(z),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}; expected {len(z)} integers, one "
            "for each embedding"
        )
    names, colours = _shown(labels, class_names, palette)
    shown, index = np.unique(labels, return_inverse=True)
    points = plane.project(z)
    name_axes(axes, plane)
    if points.shape[1] == 1:
        # Random offsets, so that density is visible.
        offsets = np.random.default_rng(0).uniform(-0.35, 0.35, len(points))
        _name_rows(axes, names)
        points = np.stack([points[:, 0], index + offsets], axis=1)
        _fit_view(axes, points)
        _dots(axes, points, colours[index])
        return names, colours
    if box is not None:
        _draw_box(axes, box, n)
    _fit_view(axes, points)
    _set_scales(axes)
    _dots(axes, points, colours[index])
    if named:
        medians = [np.median(points[labels == label], axis=0) for label in shown]
        NamesInCloud(axes, np.reshape(medians, (-1, 2)), names, colours)
    return names, colours


def _shown(
    labels: Array, class_names: ClassNames, palette: Palette | None
) -> tuple[list[str], Array]:
    """Return the names and the colours of the classes that occur, in order of their labels."""
    shown, names = np.unique(labels), names_by_label(labels, class_names)
    colours = class_colours(max(names, default=-1) + 1, palette)
    return [names[label] for label in shown], colours[shown]


def _set_scales(axes: Axes) -> None:
    """Give both axes the same scale, unless the view would be a mere line."""
    width, height = np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())
    if max(width, height) <= _LONGEST * min(width, height):
        axes.set_aspect("equal")
    else:
        axes.set_box_aspect(1)


def _checked(z: Array) -> Array:
    z = np.asarray(z)
    if z.ndim != 2 or z.shape[1] == 0:
        raise ValueError(f"z has shape {z.shape}; expected (n, latent_dim)")
    if bad := len(z) - int(np.isfinite(z).all(axis=1).sum()):
        raise ValueError(f"{bad} of {len(z)} embeddings are not finite; expected finite values")
    return z


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


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Give each class a row, at y = 0, 1, 2 and so on."""
    axes.set_ylabel("class")
    axes.set_ylim(-0.7, len(names) - 0.3)
    name_ticks(axes, names, size_in_points(axes)[1])


def _fit_view(axes: Axes, points: Array) -> None:
    """Fit the view to points, whose size depends on it."""
    axes.update_datalim(points)
    axes.autoscale_view()


def _dots(axes: Axes, points: Array, colours: Array) -> None:
    # In a random order, so that in a sorted data set the last class does not cover the others.
    order = np.random.default_rng(0).permutation(len(points))
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
    width, height = size_in_points(axes)
    room = width * height / max(dots, 1)
    return float(np.clip(room, 0.6, 9)), float(np.clip(0.7 * room, 0.15, 0.8))


def _draw_box(axes: Axes, box: Box, n: int) -> None:
    size = (box.x_max - box.x_min, box.y_max - box.y_min)
    colour, line_width = mpl.rcParams["text.color"], mpl.rcParams["lines.linewidth"]
    axes.add_patch(
        Rectangle(
            (box.x_min, box.y_min),
            *size,
            fill=False,
            edgecolor=colour,
            lw=FRAME * line_width,
            zorder=3,
        )
    )
    x, y = grid_points(box, n).reshape(-1, 2).T
    axes.plot(x, y, ".", color=colour, markersize=GRID_DOT * line_width, mew=0, zorder=3)
