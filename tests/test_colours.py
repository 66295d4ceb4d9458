"""Colours of classes: their distances as readers see them, and palettes."""

from typing import Any

import colour
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.colors import to_hex, to_rgb

from jaxae.plots.colours import DEFAULT, TEN, class_colours

# `import colour` changes how NumPy prints arrays, also for the examples of docstrings.
np.set_printoptions(legacy=False)

# Pairs of digits of which more than 5% of the neighbours of one are of the other, in the latent
# plane of an autoencoder or a variational autoencoder of MNIST.
TOUCHING = [(2, 3), (2, 8), (3, 5), (3, 8), (4, 7), (4, 9), (5, 8), (7, 9)]


def distances(deficiency: str | None) -> npt.NDArray[np.float64]:
    """CIEDE2000 between any two of the ten colours, shape (10, 10)."""
    rgb = colour.models.eotf_sRGB(np.array([to_rgb(name) for name in TEN]))
    if deficiency is not None:
        matrix = colour.blindness.matrix_cvd_Machado2009(deficiency, 1)
        rgb = np.clip(colour.algebra.vecmul(matrix, rgb), 0, 1)
    lab = colour.XYZ_to_Lab(colour.RGB_to_XYZ(rgb, "sRGB"))
    return np.asarray(colour.delta_E(lab[:, None], lab, method="CIE 2000"))


@pytest.mark.parametrize(
    ("deficiency", "any_two", "touching"),
    [(None, 23, 40), ("Deuteranomaly", 14, 27), ("Protanomaly", 14, 38)],
)
def test_colours_differ_for_every_reader_and_most_where_digits_touch(
    deficiency: str | None, any_two: float, touching: float
) -> None:
    distance = distances(deficiency)
    assert distance[np.triu_indices(10, 1)].min() >= any_two
    assert min(distance[pair] for pair in TOUCHING) >= touching


def test_colours_are_neither_too_pale_on_white_nor_too_dark_on_black() -> None:
    """By the contrast ratio of WCAG 2."""
    rgb = colour.models.eotf_sRGB(np.array([to_rgb(name) for name in TEN]))
    luminance = rgb @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05)).min() > 1.7
    assert ((luminance + 0.05) / 0.05).min() > 2.7


@pytest.mark.parametrize("count", [1, 2, 10, 11, 20, 26, 47])
def test_every_class_has_a_different_colour_that_does_not_depend_on_their_number(
    count: int,
) -> None:
    colours = class_colours(count)
    assert len(np.unique(colours, axis=0)) == count
    np.testing.assert_array_equal(colours, class_colours(60, DEFAULT)[:count])


@pytest.mark.parametrize(("palette", "count"), [("tab10", 10), ("tab20", 13), ("Set1", 3)])
def test_a_palette_that_is_a_list_is_used_in_its_order(palette: str, count: int) -> None:
    expected: Any = mpl.colormaps[palette]
    np.testing.assert_allclose(class_colours(count, palette)[:, :3], expected.colors[:count])


def test_a_continuous_palette_is_sampled_evenly() -> None:
    for name in ("viridis", "coolwarm"):
        expected = mpl.colormaps[name]([0, 0.5, 1.0])
        np.testing.assert_array_equal(class_colours(3, name), expected)


def test_a_palette_may_be_a_sequence_of_colours() -> None:
    colours = class_colours(3, ["red", "#00ff00", (0, 0, 1), "not needed"])
    assert [to_hex(rgba) for rgba in colours] == ["#ff0000", "#00ff00", "#0000ff"]


@pytest.mark.parametrize(
    ("palette", "message"),
    [
        (
            "tap10",
            r"palette 'tap10'; expected jaxae, .*Set1.* or any .* map; did you mean tab10",
        ),
        ("", r"unknown palette ''; expected jaxae"),
        ("tab10", r"'tab10' has 10 colours; expected 11 or more, one for each label from 0 to 10"),
        (["red", "blue"], r"has 2 colours; expected 11 or more"),
        (["nonsense"] * 11, r"palette: .*'nonsense'.*; expected a colour of Matplotlib"),
    ],
)
def test_a_palette_that_cannot_be_used_is_refused_in_one_line(palette: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        class_colours(11, palette)
    assert "\n" not in str(caught.value)
