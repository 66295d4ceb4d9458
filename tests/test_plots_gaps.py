"""Tiles in gaps and occupied tiles, read back from the figure."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from jaxae import plots
from jaxae.plots.style import BLUE, ORANGE
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
    np.testing.assert_allclose(axes.get_xticks(), [2.5, 7.5, 12.5, 17.5])  # Below the middles.
    assert axes.get_ylabel() == name
    assert_grey(axes)


@pytest.mark.parametrize(
    ("what", "label"),
    [
        ("confidence", "classifier's confidence"),
        ("distance", "distance to nearest training image"),
    ],
)
def test_gap_tiles_show_all_values_of_both_groups_with_their_means_intervals(
    gaps: dict[str, Any], what: str, label: str
) -> None:
    figure = drawn(plots.gap_tiles(**gaps))
    (axes,) = (axes for axes in figure.axes if axes.get_xlabel() == label)
    dots = [line for line in axes.lines if line.get_marker() == "."]
    means = [line for line in axes.lines if line.get_marker() == "D"]
    for index, own in enumerate((gaps["in_gap"], ~gaps["in_gap"])):
        values = gaps[what][own]
        np.testing.assert_array_equal(dots[index].get_xdata(), values)
        assert dots[index].get_color() == (ORANGE, BLUE)[index]
        assert (np.abs(np.asarray(dots[index].get_ydata(), float) - index) < 0.5).all()
        np.testing.assert_allclose(np.asarray(means[index].get_xydata()), [[values.mean(), index]])
        (bar,) = axes.containers[index][2]
        ends = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        (segment,) = bar.get_segments()
        np.testing.assert_allclose(segment, [[ends[0], index], [ends[1], index]])
    bottom, top = axes.get_ylim()
    assert bottom > 1 and top < 0  # Gaps on top, as in the tiles above.


def test_gap_tiles_show_ten_of_each_kind(gaps: dict[str, Any]) -> None:
    for axes in from_the_top(drawn(plots.gap_tiles(**gaps)))[:2]:
        assert strip(axes).shape == (4, 50)


def test_gap_tiles_name_their_groups_beside_the_values(gaps: dict[str, Any]) -> None:
    left = drawn(plots.gap_tiles(**gaps)).axes[2]
    assert list(left.get_yticks()) == [0, 1]
    assert [text.get_text() for text in left.get_yticklabels()] == ["in gaps", "occupied"]


def test_gap_tiles_of_a_cloud_without_gaps_leave_their_row_empty(gaps: dict[str, Any]) -> None:
    gaps["in_gap"][:] = False
    above, below = from_the_top(drawn(plots.gap_tiles(**gaps, shown=50)))[:2]
    assert not above.images and strip(below).shape == (4, 200)
