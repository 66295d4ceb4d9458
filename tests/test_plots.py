"""Clouds and maps, read back from the figures."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import style
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from PIL import Image
from pypdf import PdfReader

import jaxae
from jaxae import LECTURE_BOX, Box, fitted_box, grid_points, pca_plane, plots
from jaxae.latent.plane import Plane
from jaxae.plots.colours import TEN
from tests.readback import (
    DIGITS,
    assert_shows,
    box_of,
    cloud,
    drawn,
    embedding,
    frame_of,
    tiles,
)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (range(10), DIGITS),
        ((3, 5, 8), {3: "three", 5: "five", 8: "eight"}),
        ((0, 1, 7), DIGITS),
    ],
)
def test_a_class_has_its_own_colour_whichever_classes_are_shown(
    labels: Sequence[int], names: Any
) -> None:
    z, k = embedding()
    shown = np.asarray(labels)[k % len(labels)]
    axes = drawn(plots.latent_scatter(z, shown, names, palette="tab10")).axes[0]
    dots = cloud(axes)
    offsets, colours = np.asarray(dots.get_offsets()), np.asarray(dots.get_facecolor())
    assert len(offsets) == 500
    where = {tuple(point): k for k, point in enumerate(z)}
    expected: Any = mpl.colormaps["tab10"]
    for offset, colour in zip(offsets, colours, strict=True):
        label = shown[where[tuple(offset)]]
        np.testing.assert_allclose(colour[:3], expected.colors[label], atol=1e-6)
    frames = {name.get_text(): frame_of(name).get_edgecolor()[:3] for name in axes.texts}
    assert frames == {names[label]: expected.colors[label] for label in labels}


def test_the_default_colours_are_those_of_the_digits() -> None:
    z, labels = embedding()
    axes = plots.latent_scatter(z, labels, DIGITS).axes[0]
    found = [to_hex(frame_of(name).get_edgecolor()) for name in axes.texts]
    assert found == list(TEN)


def test_labels_without_a_name_and_labels_that_are_not_one_per_embedding_are_refused() -> None:
    z, _ = embedding()
    with pytest.raises(ValueError, match=r"no name for label 3, 5, 8, only for 0, 1, 2; .*\{3: 'n"):
        plots.latent_scatter(z[:3], np.array([3, 5, 8]), ["three", "five", "eight"])
    for labels in (np.arange(4), np.zeros(3), np.zeros((3, 1), int)):
        with pytest.raises(ValueError, match="expected 3 integers, one for each embedding"):
            plots.latent_scatter(z[:3], labels, DIGITS)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.array([[0, 1], [np.nan, 2], [3, np.inf]]), "2 of 3 embeddings are not finite"),
        (np.array([[0, 1, 2], [np.nan, 2, 3], [0, 0, 0]]), "1 of 3 embeddings are not finite"),
        (np.zeros(3), r"shape \(3,\); expected \(n, latent_dim\)"),
        (np.zeros((3, 0)), r"shape \(3, 0\); expected \(n, latent_dim\)"),
    ],
)
def test_embeddings_that_cannot_be_drawn_are_refused(z: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plots.latent_scatter(z, np.zeros(3, int), DIGITS)


def test_lists_and_names_that_are_numbers_are_accepted() -> None:
    figure: Any = plots.latent_scatter([[0, 1], [2, 3]], [0, 1], range(2))  # type: ignore[arg-type]
    names = [text.get_text() for text in figure.axes[0].child_axes[0].get_yticklabels()]
    assert names == ["0", "1"]


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
    for part in np.split(np.asarray(dots.get_facecolor()), 5):
        assert len(np.unique(part, axis=0)) == 10
    assert dots.get_zorder() < min(axes.patches[0].get_zorder(), axes.lines[0].get_zorder())


def test_dots_get_smaller_and_fainter_as_they_get_denser() -> None:
    areas, opacities = [], []
    for n, width in ((100, 3.5), (10_000, 7), (10_000, 3.5), (60_000, 3.5)):
        dots = cloud(plots.latent_scatter(*embedding(n), DIGITS, width=width).axes[0])
        areas.append(float(dots.get_sizes()[0]))
        opacities.append(float(dots.get_alpha() or 1))
        assert dots.get_rasterized()  # So that PDF viewers stay fast.
    assert areas[0] > areas[1] > areas[2] >= areas[3] > 0
    assert 1 > opacities[0] >= opacities[1] >= opacities[2] > opacities[3] > 0


def test_scatter_draws_the_box_and_the_grid_that_it_is_given_or_none() -> None:
    z, labels = embedding()
    box = Box(-1, 7, 2, 5)
    axes = drawn(plots.latent_scatter(z, labels, DIGITS, box=box, n=3)).axes[0]
    assert box_of(axes) == (-1, 2, 7, 5)
    points = np.stack(axes.lines[0].get_data(), axis=1)
    np.testing.assert_allclose(points, [(x, y) for y in (2, 3.5, 5) for x in (-1, 3, 7)])
    axes = drawn(plots.latent_scatter(z, labels, DIGITS, box=None)).axes[0]
    assert not axes.patches and not axes.lines


def test_a_plane_of_which_one_axis_has_collapsed_is_not_a_line() -> None:
    z, labels = embedding()
    z = z * [1, 1e-3]
    axes = drawn(plots.latent_scatter(z, labels, DIGITS, box=fitted_box(z))).axes[0]
    extent = axes.get_window_extent()
    assert extent.height == pytest.approx(extent.width)


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


def test_rows_of_one_dimension_are_those_of_the_labels_and_their_names_do_not_overlap() -> None:
    z, _ = embedding(600, latent_dim=1)
    names = {label: f"class {label}" for label in range(0, 120, 2)}
    figure = plots.latent_scatter(z, 2 * (np.arange(600) % 60), names, width="slide")
    (axes,) = drawn(figure).axes
    rows = axes.get_yticklabels()
    assert [text.get_text() for text in rows] == [names[label] for label in range(0, 120, 2)]
    boxes = [text.get_window_extent() for text in rows]
    assert all(below.y1 < above.y0 for below, above in itertools.pairwise(boxes))


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
        # In the cloud and beside the colour bar, or beside the row.
        assert texts.count(name) == (2 if latent_dim == 2 else 1)


def test_the_entropy_map_lies_on_its_box_with_y_upward() -> None:
    entropy = np.array([[0.0, 1.0], [2.0, np.nan]])
    (axes,) = drawn(plots.entropy_map(entropy, Box(-1, 3, 5, 7), 8)).axes
    (image,) = axes.images
    assert tuple(image.get_extent()) == (-1, 3, 5, 7) and image.origin == "lower"
    shown: Any = image.get_array()
    np.testing.assert_array_equal(shown.filled(np.nan), entropy)
    # From a single class to all classes equally often.
    (bar,) = axes.child_axes
    assert image.get_clim() == (0, 3) and bar.get_ylim() == (0, 3)
    assert bar.get_ylabel() == "entropy of\nthe labels (bits)"


@pytest.mark.parametrize("background", ["#ffffff", "#202020"])
def test_the_entropy_map_explains_cells_without_a_colour(background: str) -> None:
    with mpl.rc_context({"axes.facecolor": background, "text.color": "#0000ff"}):
        axes = drawn(plots.entropy_map(np.array([[0, np.nan]]), Box(0, 1, 0, 1), 2)).axes[0]
    key: Any = axes.get_legend()
    assert [text.get_text() for text in key.get_texts()] == ["fewer than 5 embeddings in a cell"]
    (symbol,) = key.get_patches()
    assert to_hex(symbol.get_facecolor()) == background == to_hex(axes.get_facecolor())
    assert to_hex(symbol.get_edgecolor()) == "#0000ff"
    axes = plots.entropy_map(np.array([[0, 1]]), Box(0, 1, 0, 1), 2).axes[0]
    assert axes.get_legend() is None


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


def test_figures_are_drawn_into_the_callers_axes_and_subfigures() -> None:
    z, labels = embedding()
    entropy, box = np.zeros((2, 2)), Box(-5, 5, -5, 5)
    figure = Figure(figsize=(9, 4), layout="constrained")
    halves: Any = figure.subfigures(1, 2)
    left, right = halves
    above, below = left.subplots(2)
    assert plots.latent_scatter(z, labels, DIGITS, ax=above) is figure
    assert plots.entropy_map(entropy, box, 10, ax=below) is figure
    side = plots.Side("model", z, pca_plane(z), box, tiles(), "caption")
    assert plots.side_by_side([side, side], labels, DIGITS, figure=right) is figure
    drawn(figure)
    assert tuple(figure.get_size_inches()) == (9, 4)
    assert len(left.axes) == 2 and len(right.axes) == 4
    assert_shows(above, z)
    for panel in right.axes:
        assert panel.get_window_extent().x0 > figure.bbox.width / 2


def test_the_look_is_that_of_the_callers_rcparams() -> None:
    z, labels = embedding()
    with style.context(["dark_background", {"font.size": 13, "figure.figsize": (4, 4)}]):
        figure = drawn(plots.latent_scatter(z, labels, DIGITS))
    (axes,) = figure.axes
    key: Any = axes.get_legend()
    white, black = to_rgba("white"), to_rgba("black")
    assert figure.get_figwidth() == 4 and axes.xaxis.label.get_fontsize() == 13
    for text in (axes.xaxis.label, *axes.texts, *key.get_texts()):
        assert to_rgba(text.get_color()) == white
    assert axes.patches[0].get_edgecolor() == white == to_rgba(axes.lines[0].get_color())
    assert axes.get_facecolor() == black == (*frame_of(axes.texts[0]).get_facecolor()[:3], 1)
    assert {round(float(text.get_fontsize()), 1) for text in axes.texts} == {10.8}


def test_a_figure_is_good_however_it_is_saved(tmp_path: Path) -> None:
    """Without `save_figure` and without a style file."""
    z, labels = embedding(300)
    figure = plots.latent_scatter(z, labels, DIGITS)
    for suffix in ("pdf", "png", "svg"):
        figure.savefig(tmp_path / f"figure.{suffix}")
    fonts: Any = PdfReader(tmp_path / "figure.pdf").pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    assert {fonts[name]["/Subtype"] for name in fonts} == {"/Type0"}
    with Image.open(tmp_path / "figure.png") as image:
        assert round(image.info["dpi"][0]) == 300
        assert image.width == int(300 * figure.get_figwidth())
    assert (tmp_path / "figure.svg").read_text().count("<text") >= 12


def test_a_pdf_of_many_embeddings_is_small_and_its_text_is_text(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    z, labels = rng.uniform(-5, 5, (100_000, 2)), rng.integers(0, 10, 100_000)
    path, names = tmp_path / "figure.pdf", [f"digit{k}" for k in range(10)]
    jaxae.save_figure(plots.latent_scatter(z, labels, names, width="column"), path)
    assert path.stat().st_size < 2e6
    assert all(name in PdfReader(path).pages[0].extract_text() for name in names)
