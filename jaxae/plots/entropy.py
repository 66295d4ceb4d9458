"""The entropy of the labels over the latent plane."""

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from jaxae.analysis.entropy import LEAST_PER_CELL
from jaxae.config import Width
from jaxae.latent import Box, Plane
from jaxae.plots.keys import colour_bar, explain
from jaxae.plots.latent import name_axes
from jaxae.plots.sizes import axes_for, root_of

Array = npt.NDArray[Any]


def entropy_map(
    entropy: Array,
    box: Box,
    classes: int,
    *,
    plane: Plane | None = None,
    least: int = LEAST_PER_CELL,
    ax: Axes | None = None,
    width: Width | None = None,
) -> Figure:
    """Show the entropy of the labels in each cell of a box: where classes mix.

    Args:
      entropy: from `analysis.entropy_map`, in bits; NaN for cells with too few embeddings.
      box: the box that was divided into cells.
      classes: number of classes; the colour scale ends at log₂ of it, or at 1 bit.
      plane: the plane of the box, for the names of the axes; by default z₁ and z₂.
      least: number of embeddings below which a cell is NaN, for the key.
      ax: axes to draw on; by default those of a new figure.
      width: width of a new figure: "column", "page", "slide" or inches.

    Returns:
      The figure; cells with too few embeddings have the colour of the background.
    """
    with axes_for(ax, width) as axes:
        image = axes.imshow(
            entropy,
            origin="lower",
            extent=(box.x_min, box.x_max, box.y_min, box.y_max),
            cmap="cividis",
            vmin=0,
            vmax=np.log2(max(classes, 2)),
            interpolation="none",
            aspect="equal",
        )
        axes.grid(visible=False)
        name_axes(axes, plane)
        colour_bar(axes, image).set_label("entropy of\nthe labels (bits)")
        if np.isnan(entropy).any():
            blank = Patch(facecolor=axes.get_facecolor(), edgecolor=mpl.rcParams["text.color"])
            explain(axes, [blank], [f"fewer than {least} embeddings in a cell"])
    return root_of(axes)
