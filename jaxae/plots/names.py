"""Names of classes in a cloud of points."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.text import Text

from jaxae._utils.text import printable

Array = npt.NDArray[np.floating]

_PAD = 0.25  # between a name and its frame, in font sizes
_LETTERS = 18  # in font sizes, the width of axes below which names become smaller
_STEPS = 1000  # at most, until no two names overlap


class NamesInCloud(LineCollection):
    """Names of classes at given points, moved where they would overlap or leave the axes.

    A thin line joins a name that was moved away to its point. Names are placed when the figure is
    drawn, since the sizes of text and axes are known only then. A name whose point is out of sight,
    or for which there is no room, is left out.
    """

    def __init__(self, axes: Axes, points: Array, names: Sequence[str], colours: Array):
        """Add the names to axes.

        Args:
          axes: the axes.
          points: where to place the names, in data coordinates, shape (n, 2).
          names: the names.
          colours: colours of the frames, shape (n, 4).
        """
        line_width = mpl.rcParams["lines.linewidth"]
        super().__init__(
            [], colors=mpl.rcParams["text.color"], linewidths=0.4 * line_width, zorder=4
        )
        self._points = points
        self._names = [
            axes.text(
                point[0],
                point[1],
                printable(name),
                ha="center",
                va="center",
                fontsize="small",
                parse_math=False,
                zorder=5,  # Above all lines.
                bbox={
                    "boxstyle": f"round,pad={_PAD}",
                    "facecolor": to_rgba(axes.get_facecolor(), 0.8),
                    "edgecolor": colour,
                    "linewidth": 0.6 * line_width,
                },
            )
            for point, name, colour in zip(points, names, colours, strict=True)
        ]
        self._largest = max((float(name.get_fontsize()) for name in self._names), default=0)
        for artist in (self, *self._names):
            artist.set_in_layout(False)
        axes.add_collection(self, autolim=False)

    def draw(self, renderer: RendererBase) -> None:
        """Place the names, and draw the lines to them; the names are drawn next."""
        assert self.axes is not None
        area = self.axes.bbox.get_points()
        point: Any = renderer.points_to_pixels(1)
        width = float(np.ptp(area[:, 0])) / point
        for name in self._names:  # In a small panel, smaller names hide less of the cloud.
            name.set_fontsize(np.clip(width / _LETTERS, self._largest / 2, self._largest))
        points = self.axes.transData.transform(self._points)
        sizes = np.array([self._size(name, renderer) for name in self._names]).reshape(-1, 2)
        seen = ((area[0] <= points) & (points <= area[1])).all(axis=1)
        centres = np.full_like(points, np.nan)
        centres[seen] = placed(points[seen], sizes[seen], area)
        ends = self.axes.transData.inverted().transform(centres)
        for name, end in zip(self._names, ends, strict=True):
            name.set_visible(bool(np.isfinite(end).all()))
            name.set_position(tuple(end))
        away = (np.abs(centres - points) > sizes / 2).any(axis=1)
        self.set_segments(list(np.stack([self._points, ends], axis=1)[away]))
        super().draw(renderer)

    def _size(self, name: Text, renderer: RendererBase) -> tuple[float, float]:
        extent = name.get_window_extent(renderer)
        pad: Any = renderer.points_to_pixels(2 * _PAD * float(name.get_fontsize()) + 3)
        return extent.width + pad, extent.height + pad


def placed(points: Array, sizes: Array, area: Array) -> Array:
    """Place rectangles near points, within an area, so that no two overlap.

    Rectangles that overlap push each other apart in small steps.

    Args:
      points: where the centres should be, shape (n, 2).
      sizes: widths and heights, shape (n, 2).
      area: lower left and upper right corner, shape (2, 2).

    Returns:
      The centres, shape (n, 2); NaN where there was no room.
    """
    n = len(points)
    low, high = area[0] + sizes / 2, area[1] - sizes / 2
    reach = (sizes[:, None] + sizes) / 2
    others = ~np.eye(n, dtype=bool)[..., None]
    # Equal points are pushed apart in different directions.
    angles = 2.4 * np.arange(n)
    nudge = 1e-3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centres = np.clip(points, low, high)
    for _ in range(_STEPS):
        apart = centres[:, None] - centres
        overlap = (reach - np.abs(apart)).min(axis=-1, keepdims=True)
        clash = (overlap > 0) & others
        if not clash.any():
            return centres
        # Along the shorter side rather than the longer one.
        push = (apart + nudge[:, None] - nudge) / reach**2
        push /= np.linalg.norm(push, axis=-1, keepdims=True) + ~others
        push *= 0.1 * overlap + 0.02 * reach.min(axis=-1, keepdims=True)
        centres = np.clip(centres + np.where(clash, push, 0).sum(axis=1), low, high)
    for k in range(n):
        if (clash[k, :k, 0] & np.isfinite(centres[:k, 0])).any():
            centres[k] = np.nan
    return centres
