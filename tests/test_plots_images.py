"""Grids and rows of images, read back from the figures."""

import numpy as np
import pytest
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_hex

from jaxae import LECTURE_BOX, Box, grid_points, pca_plane, plots
from jaxae.plots.tiles import text_inches
from tests.readback import (
    DIGITS,
    assert_grey,
    assert_shows,
    box_of,
    drawn,
    embedding,
    from_the_top,
    strip,
    tiles,
)


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
        # The pixels of the 6×5 tile around that point, from the extent alone.
        pixel_x = (x - left) / (right - left) * width - 2.5
        pixel_y = (top - y) / (top - bottom) * height - 3
        np.testing.assert_allclose([pixel_x, pixel_y], np.rint([pixel_x, pixel_y]), atol=1e-6)
        tile = shown[round(pixel_y) :, round(pixel_x) :][:6, :5]
        np.testing.assert_array_equal(tile, images[row, column])


@pytest.mark.parametrize(
    ("rows", "columns", "box", "extent"),
    [
        (12, 12, LECTURE_BOX, (-5 - 15 / 22, 10 + 15 / 22, -10 - 15 / 22, 5 + 15 / 22)),
        (3, 5, Box(0, 8, -6, -2), (-1, 9, -7, -1)),
        (1, 5, Box(0, 8, 0, 0), (-1, 9, -1, 1)),
        (1, 5, Box(0, 8, 3, 5), (-1, 9, -1, 1)),
    ],
)
def test_a_grid_extends_half_a_tile_beyond_its_box(
    rows: int, columns: int, box: Box, extent: tuple[float, ...]
) -> None:
    images = tiles(rows=rows, columns=columns)
    axes = drawn(plots.reconstruction_grid(images, box)).axes[0]
    np.testing.assert_allclose(axes.images[0].get_extent(), extent)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    np.testing.assert_allclose([left, right, bottom, top], extent)
    # The top row of tiles is the last row of the grid.
    shown = np.asarray(axes.images[0].get_array())
    np.testing.assert_array_equal(shown[:6, 5:10], images[-1, 1])


def test_grid_has_square_pixels_and_the_full_grey_scale() -> None:
    axes = drawn(plots.reconstruction_grid(tiles(columns=7), Box(0, 1, -30, 2))).axes[0]
    (image,) = axes.images
    extent = axes.get_window_extent()
    height, width = np.asarray(image.get_array()).shape
    np.testing.assert_allclose(extent.height / height, extent.width / width, rtol=1e-3)
    assert_grey(axes)


def test_grid_of_one_dimension_is_a_single_row() -> None:
    axes = drawn(plots.reconstruction_grid(tiles(rows=1))).axes[0]
    assert np.asarray(axes.images[0].get_array()).shape == (6, 60)
    assert len(axes.get_yticks()) == 0 and axes.get_ylabel() == ""


def test_a_grid_on_a_principal_plane_names_the_components() -> None:
    plane = pca_plane(embedding(latent_dim=5)[0])
    axes = drawn(plots.reconstruction_grid(tiles(), plane=plane)).axes[0]
    assert axes.get_xlabel() == "principal component 1 of 5 latent dimensions"


def test_images_are_laid_out_row_by_row() -> None:
    images = tiles(rows=3, columns=4).reshape(12, 6, 5)
    axes = drawn(plots.image_grid(images, columns=4)).axes[0]
    shown = np.asarray(axes.images[0].get_array())
    assert shown.shape == (18, 20)
    np.testing.assert_array_equal(shown[6:12, 10:15], images[4 + 2])
    assert_grey(axes)


def test_frames_are_coloured_by_distance_and_stay_inside_their_tiles() -> None:
    box, n = Box(0, 22, -11, 0), 12
    distance = np.arange(144.0).reshape(n, n)
    (axes,) = drawn(plots.coverage_grid(tiles(), distance, 10.0, 0.253, box)).axes
    frames = frames_of(axes)
    # In multiples of the radius, up to four.
    np.testing.assert_allclose(np.asarray(frames.get_array()), np.minimum(distance.ravel() / 10, 4))
    corners = np.array([path.get_extents().get_points() for path in frames.get_paths()])
    np.testing.assert_allclose(corners.mean(axis=1), grid_points(box).reshape(-1, 2), atol=1e-9)
    sizes = np.ptp(corners, axis=1)
    assert (sizes < [2, 1]).all() and (sizes > [1.6, 0.8]).all()


def test_the_scale_of_the_frames_says_where_gaps_begin() -> None:
    axes = drawn(plots.coverage_grid(tiles(), np.ones((12, 12)), 1.0, 0.253)).axes[0]
    (bar,) = axes.child_axes
    assert frames_of(axes).get_clim() == (0, 4) and bar.get_xlim() == (0, 4)
    said = [text.get_text() for text in bar.get_xticklabels(minor=True)]
    near, far = bar.get_xticks(minor=True)
    assert said == ["occupied", "in gaps"] and near < 1 < far
    (mark,) = bar.lines
    assert np.asarray(mark.get_xdata()).tolist() == [1, 1]
    title = axes.get_title(loc="left").replace("\n", " ")
    assert title.startswith("25% of the box is occupied, 75% lies in gaps ")
    assert title.endswith(" distance to the nearest embedding (half tiles)")


