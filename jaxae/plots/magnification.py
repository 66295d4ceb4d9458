"""How much the decoder magnifies the latent plane, with indicatrices."""

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Patch

from jaxae.config import Width
from jaxae.geometry import Indicatrices
from jaxae.latent import Box, grid_points
from jaxae.plots.keys import colour_bar, explain
from jaxae.plots.latent import name_axes
from jaxae.plots.sizes import axes_for, root_of

Array = npt.NDArray[Any]

# Without the darkest colours, on which black lines would not be visible.
_COLOURS = ListedColormap(mpl.colormaps["viridis"](np.linspace(0.4, 1, 256)))
# Percentiles of the values at the ends of the colours. A few points where the decoder is constant
# would otherwise leave hardly any colours for the rest.
_ENDS = 1, 99
# The least range of the colours, in decades, so that rounding errors are not visible.
_NARROWEST = 0.1


def magnification_map(
    log_magnification: Array,
    box: Box,
    *,
    distance: Array | None = None,
    ellipses: Indicatrices | None = None,
    ax: Axes | None = None,
    width: Width | None = None,
) -> Figure:
    """Show the area of images per area of the latent plane, on a logarithmic scale.

    Args:
      log_magnification: from `geometry.log_magnification`, at `grid_points(box, n)`, shape (n, n).
      box: the box of these points.
      distance: distance of each point to the nearest embedding, shape (n, n), in multiples of half
        a tile's spacing. Points where it is above 1 are outside the cloud, and are dotted.
      ellipses: indicatrices to draw; those that were cut have a dashed outline.
      ax: axes to draw on; by default those of a new figure.
      width: width of a new figure: "column", "page", "slide" or inches.

    Returns:
      The figure. Colours range from the 1st to the 99th percentile of the values, so a constant
      that is added to all of them changes only the numbers of the scale.

    Raises:
      ValueError: the values are not those of a square grid, or distances have another shape.
    """
    values = np.asarray(log_magnification) / np.log(10)
    if values.ndim != 2 or len({*values.shape}) > 1 or len(values) < 2:
        raise ValueError(f"log_magnification has shape {values.shape}; expected (n, n), n ≥ 2")
    if distance is not None and distance.shape != values.shape:
        raise ValueError(f"distance has shape {distance.shape}; expected {values.shape}")
    low, high = np.percentile(values, _ENDS)
    middle, half = (low + high) / 2, max(high - low, _NARROWEST) / 2
    with axes_for(ax, width) as axes:
        dx = (box.x_max - box.x_min) / (len(values) - 1)
        dy = (box.y_max - box.y_min) / (len(values) - 1)
        image = axes.imshow(
            values,
            origin="lower",
            # Each pixel is centred on its point.
            extent=(
                box.x_min - dx / 2,
                box.x_max + dx / 2,
                box.y_min - dy / 2,
                box.y_max + dy / 2,
            ),
            cmap=_COLOURS,
            vmin=middle - half,
            vmax=middle + half,
            interpolation="none",
            aspect="equal",
        )
        axes.grid(visible=False)
        name_axes(axes, None)
        bar = colour_bar(axes, image, extend="both", extendfrac=0.03)
        bar.set_label(r"½ $\log_{10}\,\det\,G$" "\n(image area per latent area)")
        key = {} if distance is None else _mark_outside(axes, distance, box)
        key |= {} if ellipses is None else _draw_ellipses(axes, ellipses)
        if key:
            explain(axes, list(key.values()), list(key))
    return root_of(axes)


def _mark_outside(axes: Axes, distance: Array, box: Box) -> dict[str, Artist]:
    """Mark what is outside the cloud, and return its symbol by the text of the key."""
    if not distance.min() < 1 < distance.max():
        return {}
    x, y = np.moveaxis(grid_points(box, len(distance)), -1, 0)
    line_width = 0.7 * mpl.rcParams["lines.linewidth"]
    axes.contour(x, y, distance, [1], colors="black", linewidths=line_width)
    axes.contourf(x, y, distance, [1, np.inf], colors="none", hatches=["...."])
    outside = Patch(facecolor="none", edgecolor="black", hatch="....", linewidth=line_width)
    return {"outside the cloud: over half a tile from any embedding": outside}


def _draw_ellipses(axes: Axes, ellipses: Indicatrices) -> dict[str, Artist]:
    """Draw the ellipses, and return their symbols by the texts of the key."""
    outlines, cut = ellipses.outlines(), ellipses.is_cut
    key: dict[str, Artist] = {}
    for own, text, line in (
        (~cut, f"image distance {ellipses.radius:.2g} pixels from the centre", "-"),
        (cut, "the same, but cut so that neighbours do not overlap", "--"),
    ):
        if own.any():
            look: dict[str, Any] = {
                "facecolor": (1, 1, 1, 0.75),
                "edgecolor": "black",
                "linewidth": 0.4 * mpl.rcParams["lines.linewidth"],
                "linestyle": line,
            }
            axes.add_collection(PolyCollection(list(outlines[own]), zorder=3, **look))
            key[text] = Ellipse((0, 0), 1, 1, **look)
    return key
