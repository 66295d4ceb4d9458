"""The size of a figure: its width is given, and its height follows from what it shows."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Affine2D, Bbox, BboxTransformFrom

from jaxae.config import Width
from jaxae.plots.style import SavedWell, saving_dpi

# Width and largest height, in inches: a column and a page of a two-column paper, and a slide of
# 13.3 by 7.5 inches below its title.
WIDTHS: dict[str, tuple[float, float]] = {
    "column": (3.5, 9.0),
    "page": (7.0, 9.0),
    "slide": (12.0, 6.5),
}
_PAD = 0.05  # inches around the content
_STEPS = 6


def check_width(width: Width | None) -> None:
    """Raise ValueError unless a width is one of `WIDTHS`, or a number of inches from 2 to 100."""
    if width is None or (isinstance(width, str) and width in WIDTHS):
        return
    if isinstance(width, str) or not 2 <= width <= 100:
        raise ValueError(
            f"width is {width!r}; expected {', '.join(WIDTHS)}, or from 2 to 100 inches"
        )


@contextmanager
def axes_for(ax: Axes | None, width: Width | None, height: float | None = None) -> Iterator[Axes]:
    """Yield the axes to draw on: those given, or those of a new figure.

    Args:
      ax: axes in the caller's figure, whose size stays as it is.
      width: width of a new figure; by default that of rcParams["figure.figsize"].
      height: height of a new figure as a multiple of its width; by default it is fitted to what
        was drawn.
    """
    if ax is not None:
        yield ax
        return
    with figure_for(None, width, height) as figure:
        yield figure.add_subplot()


@contextmanager
def figure_for(
    figure: Figure | SubFigure | None, width: Width | None, height: float | None = None
) -> Iterator[Figure | SubFigure]:
    """Yield the figure to draw on: the one given, or a new one; the arguments are as above."""
    if figure is not None:
        yield figure
        return
    check_width(width)
    if isinstance(width, str):
        wide, most = WIDTHS[width]
    else:
        wide = width or mpl.rcParams["figure.figsize"][0]
        most = 3 * wide
    made = SavedWell(
        figsize=(wide, most if height is None else min(height * wide, most)), layout="compressed"
    )
    yield made
    if height is None:
        _trim(made)


def root_of(drawn: Axes | Figure | SubFigure) -> Figure:
    """Return the figure that axes or a subfigure belong to."""
    parent = drawn.figure
    while isinstance(parent, SubFigure):
        parent = parent.figure
    assert isinstance(parent, Figure)
    return parent


def size_in_points(axes: Axes) -> tuple[float, float]:
    """Return the width and the height of axes as they will be drawn, in points."""
    point = root_of(axes).dpi / 72
    width, height = axes.bbox.width / point, axes.bbox.height / point
    wide, high = 1.0, axes.get_box_aspect()
    if axes.get_aspect() != "auto":
        wide, high = float(np.ptp(axes.get_xlim())), float(np.ptp(axes.get_ylim()))
    if high is None:
        return width, height
    scale = min(width / wide, height / high)
    return scale * wide, scale * high


def font_size(size: float | str) -> float:
    """Return a font size, such as 8 or "small", in points."""
    return float(FontProperties(size=size).get_size_in_points())


def _trim(figure: Figure) -> None:
    """Remove the blank margins around the content, and keep the layout as it is then.

    To lay out the smaller figure would shrink axes that a label is wider than.
    """
    shown = figure.get_dpi()
    figure.set_dpi(saving_dpi())  # The width of text differs by a few per cent.
    figure.draw_without_rendering()
    # Half of a margin is between the panels and a key above them; layout by layout, it shrinks.
    for _ in range(_STEPS if figure.legends else 0):
        figure.set_figheight(figure.get_tightbbox().height + 2 * _PAD)
        figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    content = figure.get_tightbbox()
    figure.set_dpi(shown)
    left, right = _kept(content.x0, content.x1, width)
    bottom, top = _kept(content.y0, content.y1, height)
    kept = BboxTransformFrom(Bbox.from_extents(left, bottom, right, top))
    places = [(axes, axes.get_position()) for axes in figure.axes]
    figure.set_layout_engine("none")
    figure.set_size_inches(right - left, top - bottom)
    for axes, place in places:
        axes.set_position(place.transformed(Affine2D().scale(width, height) + kept))
        axes.set_in_layout(True)  # Which set_position ends.
    figure.set_layout_engine(_Kept(figure))


class _Kept(ConstrainedLayoutEngine):
    """The layout that a figure has, until its size changes or something is added to it."""

    def __init__(self, figure: Figure):
        super().__init__(compress=True)
        self._kept: tuple[float, ...] | None = self._state_of(figure)

    def execute(self, fig: Figure) -> None:
        """Lay the figure out, if it has ever changed."""
        if self._state_of(fig) != self._kept:
            self._kept = None
            super().execute(fig)

    @staticmethod
    def _state_of(figure: Figure) -> tuple[float, ...]:
        return (*figure.get_size_inches(), len(figure.get_children()))


def _kept(low: float, high: float, size: float) -> tuple[float, float]:
    """Add the margin to the content, as far as there was one."""
    return max(low - _PAD, min(0, low)), min(high + _PAD, max(size, high))
