"""The figures, each a function of plain arrays that returns a Matplotlib Figure.

Nothing here touches pyplot's global state or shows a window: save the figure, or show it yourself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from jaxae.fitting import EpochMetrics
from jaxae.plane import LECTURE_BOX, Box, Plane, grid_points, latent_plane
from jaxae.style import BLUE, COLUMN_WIDTH, ORANGE, class_colours, styled

Array = npt.NDArray[Any]


@styled
def latent_scatter(
    z: Array,
    labels: Array,
    class_names: Sequence[str],
    *,
    plane: Plane | None = None,
    box: Box | None = LECTURE_BOX,
    n: int = 12,
) -> Figure:
    """Scatter embeddings, coloured by class, with the sampling box and its grid.

    Args:
      z: embeddings of shape (examples, latent_dim); every one of them is drawn.
      labels: integers of shape (examples,), indices into class_names.
      class_names: a name for each label.
      plane: the plane to show; by default `latent_plane(z)`, which above two dimensions is that of
        the first two principal components, as the axes then say.
      box: the box to draw, in the plane's coordinates; None for none.
      n: points along each side of the box's grid.

    Returns:
      The figure. One latent dimension is shown along x, with a row for each class.
    """
    plane = plane or latent_plane(z)
    points = plane.project(z)
    if points.shape[1] == 1:
        # No second coordinate: the class gives the row, spread a little so that density shows.
        spread = np.random.default_rng(0).uniform(-0.35, 0.35, len(points))
        points = np.stack([points[:, 0], labels + spread], axis=1)
    colours, norm = class_colours(len(class_names))
    # In one fixed random order, or the last class of a sorted data set would hide the others.
    order = np.random.default_rng(0).permutation(len(points))
    area, alpha = _point_style(len(points))

    figure = Figure(figsize=(COLUMN_WIDTH, 0.86 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    x, y = points[order].T
    dots = axes.scatter(
        x,
        y,
        c=labels[order],
        cmap=colours,
        norm=norm,
        s=area,
        alpha=alpha,
        linewidths=0,
        rasterized=True,  # Tens of thousands of vector dots would choke a PDF viewer.
    )
    _name_axes(axes, plane)
    if len(plane.axes) == 1:
        axes.set_ylabel("class")
        axes.set_yticks(range(len(class_names)), class_names)
    else:
        if box is not None:
            _draw_box(axes, box, n)
        axes.set_aspect("equal")
        _fit_height(figure, axes)
    bar = figure.colorbar(dots, ax=axes, ticks=range(len(class_names)), fraction=0.05, pad=0.02)
    bar.ax.set_yticklabels(class_names)
    bar.ax.tick_params(length=0)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)
    if bar.solids is not None:
        bar.solids.set_alpha(1)  # The key shows the colours themselves.
    return figure


@styled
def reconstruction_grid(
    images: Array, box: Box = LECTURE_BOX, *, plane: Plane | None = None
) -> Figure:
    """Show the decoded grid of a box, each tile centred on the point it was decoded from.

    Args:
      images: from `latent_grid`, shape (rows, columns, height, width), values 0 to 1; y grows with
        the row, and upward in the figure.
      box: the box that was decoded.
      plane: the plane that was decoded, to name the axes; by default z₁ and z₂.

    Returns:
      The figure; its axes are in latent units and reach half a tile past the box.
    """
    rows, columns, height, width = images.shape
    dx = (box.x_max - box.x_min) / (columns - 1)
    dy = (box.y_max - box.y_min) / (rows - 1) if rows > 1 else dx
    y_min, y_max = (box.y_min, box.y_max) if rows > 1 else (0.0, 0.0)
    # The top row of the mosaic is the last row of the grid; inside a tile, rows run downward.
    mosaic = images[::-1].swapaxes(1, 2).reshape(rows * height, columns * width)

    figure = Figure(figsize=(COLUMN_WIDTH, COLUMN_WIDTH if rows > 1 else 0.25 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    axes.imshow(
        mosaic,
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
    axes.set_box_aspect(mosaic.shape[0] / mosaic.shape[1])  # Square pixels, whatever the box.
    axes.spines[:].set_visible(False)
    _name_axes(axes, plane)
    if rows == 1:
        axes.set_yticks([])
    return figure


@styled
def training_curve(history: Sequence[EpochMetrics]) -> Figure:
    """Plot training and test loss against the epoch, with the last test loss written out."""
    epochs = [row.epoch for row in history]
    figure = Figure(figsize=(COLUMN_WIDTH, 0.65 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    axes.plot(epochs, [row.train_loss for row in history], "--", color=ORANGE, lw=1, label="train")
    axes.plot(epochs, [row.test_loss for row in history], "-", color=BLUE, lw=1.2, label="test")
    if history:
        last = history[-1]
        axes.plot(last.epoch, last.test_loss, "o", color=BLUE, ms=3)
        axes.annotate(
            f"{last.test_loss:.1f}",
            (last.epoch, last.test_loss),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            color=BLUE,
        )
    axes.set(xlabel="epoch", ylabel="squared error per image")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", lw=0.3)
    axes.legend()
    return figure


@styled
def reconstructions(originals: Array, reconstructed: Array) -> Figure:
    """Show originals above their reconstructions.

    Args:
      originals: shape (n, height, width), uint8 or floats 0 to 1.
      reconstructed: the same shape, floats 0 to 1.

    Returns:
      The figure, a column for each image.
    """
    if originals.dtype == np.uint8:
        originals = originals / 255
    figure = Figure(figsize=(2 * COLUMN_WIDTH, 2.25 * 2 * COLUMN_WIDTH / max(1, len(originals))))
    rows = figure.subplots(2, 1)
    for axes, images, name in zip(
        rows, (originals, reconstructed), ("original", "decoded"), strict=True
    ):
        axes.imshow(np.concatenate(list(images), axis=1), cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[], ylabel=name)
        axes.spines[:].set_visible(False)
    return figure


def _point_style(examples: int) -> tuple[float, float]:
    # Area in square points and opacity: smaller and fainter as dots get denser.
    return float(np.clip(2e4 / (examples + 1), 0.6, 9)), float(
        np.clip(4e3 / (examples + 1), 0.3, 0.8)
    )


def _name_axes(axes: Axes, plane: Plane | None) -> None:
    if plane is not None and plane.is_cut:
        latent_dim = plane.axes.shape[1]
        axes.set_xlabel(f"principal component 1 of {latent_dim} latent dimensions")
        axes.set_ylabel("principal component 2")
    else:
        axes.set_xlabel("$z_1$")
        axes.set_ylabel("$z_2$")


def _fit_height(figure: Figure, axes: Axes) -> None:
    # As high as equal axes need: their share of the width is what colour bar and labels leave.
    (x_min, x_max), (y_min, y_max) = axes.get_xlim(), axes.get_ylim()
    height = 0.75 * COLUMN_WIDTH * (y_max - y_min) / (x_max - x_min) + 0.45
    figure.set_figheight(float(np.clip(height, 0.4 * COLUMN_WIDTH, 2 * COLUMN_WIDTH)))


def _draw_box(axes: Axes, box: Box, n: int) -> None:
    size = (box.x_max - box.x_min, box.y_max - box.y_min)
    axes.add_patch(Rectangle((box.x_min, box.y_min), *size, fill=False, lw=0.8, zorder=3))
    axes.plot(*grid_points(box, n).reshape(-1, 2).T, "k.", ms=1.2, mew=0, zorder=3)
