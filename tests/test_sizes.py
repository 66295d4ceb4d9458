"""The size of a figure, and its layout after the caller has changed it."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from jaxae import plots
from tests.readback import DIGITS, drawn, embedding


@pytest.fixture
def figure() -> Figure:
    z, labels = embedding()
    return plots.latent_scatter(z, labels, DIGITS, width="column")


def place_of_axes(figure: Figure) -> np.ndarray:
    return np.array(drawn(figure).axes[0].get_window_extent())


@pytest.mark.parametrize("size", [(7, 4), (3, 6), (3.5, 2.5)])
def test_a_figure_of_another_size_is_laid_out_again(
    figure: Figure, size: tuple[float, float]
) -> None:
    before = figure.get_size_inches()
    for width, height in (size, before):
        figure.set_size_inches(width, height)
        content = drawn(figure).get_tightbbox()
        assert content.x0 > -0.02 and content.x1 < width + 0.02
        assert content.y0 > -0.02 and content.y1 < height + 0.02


def test_a_title_that_is_added_has_room(figure: Figure) -> None:
    title = figure.suptitle("two latent dimensions")
    axes = drawn(figure).axes[0]
    key = axes.get_legend()
    assert key is not None
    others = Bbox.union([key.get_window_extent(), axes.get_window_extent()])
    assert title.get_window_extent().y0 >= others.y1


def test_a_figure_that_is_not_changed_keeps_its_layout(figure: Figure) -> None:
    place = place_of_axes(figure)
    np.testing.assert_array_equal(place_of_axes(figure), place)
    figure.axes[0].set_xlabel("a name that is much longer than the axes are wide, and so on")
    np.testing.assert_array_equal(place_of_axes(figure), place)
