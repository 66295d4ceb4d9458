"""The latent plane: embeddings, the sampling box, and the entropy of the labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jaxae._utils.text import printable
from jaxae.latent import LECTURE_BOX, Box, Plane, grid_points, pca_plane
from jaxae.plots.style import COLUMN_WIDTH, class_colours, styled

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
      z: embeddings of shape (n, latent_dim); all are drawn.
      labels: integers of shape (n,), indices into class_names.
      class_names: one name per class.
      plane: the plane to show; by default `pca_plane(z)`, the first two principal components for
        more than two dimensions.
      box: the box to draw, in the plane's coordinates; None for none.
      n: number of grid points along each side of the box.

    Returns:
      The figure. A single latent dimension is shown along x, with one row per class.
    """
    plane = plane or pca_plane(z)
    figure = Figure(figsize=(COLUMN_WIDTH, 0.86 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    scatter_on(axes, z, labels, class_names, plane=plane, box=box, n=n)
    if len(plane.axes) > 1:
        _fit_height(figure, axes)
    add_class_bar(figure, axes, class_names)
    return figure


@styled
def entropy_map(entropy: Array, box: Box, classes: int, *, plane: Plane | None = None) -> Figure:
    """Show the entropy of the labels in each cell of a box: where classes mix.

    Args:
      entropy: from `analysis.entropy_map`, in bits; NaN for cells with too few embeddings.
      box: the box that was divided into cells.
      classes: number of classes; the colour scale ends at log₂ of it.
      plane: the plane of the box, for the names of the axes; by default z₁ and z₂.

    Returns:
      The figure; cells with too few embeddings are white.
    """
    figure = Figure(figsize=(COLUMN_WIDTH, 0.86 * COLUMN_WIDTH))
    axes = figure.add_subplot()
    image = axes.imshow(
        entropy,
        origin="lower",
        extent=(box.x_min, box.x_max, box.y_min, box.y_max),
        cmap="cividis",
        vmin=0,
        vmax=np.log2(classes),
        interpolation="none",
    )
    name_axes(axes, plane)
    _fit_height(figure, axes)
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02)
    bar.set_label("entropy of the labels (bits)")
    bar.outline.set_visible(False)
    return figure


def scatter_on(
    axes: Axes,
    z: Array,
    labels: Array,
    class_names: Sequence[str],
    *,
    plane: Plane,
    box: Box | None,
    n: int = 12,
) -> None:
    """Draw `latent_scatter` on existing axes, without its colour bar."""
    points = plane.project(z)
    if points.shape[1] == 1:
        # One row per class, with random offsets so that density is visible.
        spread = np.random.default_rng(0).uniform(-0.35, 0.35, len(points))
        points = np.stack([points[:, 0], labels + spread], axis=1)
    colours, norm = class_colours(len(class_names))
    # In a random order, so that in a sorted data set the last class does not cover the others.
    order = np.random.default_rng(0).permutation(len(points))
    area, alpha = _point_style(len(points))
    x, y = points[order].T
    axes.scatter(
        x,
        y,
        c=labels[order],
        cmap=colours,
        norm=norm,
        s=area,
        alpha=alpha,
        linewidths=0,
        rasterized=True,  # PDF viewers are slow with tens of thousands of vector dots.
    )
    name_axes(axes, plane)
    if len(plane.axes) == 1:
        axes.set_ylabel("class")
        # A "$" in a class name does not start a formula; SVG forbids control characters.
        axes.set_yticks(
            range(len(class_names)), [printable(name) for name in class_names], parse_math=False
        )
        return
    if box is not None:
        _draw_box(axes, box, n)
    axes.set_aspect("equal")


def add_class_bar(figure: Figure, axes: Any, class_names: Sequence[str]) -> None:
    """Add a colour bar of the classes beside axes or a list of axes."""
    colours, norm = class_colours(len(class_names))
    key = ScalarMappable(norm, colours)
    bar = figure.colorbar(key, ax=axes, ticks=range(len(class_names)), fraction=0.05, pad=0.02)
    bar.ax.set_yticklabels([printable(name) for name in class_names], parse_math=False)
    bar.ax.tick_params(length=0)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)


def name_axes(axes: Axes, plane: Plane | None) -> None:
    """Name the axes after latent dimensions, or after principal components."""
    if plane is not None and plane.is_pca:
        latent_dim = plane.axes.shape[1]
        axes.set_xlabel(f"principal component 1 of {latent_dim} latent dimensions")
        axes.set_ylabel("principal component 2")
    else:
        axes.set_xlabel("$z_1$")
        axes.set_ylabel("$z_2$")


def _point_style(examples: int) -> tuple[float, float]:
    # Area in square points, and opacity: both decrease with density.
    return float(np.clip(2e4 / (examples + 1), 0.6, 9)), float(
        np.clip(4e3 / (examples + 1), 0.3, 0.8)
    )


def _fit_height(figure: Figure, axes: Axes) -> None:
    # The height at which axes of equal scale take 0.75 of the width, beside labels and colour bar.
    (x_min, x_max), (y_min, y_max) = axes.get_xlim(), axes.get_ylim()
    height = 0.75 * COLUMN_WIDTH * (y_max - y_min) / (x_max - x_min) + 0.45
    figure.set_figheight(float(np.clip(height, 0.4 * COLUMN_WIDTH, 2 * COLUMN_WIDTH)))


def _draw_box(axes: Axes, box: Box, n: int) -> None:
    size = (box.x_max - box.x_min, box.y_max - box.y_min)
    axes.add_patch(Rectangle((box.x_min, box.y_min), *size, fill=False, lw=0.8, zorder=3))
    axes.plot(*grid_points(box, n).reshape(-1, 2).T, "k.", ms=1.2, mew=0, zorder=3)
