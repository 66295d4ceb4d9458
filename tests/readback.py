"""Read back what a figure shows."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.text import Text

from jaxae import LECTURE_BOX, Box

DIGITS = [str(digit) for digit in range(10)]


def drawn(figure: Figure) -> Figure:
    FigureCanvasAgg(figure).draw()
    return figure


def cloud(axes: Axes) -> PathCollection:
    (dots,) = (c for c in axes.collections if isinstance(c, PathCollection))
    return dots


def box_of(axes: Axes) -> tuple[float, ...]:
    """Left, bottom, right and top of the only rectangle."""
    (box,) = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    return tuple(box.get_bbox().extents)


def frame_of(name: Text) -> FancyBboxPatch:
    """The frame around a name in a cloud."""
    frame = name.get_bbox_patch()
    assert frame is not None
    return frame


def strip(axes: Axes) -> np.ndarray:
    return np.asarray(axes.images[0].get_array())


def from_the_top(figure: Figure) -> list[Axes]:
    return sorted(figure.axes, key=lambda axes: -axes.get_position().y0)


def assert_grey(axes: Axes) -> None:
    """Check that images are shown from black, 0, to white, 1, whatever their range."""
    for image in axes.images:
        assert image.get_clim() == (0, 1) and image.get_cmap().name == "gray"


def assert_shows(axes: Axes, points: np.ndarray) -> None:
    """Check that the dots are these points, in any order."""
    found = np.asarray(cloud(axes).get_offsets())
    np.testing.assert_allclose(found[np.lexsort(found.T)], points[np.lexsort(points.T)])


def embedding(n: int = 500, latent_dim: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(0, [4, 1, 0.5][:latent_dim] + [0.1] * (latent_dim - 3), (n, latent_dim)), (
        np.arange(n) % 10
    )


def tiles(box: Box = LECTURE_BOX, rows: int = 12, columns: int = 12) -> np.ndarray:
    """Grey tiles with a white top-left pixel; the shade of grey identifies row and column."""
    grey = np.linspace(0, 0.9, rows * columns).reshape(rows, columns, 1, 1)
    images = np.tile(grey, (1, 1, 6, 5))
    images[:, :, 0, 0] = 1
    return images
