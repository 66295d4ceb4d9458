"""Pictures of images: their size, their style, and the caller's figure."""

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from jaxae import Box, plots
from jaxae.config import Width
from jaxae.plots.tiles import mosaic_of, text_inches, wrapped
from tests.readback import drawn, tiles

Images = npt.NDArray[np.floating]


def gap_tiles(images: Images, **own: Any) -> Figure:
    distance = np.linspace(1, 9, 12)
    predicted = ["class"] * 12
    return plots.gap_tiles(images, distance > 4, distance / 9, distance, predicted=predicted, **own)


def coverage_grid(images: Images, **own: Any) -> Figure:
    distance = np.arange(12.0).reshape(3, 4)
    return plots.coverage_grid(grid_of(images), distance, 2.0, 0.5, **own)


def grid_of(images: Images) -> Images:
    return images.reshape(3, 4, *images.shape[1:])


# Each draws twelve images.
OF_AXES: dict[str, Callable[..., Figure]] = {
    "reconstruction_grid": lambda x, **own: plots.reconstruction_grid(grid_of(x), **own),
    "row": lambda x, **own: plots.reconstruction_grid(x[None], **own),
    "coverage_grid": coverage_grid,
    "image_grid": lambda x, **own: plots.image_grid(x, 4, title="twelve", **own),
}
OF_FIGURES: dict[str, Callable[..., Figure]] = {
    "reconstructions": lambda x, **own: plots.reconstructions(x, x, list("aaaabbbbcccc"), **own),
    "interpolations": lambda x, **own: plots.interpolations(
        {"a": x, "b": x}, dict.fromkeys("ab", plots.Ends(x[:2], ("a", "b"))), **own
    ),
    "gap_tiles": gap_tiles,
}
ALL = OF_AXES | OF_FIGURES


def images(height: int = 20, width: int = 30) -> Images:
    return np.random.default_rng(0).random((12, height, width))


