"""Clouds and maps, read back from the figures."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

import jaxae
from jaxae import LECTURE_BOX, Box, grid_points, pca_plane, plots
from jaxae.latent.plane import Plane
from jaxae.plots.style import class_colours
from tests.readback import (
    DIGITS,
    assert_shows,
    box_of,
    cloud,
    drawn,
    embedding,
    tiles,
)

TAB10 = ["1f77b4", "ff7f0e", "2ca02c", "d62728", "9467bd"]
TAB10 += ["8c564b", "e377c2", "7f7f7f", "bcbd22", "17becf"]


def test_scatter_shows_every_example_in_its_class_colour() -> None:
    z, labels = embedding()
    axes = drawn(plots.latent_scatter(z, labels, DIGITS)).axes[0]
    dots = cloud(axes)
    offsets, colours = np.asarray(dots.get_offsets()), np.asarray(dots.get_facecolor())
    assert len(offsets) == 500
    where = {tuple(point): k for k, point in enumerate(z)}
    for offset, colour in zip(offsets, colours, strict=True):
        expected = to_rgb("#" + TAB10[labels[where[tuple(offset)]]])
        np.testing.assert_allclose(colour[:3], expected, atol=1e-6)


def test_scatter_names_each_class_at_the_middle_of_its_colour() -> None:
    z, labels = embedding()
    bar = drawn(plots.latent_scatter(z, labels, DIGITS)).axes[1]
    assert [text.get_text() for text in bar.get_yticklabels()] == DIGITS
    np.testing.assert_allclose(bar.get_yticks(), range(10))
    assert bar.get_ylim() == (-0.5, 9.5)
    (key,) = (c for c in bar.collections if c.get_array() is not None)
    shown = np.asarray(key.to_rgba(np.arange(10.0)))
    np.testing.assert_allclose(shown[:, :3], [to_rgb("#" + colour) for colour in TAB10])


def test_scatter_has_equal_axes_and_the_box_with_its_grid() -> None:
    z, labels = embedding()
    axes = drawn(plots.latent_scatter(z, labels, DIGITS)).axes[0]
    assert axes.get_aspect() == 1
    assert box_of(axes) == (-5, -10, 10, 5)
    points = np.stack(axes.lines[0].get_data(), axis=1)
    np.testing.assert_allclose(points, grid_points(LECTURE_BOX).reshape(-1, 2))
    # Nothing that is drawn lies outside the axes.
    (x_min, x_max), (y_min, y_max) = axes.get_xlim(), axes.get_ylim()
    everything = np.concatenate([points, z])
    assert (everything > [x_min, y_min]).all() and (everything < [x_max, y_max]).all()


def test_no_class_hides_another_and_no_dot_hides_the_box() -> None:
    """Even in a data set sorted by class, every fifth of the drawing order has every class."""
    z, labels = embedding()
    axes = drawn(plots.latent_scatter(z, np.sort(labels), DIGITS)).axes[0]
    dots = cloud(axes)
    for part in np.split(np.asarray(dots.get_array()), 5):
        assert len(np.unique(part)) == 10
    assert dots.get_zorder() < min(axes.patches[0].get_zorder(), axes.lines[0].get_zorder())


def test_dots_get_smaller_and_fainter_as_they_get_denser() -> None:
    areas, opacities = [], []
    for n in (100, 10_000, 60_000):
        dots = cloud(plots.latent_scatter(*embedding(n), DIGITS).axes[0])
        areas.append(float(dots.get_sizes()[0]))
        opacities.append(float(dots.get_alpha() or 1))
        assert dots.get_rasterized()  # So that PDF viewers stay fast.
    assert areas[0] > areas[1] > areas[2] > 0
    assert 1 > opacities[0] > opacities[1] >= opacities[2] > 0


def test_scatter_draws_the_box_and_the_grid_that_it_is_given_or_none() -> None:
    z, labels = embedding()
    box = Box(-1, 7, 2, 5)
    axes = drawn(plots.latent_scatter(z, labels, DIGITS, box=box, n=3)).axes[0]
    assert box_of(axes) == (-1, 2, 7, 5)
    points = np.stack(axes.lines[0].get_data(), axis=1)
    np.testing.assert_allclose(points, [(x, y) for y in (2, 3.5, 5) for x in (-1, 3, 7)])
    axes = drawn(plots.latent_scatter(z, labels, DIGITS, box=None)).axes[0]
    assert not axes.patches and not axes.lines


def test_scatter_of_many_dimensions_shows_the_principal_plane_and_says_so() -> None:
    z, labels = embedding(latent_dim=8)
    axes = drawn(plots.latent_scatter(z, labels, DIGITS)).axes[0]
    assert_shows(axes, pca_plane(z).project(z))
    assert axes.get_xlabel() == "principal component 1 of 8 latent dimensions"
    assert axes.get_ylabel() == "principal component 2"


def test_scatter_shows_the_plane_that_it_is_given() -> None:
    z, labels = embedding(latent_dim=3)
    plane = Plane(np.array([1.0, 2.0, 3.0]), np.eye(3)[[2, 0]], is_pca=True)
    axes = drawn(plots.latent_scatter(z, labels, DIGITS, plane=plane)).axes[0]
    assert_shows(axes, z[:, [2, 0]] - [3, 1])


def test_axes_of_two_dimensions_are_named_after_them() -> None:
    z, labels = embedding()
    for figure in (plots.latent_scatter(z, labels, DIGITS), plots.reconstruction_grid(tiles())):
        axes = drawn(figure).axes[0]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("$z_1$", "$z_2$")


def test_scatter_of_one_dimension_gives_each_class_a_row() -> None:
    z, labels = embedding(latent_dim=1)
    axes = drawn(plots.latent_scatter(z, labels, DIGITS)).axes[0]
    offsets = np.asarray(cloud(axes).get_offsets())
    where = {value: label for value, label in zip(z[:, 0], labels, strict=True)}
    for x, y in offsets:
        assert abs(y - where[x]) < 0.5
    assert [text.get_text() for text in axes.get_yticklabels()] == DIGITS
    assert axes.get_ylabel() == "class"


@pytest.mark.parametrize("name", ["figure", "figure.jpg", "figure."])
def test_a_file_name_without_a_known_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"ends in \.png, \.pdf, \.svg"):
        jaxae.save_figure(Figure(), tmp_path / name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_class_names_are_neither_formulas_nor_markup(tmp_path: Path, latent_dim: int) -> None:
    z, _ = embedding(latent_dim=latent_dim)
    names = [r"$\frac$", "$x$", "<b>&amp;", "a\x1bb"]
    figure = plots.latent_scatter(z, np.arange(500) % 4, names)
    jaxae.save_figure(figure, tmp_path / "figure.png")  # Raises if it parses a formula.
    jaxae.save_figure(figure, tmp_path / "figure.svg")
    root = ElementTree.parse(tmp_path / "figure.svg").getroot()  # Raises unless well-formed.
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for name in (*names[:3], r"a\x1bb"):
        assert texts.count(name) == (2 if latent_dim == 1 else 1)


@pytest.mark.parametrize("classes", [1, 2, 10, 11, 20, 26, 47])
def test_every_class_has_a_different_colour(classes: int) -> None:
    colours, norm = class_colours(classes)
    seen = {tuple(colours(norm(label))) for label in range(classes)}
    assert len(seen) == classes


@pytest.mark.parametrize(("classes", "palette"), [(10, "tab10"), (11, "tab20"), (20, "tab20")])
def test_colours_of_a_palette_are_taken_in_its_order(classes: int, palette: str) -> None:
    colours, norm = class_colours(classes)
    found = [to_hex(colours(norm(label))) for label in range(classes)]
    expected: Any = mpl.colormaps[palette]
    assert found == [to_hex(colour) for colour in expected.colors[:classes]]


def test_the_entropy_map_lies_on_its_box_with_y_upward() -> None:
    entropy = np.array([[0.0, 1.0], [2.0, np.nan]])
    figure = drawn(plots.entropy_map(entropy, Box(-1, 3, 5, 7), 8))
    axes, bar = figure.axes
    (image,) = axes.images
    assert tuple(image.get_extent()) == (-1, 3, 5, 7) and image.origin == "lower"
    shown: Any = image.get_array()
    np.testing.assert_array_equal(shown.filled(np.nan), entropy)
    # From a single class to all classes equally often.
    assert image.get_clim() == (0, 3) and bar.get_ylim() == (0, 3)
    assert bar.get_ylabel() == "entropy of the labels (bits)"


@pytest.mark.parametrize(
    ("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_a_saved_figure_is_whole_and_the_same_each_time(
    tmp_path: Path, suffix: str, magic: bytes
) -> None:
    z, labels = embedding()
    contents = []
    for name in ("one", "two"):
        path = tmp_path / name / f"latent.{suffix}"
        jaxae.save_figure(plots.latent_scatter(z, labels, DIGITS), path)
        contents.append(path.read_bytes())
        assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert contents[0].startswith(magic)
    assert contents[0] == contents[1]
    assert b"CreationDate" not in contents[0] and b"dc:date" not in contents[0]


def test_no_figure_is_left_in_pyplot() -> None:
    z, labels = embedding()
    plots.latent_scatter(z, labels, DIGITS)
    assert plt.get_fignums() == []
