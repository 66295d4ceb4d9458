"""Figures, by reading back what is drawn on them."""

from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import jaxae
from jaxae import LECTURE_BOX, Box, EpochMetrics, grid_points, latent_plane, plots
from jaxae.style import class_colours

TAB10 = ["1f77b4", "ff7f0e", "2ca02c", "d62728", "9467bd"]
TAB10 += ["8c564b", "e377c2", "7f7f7f", "bcbd22", "17becf"]
DIGITS = [str(digit) for digit in range(10)]


def drawn(figure: Figure) -> Figure:
    FigureCanvasAgg(figure).draw()
    return figure


def cloud(axes: Axes) -> PathCollection:
    (dots,) = (c for c in axes.collections if isinstance(c, PathCollection))
    return dots


def embedding(n: int = 500, latent_dim: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(0, [4, 1, 0.5][:latent_dim] + [0.1] * (latent_dim - 3), (n, latent_dim)), (
        np.arange(n) % 10
    )


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


def test_scatter_has_equal_axes_and_the_box_with_its_grid() -> None:
    z, labels = embedding()
    axes = drawn(plots.latent_scatter(z, labels, DIGITS, n=12)).axes[0]
    assert axes.get_aspect() == 1
    (box,) = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    np.testing.assert_allclose(box.get_bbox().extents, [-5, -10, 10, 5])
    points = np.stack(axes.lines[0].get_data(), axis=1)
    assert len(points) == 144
    np.testing.assert_allclose(points.min(axis=0), [-5, -10])
    np.testing.assert_allclose(points.max(axis=0), [10, 5])
    # Nothing that is drawn lies outside the axes.
    (x_min, x_max), (y_min, y_max) = axes.get_xlim(), axes.get_ylim()
    everything = np.concatenate([points, z])
    assert (everything > [x_min, y_min]).all() and (everything < [x_max, y_max]).all()


def test_scatter_of_many_dimensions_shows_the_principal_plane_and_says_so() -> None:
    z, labels = embedding(latent_dim=8)
    axes = drawn(plots.latent_scatter(z, labels, DIGITS)).axes[0]
    expected = latent_plane(z).project(z)
    offsets = np.asarray(cloud(axes).get_offsets())
    np.testing.assert_allclose(np.sort(offsets[:, 0]), np.sort(expected[:, 0]))
    assert axes.get_xlabel() == "principal component 1 of 8 latent dimensions"


def test_scatter_of_one_dimension_gives_each_class_a_row() -> None:
    z, labels = embedding(latent_dim=1)
    axes = drawn(plots.latent_scatter(z, labels, DIGITS)).axes[0]
    offsets = np.asarray(cloud(axes).get_offsets())
    where = {value: label for value, label in zip(z[:, 0], labels, strict=True)}
    for x, y in offsets:
        assert abs(y - where[x]) < 0.5
    assert [text.get_text() for text in axes.get_yticklabels()] == DIGITS


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_class_names_are_text_never_formulas_or_markup(tmp_path: Path, latent_dim: int) -> None:
    z, _ = embedding(latent_dim=latent_dim)
    names = [r"$\frac$", "$x$", "<b>&amp;", "a\x1bb"]
    figure = plots.latent_scatter(z, np.arange(500) % 4, names)
    jaxae.save_figure(figure, tmp_path / "figure.png")  # Where a formula would be parsed.
    jaxae.save_figure(figure, tmp_path / "figure.svg")
    root = ElementTree.parse(tmp_path / "figure.svg").getroot()  # Well-formed, or it raises.
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for name in (*names[:3], r"a\x1bb"):
        assert texts.count(name) == (2 if latent_dim == 1 else 1)


@pytest.mark.parametrize("classes", [1, 2, 10, 11, 20, 26, 47])
def test_every_class_has_a_colour_of_its_own(classes: int) -> None:
    colours, norm = class_colours(classes)
    seen = {tuple(colours(norm(label))) for label in range(classes)}
    assert len(seen) == classes


def tiles(box: Box = LECTURE_BOX, rows: int = 12, columns: int = 12) -> np.ndarray:
    """Each tile is flat grey, but for a white top-left pixel; its grey tells row and column."""
    grey = np.linspace(0, 0.9, rows * columns).reshape(rows, columns, 1, 1)
    images = np.tile(grey, (1, 1, 6, 5))
    images[:, :, 0, 0] = 1
    return images


@pytest.mark.parametrize("box", [LECTURE_BOX, Box(0, 1, -30, 2)])
def test_each_tile_is_centred_on_the_point_it_was_decoded_from(box: Box) -> None:
    images = tiles(box)
    axes = drawn(plots.reconstruction_grid(images, box)).axes[0]
    (image,) = axes.images
    shown = np.asarray(image.get_array())
    left, right, bottom, top = image.get_extent()
    assert image.origin == "upper"
    height, width = shown.shape
    points = grid_points(box)
    for row, column in [(0, 0), (0, 11), (11, 0), (5, 7)]:
        x, y = points[row, column]
        # The pixels of a 6×5 tile around that point, found through the extent alone.
        pixel_x = (x - left) / (right - left) * width - 2.5
        pixel_y = (top - y) / (top - bottom) * height - 3
        np.testing.assert_allclose([pixel_x, pixel_y], np.rint([pixel_x, pixel_y]), atol=1e-6)
        tile = shown[round(pixel_y) :, round(pixel_x) :][:6, :5]
        np.testing.assert_array_equal(tile, images[row, column])


def test_grid_has_square_pixels_and_the_full_grey_scale() -> None:
    axes = drawn(plots.reconstruction_grid(tiles(), Box(0, 1, -30, 2))).axes[0]
    (image,) = axes.images
    extent = axes.get_window_extent()
    height, width = np.asarray(image.get_array()).shape
    np.testing.assert_allclose(extent.height / height, extent.width / width, rtol=1e-3)
    assert image.get_clim() == (0, 1)
    assert image.get_cmap().name == "gray"


def test_grid_of_one_dimension_is_a_single_row() -> None:
    axes = drawn(plots.reconstruction_grid(tiles(rows=1))).axes[0]
    assert np.asarray(axes.images[0].get_array()).shape == (6, 60)
    assert len(axes.get_yticks()) == 0


def test_curve_draws_both_losses() -> None:
    history = [EpochMetrics(k, 40 / k, 41 / k, 1.0, 6e4) for k in (1, 2, 3)]
    axes = drawn(plots.training_curve(history)).axes[0]
    lines = {line.get_label(): np.asarray(line.get_xydata()) for line in axes.lines}
    np.testing.assert_allclose(lines["train"], [[1.0, 40.0], [2.0, 20.0], [3.0, 40 / 3]])
    np.testing.assert_allclose(lines["test"], [[1.0, 41.0], [2.0, 20.5], [3.0, 41 / 3]])
    assert axes.texts[0].get_text() == "13.7"


def test_reconstructions_put_originals_above() -> None:
    originals = np.random.default_rng(0).integers(0, 256, (5, 8, 6), dtype=np.uint8)
    decoded = np.random.default_rng(1).random((5, 8, 6))
    figure = drawn(plots.reconstructions(originals, decoded))
    above, below = sorted(figure.axes, key=lambda axes: -axes.get_position().y0)
    np.testing.assert_allclose(np.asarray(above.images[0].get_array())[:, 6:12], originals[1] / 255)
    np.testing.assert_allclose(np.asarray(below.images[0].get_array())[:, 6:12], decoded[1])
    assert (above.get_ylabel(), below.get_ylabel()) == ("original", "decoded")


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


def test_no_figure_is_left_in_pyplot() -> None:
    z, labels = embedding()
    plots.latent_scatter(z, labels, DIGITS)
    assert plt.get_fignums() == []