def margins(figure: Figure) -> npt.NDArray[np.floating]:
    """Blank margins in inches: left, right, top and bottom."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    inked = (pixels != pixels[0, 0]).any(axis=2)
    blank = [
        int(side.argmax())
        for ink in (inked.any(axis=0), inked.any(axis=1))
        for side in (ink, ink[::-1])
    ]
    return np.array(blank) / figure.dpi


@pytest.mark.parametrize(
    ("name", "width"),
    [*((name, "column") for name in ALL), ("coverage_grid", "slide"), ("gap_tiles", "slide")],
)
def test_images_that_are_not_square_leave_no_blank_margin(name: str, width: Width) -> None:
    with style.context("jaxae.slide" if width == "slide" else "jaxae.paper", after_reset=True):
        figure = ALL[name](images(), width=width)
        # Text is up to 3 % narrower here than at the resolution of a saved file.
        assert (margins(figure) < [0.15, 0.3, 0.15, 0.15]).all()
    wide, high = plots.WIDTHS[str(width)]
    assert figure.get_figwidth() <= wide + 0.01 and figure.get_figheight() <= high + 0.01


def test_a_picture_is_as_high_as_its_images_need() -> None:
    heights = []
    for shape in ((20, 30), (30, 20)):
        figure = plots.reconstruction_grid(grid_of(images(*shape)), width=4)
        place = figure.axes[0].get_position()
        wide, high = place.width * figure.get_figwidth(), place.height * figure.get_figheight()
        assert high / wide == pytest.approx(3 * shape[0] / (4 * shape[1]))
        assert figure.get_figwidth() == pytest.approx(4, abs=0.05)
        heights.append(figure.get_figheight() - high)
    assert heights[0] == pytest.approx(heights[1], abs=0.05)  # Of ticks and names.


@pytest.mark.parametrize("name", OF_AXES)
def test_a_picture_of_one_axes_composes_into_the_callers_axes(name: str) -> None:
    figure = Figure(figsize=(8, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    assert OF_AXES[name](images(), ax=right) is figure
    assert right.images and not left.images and figure.axes == [left, right]
    assert tuple(drawn(figure).get_size_inches()) == (8, 4)


@pytest.mark.parametrize("name", OF_FIGURES)
def test_a_picture_of_several_axes_composes_into_the_callers_subfigure(name: str) -> None:
    figure = Figure(figsize=(8, 4), layout="constrained")
    parts: Any = figure.subfigures(1, 2)
    left, right = parts
    assert OF_FIGURES[name](images(), figure=right) is figure
    assert right.axes and not left.axes
    drawn(figure)
    assert tuple(figure.get_size_inches()) == (8, 4)
    for axes in right.axes:
        assert axes.get_window_extent().x0 >= right.bbox.x0
        assert axes.get_window_extent().x1 <= right.bbox.x1


@pytest.mark.parametrize("name", ALL)
def test_text_and_lines_follow_the_users_style(name: str) -> None:
    own = {"font.size": 13, "xtick.labelsize": 13, "ytick.labelsize": 13, "axes.titlesize": 13}
    with style.context(["dark_background", {**own, "axes.labelsize": 13, "legend.fontsize": 13}]):
        figure = drawn(ALL[name](images(), width=7))
        assert to_hex(figure.get_facecolor()) == "#000000"
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    assert texts
    for text in texts:
        assert to_hex(text.get_color()) == "#ffffff" and text.get_fontsize() in (13, 13 * 0.7)


MAPS: dict[str, Callable[..., Figure]] = {
    "entropy_map": lambda x: plots.entropy_map(x[0], Box(0, 3, 0, 2), 2),
    "magnification_map": lambda x: plots.magnification_map(x[0][:5, :5], Box(0, 3, 0, 2)),
}


@pytest.mark.parametrize("name", [*OF_AXES, "reconstructions", "interpolations", *MAPS])
def test_a_style_neither_turns_nor_stretches_an_image_nor_draws_lines_across_it(name: str) -> None:
    def pixels() -> npt.NDArray[np.integer]:
        canvas = FigureCanvasAgg((ALL | MAPS)[name](images()))
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())

    expected = pixels()
    with mpl.rc_context({"image.origin": "lower", "image.aspect": "auto", "axes.grid": True}):
        np.testing.assert_array_equal(pixels(), expected)


def test_lines_have_the_users_width() -> None:
    for own in (1.0, 3.0):
        with mpl.rc_context({"lines.linewidth": own}):
            axes = coverage_grid(images()).axes[0]
        assert np.max(axes.collections[0].get_linewidth()) == own


def test_images_of_several_channels_are_joined_as_grey_ones_are() -> None:
    colour = np.random.default_rng(0).random((2, 4, 5, 6, 3))
    joined = mosaic_of(colour)
    assert joined.shape == (10, 24, 3)
    for channel in range(3):
        np.testing.assert_array_equal(joined[..., channel], mosaic_of(colour[..., channel]))


def test_text_is_broken_into_lines_of_similar_length() -> None:
    words = "seven words that all belong to two lines"
    room = 0.7 * text_inches(words, "axes.titlesize")
    lines = wrapped(words, room, "axes.titlesize").split("\n")
    assert lines == ["seven words that all", "belong to two lines"]
    assert wrapped(words, 2 * room, "axes.titlesize") == words


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.reconstructions(tiles()[0], tiles()[0, :3]), "same shape"),
        (lambda: plots.reconstructions(tiles()[0, :0], tiles()[0, :0]), "one or more"),
        (lambda: plots.reconstructions(tiles()[0], tiles()[0], ["7"]), "1 names .* 12 images"),
        (lambda: plots.reconstruction_grid(tiles()[0]), r"shape \(12, .*\(rows, columns, height"),
        (lambda: plots.reconstruction_grid(tiles()[:, :1]), "two or more columns"),
        (lambda: plots.image_grid(tiles()[0], columns=5), "12 images .* multiple of 5"),
    ],
)
def test_images_of_another_number_or_shape_are_refused(draw: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        draw()
    assert "\n" not in str(error.value)
