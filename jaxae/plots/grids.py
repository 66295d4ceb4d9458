"""Grids of decoded images, each at its place in the latent plane."""

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jaxae.latent import LECTURE_BOX, Box, Plane, grid_points
from jaxae.plots.latent import name_axes
from jaxae.plots.style import COLUMN_WIDTH, styled

Array = npt.NDArray[Any]


@styled
def reconstruction_grid(
    images: Array, box: Box = LECTURE_BOX, *, plane: Plane | None = None
) -> Figure:
    """Show the decoded grid of a box, with each tile centred on its point.

    Args:
      images: from `latent_grid`, shape (rows, columns, height, width), values 0 to 1; y grows with
        the row, and upward in the figure.
      box: the box of the grid.
      plane: the plane of the box, for the names of the axes; by default z₁ and z₂.

    Returns:
      The figure; its axes are in latent units and extend half a tile beyond the box.
    """
    rows = len(images)
    figure = Figure(figsize=(COLUMN_WIDTH, COLUMN_WIDTH if rows > 1 else 0.25 * COLUMN_WIDTH))
    grid_on(figure.add_subplot(), images, box, plane=plane)
    return figure


@styled
def coverage_grid(
    images: Array, distance: Array, radius: float, coverage: float, box: Box = LECTURE_BOX
) -> Figure:
    """Show the decoded grid, each tile framed in the colour of its distance to any embedding.

    Args:
      images: from `latent_grid`, shape (rows, columns, height, width), values 0 to 1.
      distance: distance of each tile's point to the nearest embedding, in latent units, shape
        (rows, columns).
      radius: distance beyond which a tile is in a gap; colours show multiples of it, 0 to 4.
      coverage: fraction of the box within this radius of an embedding, 0 to 1, for the title.
      box: the box of the grid.
    """
    figure = Figure(figsize=(1.15 * COLUMN_WIDTH, COLUMN_WIDTH))
    axes = figure.add_subplot()
    grid_on(axes, images, box)
    rows, columns = distance.shape
    dx, dy = (box.x_max - box.x_min) / (columns - 1), (box.y_max - box.y_min) / (rows - 1)
    inset = 0.06
    frames = PatchCollection(
        [
            Rectangle(
                (x - dx * (0.5 - inset), y - dy * (0.5 - inset)),
                dx * (1 - 2 * inset),
                dy * (1 - 2 * inset),
            )
            for x, y in grid_points(box, columns).reshape(-1, 2)
        ],
        facecolor="none",
        lw=1.1,
        cmap="plasma",
    )
    frames.set_array(np.clip(distance.ravel() / radius, 0, 4))
    frames.set_clim(0, 4)
    # Otherwise set_array would colour the faces, too.
    frames.set_facecolor("none")
    axes.add_collection(frames)
    bar = figure.colorbar(frames, ax=axes, fraction=0.05, pad=0.02, extend="max")
    bar.set_label("distance to the nearest embedding / half a tile")
    axes.set_title(f"embeddings are near {coverage:.0%} of the box", loc="left")
    return figure


@styled
def image_grid(images: Array, columns: int = 12) -> Figure:
    """Show images row by row, without axes, such as samples from a prior.

    Args:
      images: shape (n, height, width), values 0 to 1; n is a multiple of columns.
      columns: number of images per row.
    """
    rows = len(images) // columns
    figure = Figure(figsize=(COLUMN_WIDTH, COLUMN_WIDTH * rows / columns))
    axes = figure.add_subplot()
    mosaic = mosaic_of(images.reshape(rows, columns, *images.shape[1:]))
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=1, interpolation="none")
    axes.set_axis_off()
    return figure


def grid_on(axes: Axes, images: Array, box: Box, *, plane: Plane | None = None) -> None:
    """Draw `reconstruction_grid` on existing axes."""
    rows, columns, height, width = images.shape
    dx = (box.x_max - box.x_min) / (columns - 1)
    dy = (box.y_max - box.y_min) / (rows - 1) if rows > 1 else dx
    y_min, y_max = (box.y_min, box.y_max) if rows > 1 else (0.0, 0.0)
    axes.imshow(
        mosaic_of(images[::-1]),  # The top row of the mosaic is the last row of the grid.
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="none",
        aspect="auto",
        extent=(
            box.x_min - dx / 2,
            box.x_max + dx / 2,
            y_min - dy / 2,
            y_max + dy / 2,
        ),
    )
    axes.set_box_aspect(rows * height / (columns * width))  # Square pixels for any box.
    axes.spines[:].set_visible(False)
    name_axes(axes, plane)
    if rows == 1:
        axes.set_yticks([])


def mosaic_of(images: Array) -> Array:
    """Join images of shape (rows, columns, height, width) into one, with the first row on top."""
    rows, columns, height, width = images.shape
    return images.swapaxes(1, 2).reshape(rows * height, columns * width)