def test_frames_are_legible_on_black_and_thicker_in_gaps() -> None:
    distance = np.linspace(0, 5, 144).reshape(12, 12)
    frames = frames_of(drawn(plots.coverage_grid(tiles(), distance, 1.0, 0.5)).axes[0])
    # The contrast with black by WCAG 2.1, which asks for 3 in graphics.
    colours = np.asarray(frames.get_edgecolor())[:, :3]
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    assert (linear @ [0.2126, 0.7152, 0.0722] / 0.05 + 1 >= 3).all()
    widths, in_gap = np.asarray(frames.get_linewidth()), distance.ravel() > 1
    assert widths[in_gap].min() > widths[~in_gap].max()


def test_frames_and_grid_name_the_components_of_a_plane() -> None:
    plane = pca_plane(embedding(latent_dim=3)[0])
    figure = plots.coverage_grid(tiles(), np.ones((12, 12)), 1.0, 0.5, plane=plane)
    assert figure.axes[0].get_ylabel() == "principal component 2"
    said = figure.axes[0].get_title(loc="left").replace("\n", " ")
    assert said.endswith("distance to the nearest embedding in 3 dimensions (half tiles)")


def test_the_title_of_the_frames_is_not_wider_than_the_tiles_on_a_slide() -> None:
    with style.context("jaxae.slide"):
        figure = plots.coverage_grid(tiles(), np.ones((12, 12)), 1.0, 0.5, width="slide")
        axes = drawn(figure).axes[0]
        lines = axes.get_title(loc="left").split("\n")
        wide = max(text_inches(line, "axes.titlesize") for line in lines)
    assert wide < 1.2 * axes.get_window_extent().width / figure.dpi


def test_frames_keep_their_colours_on_the_scale_and_leave_the_tiles_visible() -> None:
    distance = np.full((12, 12), 1.0)
    distance[2, 5], distance[7, 1] = 0.0, 100.0
    axes = drawn(plots.coverage_grid(tiles(), distance, 1.0, 0.5)).axes[0]
    frames = frames_of(axes)
    edges = np.asarray(frames.get_edgecolor())
    scale = frames.get_cmap()
    assert to_hex(edges[2 * 12 + 5]) == to_hex(scale(0.0))
    assert to_hex(edges[7 * 12 + 1]) == to_hex(scale(1.0))
    assert len(np.asarray(frames.get_facecolor())) == 0
    np.testing.assert_allclose(axes.images[0].get_extent()[0], -5 - 15 / 22)
    np.testing.assert_array_equal(np.asarray(axes.images[0].get_array())[:6, :5], tiles()[-1, 0])


def frames_of(axes: Axes) -> PatchCollection:
    (frames,) = (c for c in axes.collections if isinstance(c, PatchCollection))
    return frames


def test_reconstructions_put_originals_above() -> None:
    originals = np.random.default_rng(0).integers(0, 256, (5, 8, 6), dtype=np.uint8)
    decoded = np.random.default_rng(1).random((5, 8, 6))
    for given in (originals, originals / 255):
        (axes,) = drawn(plots.reconstructions(given, decoded)).axes
        above, below = np.split(strip(axes), 2)
        np.testing.assert_allclose(above, np.hstack(list(originals / 255)))
        np.testing.assert_allclose(below, np.hstack(list(decoded)))
        assert row_names(axes) == ["original", "decoded"]
        assert_grey(axes)


def test_reconstructions_name_classes_once_above_their_images() -> None:
    images = np.zeros((6, 4, 4))
    names = ["$a", "$a", "$a", "b", "b", "c"]
    (axes,) = drawn(plots.reconstructions(images, images, names)).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["$a", "b", "c"]
    np.testing.assert_allclose(axes.get_xticks(), [1.5, 4, 5.5])
    extent = axes.get_window_extent()
    assert all(text.get_window_extent().y0 > extent.y1 for text in axes.get_xticklabels())
    assert [np.asarray(line.get_xdata()).tolist() for line in axes.lines] == [[3, 3], [5, 5]]


@pytest.mark.parametrize(("name", "rotation"), [("0", 0), ("a long name", 45)])
def test_names_of_classes_are_slanted_where_they_would_overlap(name: str, rotation: float) -> None:
    images, names = np.zeros((10, 4, 4)), [f"{name} {k}" for k in range(10)]
    with style.context("jaxae.paper", after_reset=True):
        (axes,) = drawn(plots.reconstructions(images, images, names, width="column")).axes
    assert {text.get_rotation() for text in axes.get_xticklabels()} == {rotation}


