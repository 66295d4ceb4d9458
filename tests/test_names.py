"""Names of classes in a cloud: where they lie in the drawn figure."""

from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxae import plots
from jaxae.plots.names import NamesInCloud, placed
from jaxae.plots.sizes import root_of
from tests.readback import DIGITS, drawn, frame_of

CLOTHES = "T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Ankle\xa0boot".split(
    " "
)
LETTERS = list("0123456789" + ascii_uppercase + ascii_lowercase)[:47]


def clusters(
    classes: int, spread: float
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.integer]]:
    """Return 25 points per class, scattered by 1 around centres that lie within `spread`."""
    rng = np.random.default_rng(0)
    labels = np.arange(25 * classes) % classes
    return rng.uniform(-spread, spread, (classes, 2))[labels] + rng.normal(
        0, 1, (len(labels), 2)
    ), (labels)


def extents(axes: Axes) -> npt.NDArray[np.floating]:
    """Return the frames that are shown: left, bottom, right and top in pixels."""
    shown = [name for name in axes.texts if name.get_visible()]
    return np.array([frame_of(name).get_window_extent().extents for name in shown])


def assert_apart_and_inside(axes: Axes) -> None:
    boxes = extents(axes)
    left, bottom, right, top = boxes.T
    overlap = (left[:, None] < right) & (bottom[:, None] < top)
    overlap &= overlap.T
    assert overlap.sum() == len(boxes)  # Each only with itself.
    outer = axes.get_window_extent().extents
    assert (boxes[:, :2] >= outer[:2]).all() and (boxes[:, 2:] <= outer[2:]).all()


def test_names_that_have_room_lie_at_the_medians() -> None:
    z, labels = clusters(10, 40)
    axes = drawn(plots.latent_scatter(z, labels, DIGITS, width="page", box=None)).axes[0]
    medians = {str(label): np.median(z[labels == label], axis=0) for label in range(10)}
    assert {name.get_text() for name in axes.texts} == set(DIGITS)
    for name in axes.texts:
        np.testing.assert_allclose(name.get_position(), medians[name.get_text()])
    (lines,) = (c for c in axes.collections if isinstance(c, NamesInCloud))
    assert len(lines.get_segments()) == 0


@pytest.mark.parametrize("names", [DIGITS, CLOTHES, LETTERS], ids=["digits", "clothes", "letters"])
@pytest.mark.parametrize(("spread", "dpi"), [(0, 300), (20, 72)])
def test_names_neither_overlap_nor_leave_the_axes(
    names: Sequence[str], spread: float, dpi: int
) -> None:
    z, labels = clusters(len(names), spread)
    figure = Figure(figsize=(3.5, 3.5), dpi=dpi)
    plots.latent_scatter(z, labels, names, box=None, ax=figure.add_subplot())
    (axes,) = drawn(figure).axes
    assert len(extents(axes)) == len(names)
    assert_apart_and_inside(axes)


def test_names_of_equal_points_are_moved_apart() -> None:
    sizes, area = np.full((30, 2), (12.0, 8.0)), np.array([[0.0, 0.0], [150.0, 100.0]])
    low, high = (
        placed(np.full((30, 2), (75.0, 99.0)), sizes, area) + s * sizes / 2 for s in (-1, 1)
    )
    assert (low >= area[0]).all() and (high <= area[1]).all()
    assert ((low[:, None] < high) & (low < high[:, None])).all(axis=2).sum() == 30


def test_a_line_joins_a_name_that_was_moved_to_its_median() -> None:
    z, labels = clusters(10, 0)
    axes = drawn(plots.latent_scatter(z, labels, DIGITS, box=None, width=3)).axes[0]
    (lines,) = (c for c in axes.collections if isinstance(c, NamesInCloud))
    medians = [np.median(z[labels == label], axis=0) for label in range(10)]
    ends = {name.get_position() for name in axes.texts}
    segments = [np.asarray(segment) for segment in lines.get_segments()]
    assert len(segments) > 5
    for start, end in segments:
        assert np.isclose(start, medians).all(axis=1).any() and tuple(end) in ends
    assert lines.get_zorder() < min(name.get_zorder() for name in axes.texts)


def test_names_follow_the_view_and_the_size_of_the_axes() -> None:
    z, labels = clusters(10, 20)
    figure = Figure()
    axes = figure.add_subplot()
    plots.latent_scatter(z, labels, DIGITS, box=None, ax=axes)
    axes.set_xlim(0, 25)
    figure.set_size_inches(3, 3)
    assert_apart_and_inside(drawn(figure).axes[0])
    medians: Any = [np.median(z[labels == label, 0]) for label in range(10)]
    low, high = axes.get_xlim()
    inside = [str(k) for k, x in enumerate(medians) if low <= x <= high]
    assert [name.get_text() for name in axes.texts if name.get_visible()] == inside


def test_names_without_room_are_left_out() -> None:
    z, labels = clusters(47, 1)
    figure = Figure(figsize=(1, 1))
    plots.latent_scatter(
        z, labels, [f"class {k}" for k in range(47)], box=None, ax=figure.add_subplot()
    )
    assert len(extents(drawn(figure).axes[0])) < 47


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_cloud_without_points_has_no_names(latent_dim: int) -> None:
    axes = Figure().add_subplot()
    nothing = np.zeros((0, latent_dim))
    plots.latent_scatter(nothing, np.zeros(0, int), DIGITS, ax=axes)
    drawn(root_of(axes))
    assert not axes.texts
