"""Models side by side: clouds, grids and gaps."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy.typing as npt
from matplotlib.figure import Figure, SubFigure

from jaxae.config import Width
from jaxae.latent import Box, Plane
from jaxae.plots.colours import ClassNames, Palette
from jaxae.plots.grids import grid_on
from jaxae.plots.keys import box_key, explain
from jaxae.plots.latent import scatter_on
from jaxae.plots.sizes import figure_for, root_of

Array = npt.NDArray[Any]


class Side(NamedTuple):
    """One model of `side_by_side`.

    Attributes:
      name: title of the cloud.
      z: embeddings, shape (n, latent_dim).
      plane: plane to show them in.
      box: percentile box of the cloud (1st to 99th).
      images: decoded grid of the box, shape (rows, columns, height, width).
      caption: title of the grid, one or two lines.
    """

    name: str
    z: Array
    plane: Plane
    box: Box
    images: Array
    caption: str


def side_by_side(
    sides: Sequence[Side],
    labels: Array,
    class_names: ClassNames,
    *,
    palette: Palette | None = None,
    figure: Figure | SubFigure | None = None,
    width: Width | None = None,
) -> Figure:
    """Draw each model's cloud with the grid on the cloud's percentile box.

    The grid is below the cloud, or beside it on a slide.

    Args:
      sides: the models, left to right.
      labels: labels of the embeddings, the same for every model, shape (n,).
      class_names: names of the labels: a sequence for 0, 1, 2 and so on, or a mapping.
      palette: colours of the classes, as for `latent_scatter`.
      figure: figure or subfigure to draw on; by default a new figure.
      width: width of a new figure: "column", "page", "slide" or inches.

    Raises:
      ValueError: as for `latent_scatter`.
    """
    with figure_for(figure, width) as drawn:
        wide = drawn.bbox.width > 1.5 * drawn.bbox.height
        pairs = _panels(drawn, sides, wide)
        for (cloud, grid), side in zip(pairs, sides, strict=True):
            scatter_on(
                cloud,
                side.z,
                labels,
                class_names,
                plane=side.plane,
                box=side.box,
                n=len(side.images),
                palette=palette,
            )
            cloud.set_title(side.name)
            # As wide as the grid, whatever the shape of the cloud.
            cloud.set_aspect(cloud.get_aspect(), adjustable="datalim")
            cloud.set_box_aspect(1)
            grid_on(grid, side.images, side.box, plane=side.plane)
            grid.set_title(side.caption, fontsize="small", loc="right" if wide else "center")
        box = "each model's own percentile box (1st to 99th)"
        explain(drawn, *box_key(box, "points decoded in the grid"))
    return root_of(drawn)


def _panels(figure: Figure | SubFigure, sides: Sequence[Side], wide: bool) -> Array:
    """Return the axes of each side's cloud and grid, shape (sides, 2)."""
    if wide:
        return figure.subplots(1, 2 * len(sides)).reshape(len(sides), 2)
    rows, columns, height, width = sides[0].images.shape[:4]
    heights = (1, rows * height / (columns * width))
    return figure.subplots(2, len(sides), squeeze=False, height_ratios=heights).T
