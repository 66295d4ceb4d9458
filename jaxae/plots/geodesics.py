"""Geodesics in the latent plane, beside straight lines."""

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from jaxae.config import Width
from jaxae.geometry import Geodesic
from jaxae.latent import pca_plane
from jaxae.plots.colours import ClassNames, Palette
from jaxae.plots.keys import add_colour_bar, explain
from jaxae.plots.latent import scatter_on
from jaxae.plots.sizes import axes_for, font_size, root_of

Array = npt.NDArray[Any]


def geodesic_map(
    z: Array,
    labels: Array,
    class_names: ClassNames,
    geodesics: Geodesic,
    *,
    palette: Palette | None = None,
    ax: Axes | None = None,
    width: Width | None = None,
) -> Figure:
    """Draw geodesics over the embeddings, and straight lines between the same points.

    Args:
      z: embeddings of shape (n, 2).
      labels: integers of shape (n,), 0 or more.
      class_names: names of the labels: a sequence for 0, 1, 2 and so on, or a mapping.
      geodesics: one or more, from `geometry.geodesic`; points of shape (pairs, steps, 2).
      palette: colours of the classes, as for `latent_scatter`.
      ax: axes to draw on; by default those of a new figure.
      width: width of a new figure: "column", "page", "slide" or inches.

    Raises:
      ValueError: the curves do not lie in a plane, or as for `latent_scatter`.
    """
    points = geodesics.points
    if np.shape(z)[1:] != (2,) or points.ndim != 3 or points.shape[-1] != 2:
        raise ValueError(
            f"z has shape {np.shape(z)} and geodesics {points.shape}; expected (n, 2) and "
            "(pairs, steps, 2), since curves are drawn in a plane"
        )
    line_width, colour = mpl.rcParams["lines.linewidth"], mpl.rcParams["text.color"]
    with axes_for(ax, width) as axes:
        names, colours = scatter_on(
            axes,
            z,
            labels,
            class_names,
            plane=pca_plane(z),
            box=None,
            palette=palette,
            named=False,  # Names would cover the lines.
        )
        add_colour_bar(axes, names, colours)
        # A stroke in the colour of the background makes lines legible on dots of any colour.
        stroke = [withStroke(linewidth=2.2 * line_width, foreground=axes.get_facecolor())]
        for lines, style in ((points[:, [0, -1]], "--"), (points, "-")):
            axes.add_collection(
                LineCollection(
                    list(lines),
                    colors=colour,
                    linestyles=style,
                    linewidths=0.9 * line_width,
                    path_effects=stroke,
                    zorder=4,
                )
            )
        ends = points[:, [0, -1]].reshape(-1, 2)
        axes.plot(*ends.T, "o", color=colour, ms=2.5 * line_width, mew=0, zorder=4)
        for curve, gain in zip(points, geodesics.gain, strict=True):
            axes.annotate(
                f"{gain:z.0%}",
                (curve[0] + curve[-1]) / 2,
                _aside(curve, 1.5 * font_size("small")),
                textcoords="offset points",
                fontsize="small",
                ha="center",
                va="center",
                path_effects=stroke,
                zorder=5,
            )
        said = "geodesic, and how much shorter it is on images"
        if failed := np.count_nonzero(~geodesics.converged):
            said += f"\n({failed} of {len(points)} did not converge)"
        explain(
            axes,
            [Line2D([], [], color=colour, ls=style, lw=0.9 * line_width) for style in ("--", "-")],
            ["straight line between two test images", said],
        )
    return root_of(axes)


def _aside(curve: Array, distance: float) -> tuple[float, float]:
    """Return a step of this length from the straight line to the side where the curve is not."""
    dx, dy = curve[-1] - curve[0]
    normal = np.array([-dy, dx]) / (np.hypot(dx, dy) or 1)
    side = -1 if normal @ (curve.mean(axis=0) - curve[0]) > 0 else 1
    return distance * side * normal[0], distance * side * normal[1]
