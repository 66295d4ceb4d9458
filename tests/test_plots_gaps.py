"""Tiles in gaps and occupied tiles, read back from the figure."""

from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from jaxae import plots
from tests.readback import assert_grey, drawn, from_the_top, strip


@pytest.fixture
def gaps() -> dict[str, Any]:
    """40 tiles, of which every third is in a gap."""
    rng = np.random.default_rng(0)
    return {
        "images": rng.random((40, 4, 5)),
        "in_gap": np.arange(40) % 3 == 0,
        "confidence": rng.random(40),
        "distance": 5 + 10 * rng.random(40),
    }


@pytest.mark.parametrize(("row", "name"), [(0, "in gaps"), (1, "occupied")])
def test_gap_tiles_are_evenly_spaced_in_order_of_distance(
    gaps: dict[str, Any], row: int, name: str
) -> None:
    axes = from_the_top(drawn(plots.gap_tiles(**gaps, shown=4)))[row]
    own = np.flatnonzero(gaps["in_gap"] if name == "in gaps" else ~gaps["in_gap"])
    by_distance = own[np.argsort(gaps["distance"][own])]
    # Of 14 tiles in gaps and 26 others.
    picked = by_distance[[0, 4, 9, 13] if name == "in gaps" else [0, 8, 17, 25]]
    np.testing.assert_array_equal(strip(axes), np.hstack(list(gaps["images"][picked])))
    said = [text.get_text() for text in axes.get_xticklabels()]
    assert said == [f"{gaps['confidence'][i]:.2f}" for i in picked]
    np.testing.assert_allclose(axes.get_xticks(), [0.5, 1.5, 2.5, 3.5])  # Below the middles.
    (beside,) = axes.get_yticklabels()
    assert beside.get_text() == f"{name}\n4 of {len(own)}"
    assert_grey(axes)


@pytest.mark.parametrize(
    ("what", "label"),
    [
        ("confidence", "classifier's confidence"),
        ("distance", "distance to the nearest training image (pixels)"),
    ],
)
def test_gap_tiles_show_all_values_of_both_groups_with_their_means(
    gaps: dict[str, Any], what: str, label: str
) -> None:
    figure = drawn(plots.gap_tiles(**gaps))
    (axes,) = (axes for axes in values_of(figure) if label_of(axes) == label)
    dots = [line for line in axes.lines if line.get_marker() == "."]
    means = [line for line in axes.lines if line.get_marker() == "D"]
    for index, own in enumerate((gaps["in_gap"], ~gaps["in_gap"])):
        values = gaps[what][own]
        np.testing.assert_array_equal(dots[index].get_xdata(), values)
        assert dots[index].get_color() == to_hex(("C1", "C0")[index])
        assert (np.abs(np.asarray(dots[index].get_ydata(), float) - index) < 0.5).all()
        np.testing.assert_allclose(np.asarray(means[index].get_xydata()), [[values.mean(), index]])
    bottom, top = axes.get_ylim()
    assert bottom > 1 and top < 0  # Gaps on top, as in the tiles above.


@pytest.mark.parametrize("font", [8, 10, 12])
def test_the_text_of_gap_tiles_does_not_overlap_in_a_column(
    gaps: dict[str, Any], font: float
) -> None:
    with mpl.rc_context({"font.size": font}):
        figure = drawn(plots.gap_tiles(**gaps, predicted=["9"] * 40, width="column"))
    for axes in [*from_the_top(figure)[:2], *values_of(figure)]:
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            if labels and labels[0].get_rotation() == 0:
                boxes = [label.get_window_extent() for label in labels if label.get_text()]
                assert all(not a.overlaps(b) for a, b in pairwise(boxes))


def test_gap_tiles_show_ten_of_each_kind(gaps: dict[str, Any]) -> None:
    for axes in from_the_top(drawn(plots.gap_tiles(**gaps)))[:2]:
        assert strip(axes).shape == (4, 50)


def test_gap_tiles_name_their_groups_and_sizes_beside_the_values(gaps: dict[str, Any]) -> None:
    left, right = values_of(drawn(plots.gap_tiles(**gaps)))
    assert list(left.get_yticks()) == [0, 1]
    said = [text.get_text() for text in left.get_yticklabels()]
    assert said == ["in gaps\nn = 14", "occupied\nn = 26"]
    legend: Any = right.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["mean"]


def test_gap_tiles_show_the_predicted_class_with_its_confidence(gaps: dict[str, Any]) -> None:
    predicted = [f"${k}" for k in range(40)]
    above = from_the_top(drawn(plots.gap_tiles(**gaps, shown=4, predicted=predicted)))[0]
    picked = np.flatnonzero(gaps["in_gap"])[np.argsort(gaps["distance"][gaps["in_gap"]])]
    said = [text.get_text() for text in above.get_xticklabels()]
    assert said == [f"${i}\n{gaps['confidence'][i]:.2f}" for i in picked[[0, 4, 9, 13]]]
    said_above = above.get_title(loc="left").replace("\n", " ")
    assert "nearest to training images first" in said_above


@pytest.mark.parametrize(
    ("in_gap", "name", "said"),
    [(False, "occupied", "no tile lies in a gap"), (True, "in gaps", "all tiles lie in gaps")],
)
def test_gap_tiles_of_one_kind_have_one_row_and_say_so(
    gaps: dict[str, Any], in_gap: bool, name: str, said: str
) -> None:
    gaps["in_gap"][:] = in_gap
    figure = drawn(plots.gap_tiles(**gaps, shown=50))
    (axes,) = (axes for axes in figure.axes if axes.images)
    assert strip(axes).shape == (4, 200)
    assert axes.get_title(loc="left").replace("\n", " ").endswith(said)
    for values, dots in zip(("confidence", "distance"), values_of(figure), strict=True):
        np.testing.assert_array_equal(dots.lines[0].get_xdata(), gaps[values])
        assert len(dots.get_yticks()) == 1
    assert values_of(figure)[0].get_yticklabels()[0].get_text() == f"{name}\nn = 40"


def values_of(figure: Figure) -> list[Any]:
    """The axes with the values of all tiles."""
    return from_the_top(figure)[-1].child_axes


def label_of(axes: Axes) -> str:
    return axes.get_xlabel().replace("\n", " ")
