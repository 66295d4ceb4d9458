"""Keys of boxes and classes, read back from the figures."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib import style

from jaxae import plots
from jaxae.config import Width
from jaxae.plots.colours import class_colours
from tests.readback import DIGITS, cloud, drawn, embedding


def test_a_key_says_what_the_box_and_its_points_are() -> None:
    z, labels = embedding()
    key: Any = drawn(plots.latent_scatter(z, labels, DIGITS, n=7)).axes[0].get_legend()
    assert [text.get_text() for text in key.get_texts()] == [
        "sampling box",
        "7 × 7 points decoded in the grid",
    ]
    assert plots.latent_scatter(z, labels, DIGITS, box=None).axes[0].get_legend() is None


def test_a_colour_bar_names_the_colours_of_the_classes_that_are_shown() -> None:
    z, _ = embedding()
    labels = np.array([3, 5, 8])[np.arange(500) % 3]
    names = {3: "three", 5: "five", 8: "eight", 9: "nine"}
    axes = drawn(plots.latent_scatter(z, labels, names)).axes[0]
    bar: Any = axes.child_axes[0]
    assert [text.get_text() for text in bar.get_yticklabels()] == ["three", "five", "eight"]
    assert bar.get_title(loc="left") == "class"
    np.testing.assert_allclose(bar.get_yticks(), range(3))  # Each in the middle of its colour.
    assert bar.get_ylim() == (-0.5, 2.5)
    (key,) = (c for c in bar.collections if c.get_array() is not None)
    np.testing.assert_allclose(key.to_rgba(np.arange(3.0)), class_colours(9)[[3, 5, 8]])
    whole, part = axes.get_window_extent(), bar.get_window_extent()
    np.testing.assert_allclose((part.y0, part.y1), (whole.y0, whole.y1))


def test_the_colour_bar_has_the_colours_of_the_dots_when_few_of_many_classes_are_shown() -> None:
    z, labels = embedding()
    axes = drawn(plots.latent_scatter(z, labels % 2, DIGITS, palette="viridis")).axes[0]
    bar: Any = axes.child_axes[0]
    (key,) = (c for c in bar.collections if c.get_array() is not None)
    of_dots = {tuple(colour[:3]) for colour in np.asarray(cloud(axes).get_facecolor())}
    assert {tuple(colour[:3]) for colour in key.to_rgba(np.arange(2.0))} == of_dots


@pytest.mark.parametrize(("look", "width"), [("paper", "column"), ("slide", "slide")])
def test_names_in_the_colour_bar_do_not_overlap_and_illegible_ones_are_left_out(
    look: str, width: Width
) -> None:
    z = embedding()[0]
    with style.context(f"jaxae.{look}"):
        for classes in (24, 60):
            labels, names = np.arange(500) % classes, list(map(str, range(classes)))
            axes: Any = drawn(plots.latent_scatter(z, labels, names, width=width)).axes[0]
            boxes = [
                text.get_window_extent()
                for bar in axes.child_axes
                for text in bar.get_yticklabels()
            ]
            assert len(boxes) == (24 if classes == 24 else 0)
            assert all(above.y0 >= below.y1 for below, above in pairwise(boxes))
