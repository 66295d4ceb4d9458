"""Grids of decoded images, each at its place in the latent plane."""

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jaxae.config import Width
from jaxae.latent import LECTURE_BOX, Box, Plane, grid_points
from jaxae.plots.keys import colour_bar
from jaxae.plots.latent import name_axes
from jaxae.plots.sizes import axes_for, root_of, size_in_points
from jaxae.plots.tiles import mosaic_of, show, show_rows, wrapped

Array = npt.NDArray[Any]

# Without the darkest colours, which would not be visible on black tiles.
_FRAMES = ListedColormap(mpl.colormaps["plasma"](np.linspace(0.4, 1, 256)))


def reconstruction_grid(
    images: Array,
    box: Box = LECTURE_BOX,
    *,
    plane: Plane | None = None,
    ax: Axes | None = None,
    width: Width | None = None,
) -> Figure:
    """Show the decoded grid of a box, with each tile centred on its point.

    Args:
      images: from `latent_grid`, shape (rows, columns, height, width), values 0 to 1; y grows with
        the row, and upward in the figure.
      box: the box of the grid.
      plane: the plane of the box, for the names of the axes; by default z₁ and z₂.
      ax: axes to draw on; by default those of a new figure.
      width: largest width of a new figure; by default that of rcParams["figure.figsize"].

    Returns:
      The figure; its axes are in latent units and extend half a tile beyond the box.

    Raises:
      ValueError: the images are not a grid of two or more columns.
    """
    with axes_for(ax, width) as axes:
        grid_on(axes, images, box, plane=plane)
    return root_of(axes)


def coverage_grid(
    images: Array,
    distance: Array,
    radius: float,
    coverage: float,
    box: Box = LECTURE_BOX,
    *,
    plane: Plane | None = None,
    ax: Axes | None = None,
    width: Width | None = None,
) -> Figure:
    """Show the decoded grid, each tile framed in the colour of its distance to any embedding.

    Args:
      images: from `latent_grid`, shape (rows, columns, height, width), values 0 to 1.
      distance: distance of each tile's point to the nearest embedding, in latent units, shape
        (rows, columns).
      radius: distance beyond which a tile is in a gap; colours show multiples of it, 0 to 4. Frames
        of tiles in gaps are thicker.
      coverage: fraction of the box within this radius of an embedding, 0 to 1, for the title.
      box: the box of the grid.
      plane: the plane of the box, for the names of the axes; by default z₁ and z₂.
      ax: axes to draw on; by default those of a new figure.
      width: largest width of a new figure; by default that of rcParams["figure.figsize"].
    """
    with axes_for(ax, width) as axes:
        grid_on(axes, images, box, plane=plane)
        frames = _frames(distance / radius, box)
        axes.add_collection(frames)
        # A title, unlike a label of the scale, does not shrink the axes where it is wider.
        room = size_in_points(axes)[0] / 72
        space = ""
        if plane is not None and plane.is_pca:
            # In the plane, an embedding may look nearer than it is.
            space = f" in {plane.axes.shape[1]} dimensions"
        lines = (
            f"{coverage:.0%} of the box is occupied, {1 - coverage:.0%} lies in gaps",
            f"distance to the nearest embedding{space} (half tiles)",
        )
        title = "\n".join(wrapped(line, room, "axes.titlesize") for line in lines)
        axes.set_title(title, loc="left")
        _add_scale(axes, frames)
    return root_of(axes)


def image_grid(
    images: Array,
    columns: int = 12,
    *,
    title: str | None = None,
    ax: Axes | None = None,
    width: Width | None = None,
) -> Figure:
    """Show images row by row, such as samples from a prior.

    Args:
      images: shape (n, height, width), values 0 to 1; n is a multiple of columns.
      columns: number of images per row.
      title: text above the images; by default none.
      ax: axes to draw on; by default those of a new figure.
      width: largest width of a new figure; by default that of rcParams["figure.figsize"].

    Raises:
      ValueError: the images do not fill their rows.
    """
    if len(images) == 0 or len(images) % columns:
        raise ValueError(f"{len(images)} images were given; expected a multiple of {columns}")
    with axes_for(ax, width) as axes:
        show_rows(axes, images.reshape(-1, columns, *images.shape[1:]))
        if title is not None:
            axes.set_title(title, loc="left")
    return root_of(axes)


def grid_on(axes: Axes, images: Array, box: Box, *, plane: Plane | None = None) -> None:
    """Draw `reconstruction_grid` on existing axes."""
    if np.ndim(images) < 4 or images.shape[1] < 2:
        raise ValueError(
            f"images have shape {np.shape(images)}; expected (rows, columns, height, width) with "
            "two or more columns, as from latent_grid"
        )
    rows, columns, height, width = images.shape[:4]
    dx = (box.x_max - box.x_min) / (columns - 1)
    dy = (box.y_max - box.y_min) / (rows - 1) if rows > 1 else dx
    y_min, y_max = (box.y_min, box.y_max) if rows > 1 else (0.0, 0.0)
    show(
        axes,
        mosaic_of(images[::-1]),  # The top row of the mosaic is the last row of the grid.
        (box.x_min - dx / 2, box.x_max + dx / 2, y_min - dy / 2, y_max + dy / 2),
    )
    axes.set_aspect("auto")
    axes.set_box_aspect(rows * height / (columns * width))  # Square pixels for any box.
    axes.spines[:].set_visible(False)
    name_axes(axes, plane)
    if rows == 1:
        axes.set(yticks=[], ylabel="")


def _frames(multiples: Array, box: Box) -> PatchCollection:
    """Frame each tile of a grid in the colour of a number, 0 to 4; above 1, frames are thicker."""
    rows, columns = multiples.shape
    dx, dy = (box.x_max - box.x_min) / (columns - 1), (box.y_max - box.y_min) / (rows - 1)
    inset = 0.06
    places = [
        Rectangle(
            (x - dx * (0.5 - inset), y - dy * (0.5 - inset)),
            dx * (1 - 2 * inset),
            dy * (1 - 2 * inset),
        )
        for x, y in grid_points(box, columns).reshape(-1, 2)
    ]
    widths = np.where(multiples.ravel() > 1, 1.0, 0.5) * mpl.rcParams["lines.linewidth"]
    frames = PatchCollection(places, facecolor="none", linewidths=widths, cmap=_FRAMES)
    frames.set_array(np.clip(multiples.ravel(), 0, 4))
    frames.set_clim(0, 4)
    # Otherwise set_array would colour the faces, too.
    frames.set_facecolor("none")
    return frames


def _add_scale(axes: Axes, frames: PatchCollection) -> None:
    """Add a colour bar above the axes, which says on which side of 1 the gaps are."""
    bar = colour_bar(
        axes,
        frames,
        (0, 1.04, 1, 0.04),
        orientation="horizontal",
        ticklocation="top",
        extend="max",
        ticks=[1, 4],
    )
    bar.ax.axvline(1, color="black", lw=mpl.rcParams["lines.linewidth"])
    bar.ax.set_xticks([0.85, 1.15], ["occupied", "in gaps"], minor=True)
    bar.ax.tick_params(which="minor", length=mpl.rcParams["xtick.major.size"], width=0)
    left, right = bar.ax.get_xticklabels(minor=True)
    left.set_horizontalalignment("right")
    right.set_horizontalalignment("left")
