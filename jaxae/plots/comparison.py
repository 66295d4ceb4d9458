"""Models side by side: clouds, grids and gaps."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy.typing as npt
from matplotlib.figure import Figure

from jaxae.latent import Box, Plane
from jaxae.plots.grids import grid_on
from jaxae.plots.latent import add_class_bar, scatter_on
from jaxae.plots.style import COLUMN_WIDTH, styled

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


@styled
def side_by_side(sides: Sequence[Side], labels: Array, class_names: Sequence[str]) -> Figure:
    """Draw each model's cloud above the grid on the cloud's percentile box.

    Args:
      sides: the models, left to right.
      labels: labels of the embeddings, the same for every model, shape (n,).
      class_names: one name per class.
    """
    figure = Figure(figsize=(2 * COLUMN_WIDTH, 2.05 * COLUMN_WIDTH))
    above, below = figure.subplots(2, len(sides), squeeze=False)
    for cloud, grid, side in zip(above, below, sides, strict=True):
        scatter_on(cloud, side.z, labels, class_names, plane=side.plane, box=side.box)
        cloud.set_title(side.name)
        grid_on(grid, side.images, side.box, plane=side.plane)
        grid.set_title(side.caption)
    add_class_bar(figure, list(above), class_names)
    return figure