def test_reconstructions_continue_below_rather_than_become_illegible() -> None:
    images = np.random.default_rng(0).random((26, 4, 4))
    with style.context("jaxae.paper", after_reset=True):
        figure = drawn(plots.reconstructions(images, images, width="column"))
    first, second, third = from_the_top(figure)
    for axes, own in ((first, images[:9]), (second, images[9:18]), (third, images[18:])):
        np.testing.assert_array_equal(np.split(strip(axes), 2)[0], np.hstack(list(own)))
        assert axes.get_xlim() == (0, 9)
    # 0.3 inches, in which 28 pixels are a tenth of a millimetre or more each.
    assert first.get_position().width * figure.get_figwidth() / 9 >= 0.3


def test_reconstructions_may_have_eight_bits() -> None:
    eight = np.arange(24, dtype=np.uint8).reshape(1, 4, 6)
    figure = plots.reconstructions(eight / 255, 255 - eight)
    np.testing.assert_allclose(strip(figure.axes[0]), np.vstack([eight[0], 255 - eight[0]]) / 255)


def test_few_reconstructions_are_not_enlarged() -> None:
    images = np.zeros((1, 4, 4))
    figure = drawn(plots.reconstructions(images, images, width="page"))
    assert max(figure.get_size_inches()) < 2.2


def test_interpolations_have_a_row_for_each_model_from_start_to_end() -> None:
    strips = {name: np.random.default_rng(k).random((7, 4, 3)) for k, name in enumerate("ab")}
    rows = from_the_top(drawn(plots.interpolations(strips)))
    assert [axes.get_title(loc="left") for axes in rows] == ["a", "b"]
    for axes, images in zip(rows, strips.values(), strict=True):
        np.testing.assert_array_equal(strip(axes), np.hstack(list(images)))
        assert_grey(axes)
    said = rows[-1].get_xlabel().replace("\n", " ")
    assert said == "decoded: equal steps along a straight line in latent space"


def test_interpolations_show_and_name_the_images_at_their_ends() -> None:
    strips = {"model": np.random.default_rng(0).random((7, 4, 3))}
    originals = np.random.default_rng(1).integers(0, 256, (2, 4, 3), dtype=np.uint8)
    pairs: list[tuple[str, str]] = [("ring", "$bar"), ("ring", "ring")]
    for names in pairs:
        ends = {"model": plots.Ends(originals, names)}
        (axes,) = drawn(plots.interpolations(strips, ends)).axes
        decoded, start, end = sorted(axes.images, key=lambda image: image.get_size()[1])[::-1]
        start, end = sorted((start, end), key=lambda image: image.get_extent()[0])
        np.testing.assert_allclose(np.asarray(start.get_array()), originals[0] / 255)
        np.testing.assert_allclose(np.asarray(end.get_array()), originals[1] / 255)
        assert start.get_extent()[1] < decoded.get_extent()[0] == 0
        assert end.get_extent()[0] > decoded.get_extent()[1] == 7
        said = [text.get_text() for text in axes.get_xticklabels()]
        assert said == [f"original: {name}" for name in names]
        assert ("of one class" in axes.get_xlabel().replace("\n", " ")) == (names[0] == names[1])


def test_neighbouring_rows_of_the_same_classes_share_their_names() -> None:
    strips = {name: np.zeros((7, 4, 3)) for name in "abc"}
    two = np.zeros((2, 4, 3))
    names = {"a": ("x", "y"), "b": ("x", "y"), "c": ("x", "z")}
    ends = {name: plots.Ends(two, pair) for name, pair in names.items()}
    rows = from_the_top(drawn(plots.interpolations(strips, ends)))
    said = [[text.get_text() for text in axes.get_xticklabels()] for axes in rows]
    assert said == [[], ["original: x", "original: y"], ["original: x", "original: z"]]


def row_names(axes: Axes) -> list[str]:
    """The names beside an image, from the top."""
    ticks = sorted(zip(axes.get_yticks(), axes.get_yticklabels(), strict=True))
    return [text.get_text() for _, text in ticks]


def test_each_side_has_its_own_cloud_box_grid_and_numbers() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(20) % 10
    sides = [
        plots.Side(
            name,
            rng.normal(size=(20, 2)) + 5 * k,
            pca_plane(np.zeros((1, 2))),
            Box(k, 3 + k, 0, 2 + k),
            tiles() / (k + 1),
            f"{k} gaps",
        )
        for k, name in enumerate(("left", "right"))
    ]
    figure = drawn(plots.side_by_side(sides, labels, DIGITS))
    by_name = {axes.get_title(): axes for axes in figure.axes}
    for side in sides:
        above, below = by_name[side.name], by_name[side.caption]
        assert_shows(above, side.z)
        x_min, x_max, y_min, y_max = side.box
        assert box_of(above) == (x_min, y_min, x_max, y_max)
        left, right = x_min - 3 / 22, x_max + 3 / 22
        np.testing.assert_allclose(below.images[0].get_extent()[:2], (left, right))
        np.testing.assert_array_equal(strip(below)[:6, :5], side.images[-1, 0])
        assert above.get_position().y0 > below.get_position().y0
    first, second = (by_name[side.name].get_position().x0 for side in sides)
    assert first < second
