"""Training curves, read back from the figures."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from cycler import cycler
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxae import EpochMetrics, plots
from tests.readback import drawn

HISTORY = [EpochMetrics(k, 40 / k, 41 / k, 1.0, 6e4) for k in (1, 2, 3)]
# β = 4, and divergences of 3, 4 and 5.
VARIATIONAL = [EpochMetrics(k, 80, 60 - k + 4 * (2 + k), 1, 1, 60 - k, 2 + k) for k in (1, 2, 3)]


def curves(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in axes.lines}


def legend(axes: Axes) -> list[str]:
    found: Any = axes.get_legend()
    return [text.get_text() for text in found.get_texts()]


def title(axes: Axes) -> str:
    found: Any = axes.get_legend()
    return str(found.get_title().get_text())


def points(line: Line2D) -> list[tuple[float, float]]:
    found: Any = line.get_xydata()
    return [(x, y) for x, y in found.tolist()]


def band(axes: Axes, index: int = 0) -> set[tuple[float, float]]:
    corners: Any = axes.collections[index].get_paths()[0].vertices
    return {(x, y) for x, y in corners}


def study(*seeds: tuple[float, ...]) -> list[list[EpochMetrics]]:
    return [[EpochMetrics(i + 1, 90, y, 1, 1) for i, y in enumerate(of)] for of in seeds]


def test_curve_draws_both_losses() -> None:
    axes = drawn(plots.training_curve(HISTORY)).axes[0]
    assert legend(axes) == ["training loss, running mean", "test loss"]
    train, test = (curves(axes)[name] for name in legend(axes))
    assert points(train) == [(1, 40), (2, 20), (3, 40 / 3)]
    assert points(test) == [(1, 41), (2, 20.5), (3, 41 / 3)]
    assert train.get_color() != test.get_color()
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "squared error per image\n(error summed over pixels)"


@pytest.mark.parametrize(
    ("kl_weight", "kl"), [(1.0, "KL"), (4.0, "4 × KL"), (0.5, "0.5 × KL"), (None, "β × KL")]
)
def test_curve_of_a_variational_model_shows_the_parts_of_its_loss(
    kl_weight: float | None, kl: str
) -> None:
    axes = drawn(plots.training_curve(VARIATIONAL, kl_weight=kl_weight)).axes[0]
    assert axes.get_ylabel().startswith(f"squared error + {kl} per image")
    squared = curves(axes)["test squared error"]
    assert points(squared) == [(1, 59), (2, 58), (3, 57)]
    assert axes.collections[0].get_label() == f"test {kl} divergence"
    # As high as the divergence times β.
    assert band(axes) == {(1, 59), (1, 71), (2, 58), (2, 74), (3, 57), (3, 77)}
    assert {text.get_text() for text in axes.texts} == {"57.0", "77.0"}


@pytest.mark.parametrize("likelihood", ["normal", "bernoulli"])
def test_curve_of_a_loss_in_nats_says_so(likelihood: Any) -> None:
    axes = drawn(plots.training_curve(VARIATIONAL, kl_weight=4, likelihood=likelihood)).axes[0]
    assert axes.get_ylabel() == "negative log-likelihood + 4 × KL\nin nats per image"
    # The test loss minus β · divergence, not the squared error.
    history = [row._replace(test_squared_error=7.0) for row in VARIATIONAL]
    axes = drawn(plots.training_curve(history, kl_weight=4, likelihood=likelihood)).axes[0]
    part = curves(axes)["test negative log-likelihood"]
    assert points(part) == [(1, 59), (2, 58), (3, 57)]
    assert band(axes) == {(1, 59), (1, 71), (2, 58), (2, 74), (3, 57), (3, 77)}
    lower = [row._replace(test_loss=row.test_loss - 277) for row in history]
    axes = drawn(plots.training_curve(lower, kl_weight=4, likelihood=likelihood)).axes[0]
    assert {text.get_text() for text in axes.texts} == {"−220", "−200"}
    plain = [row._replace(test_divergence=None) for row in history]
    axes = drawn(plots.training_curve(plain, likelihood=likelihood)).axes[0]
    assert axes.get_ylabel() == "negative log-likelihood\nin nats per image"
    assert legend(axes) == ["training loss, running mean", "test loss"]
    assert "squared" not in " ".join([axes.get_ylabel(), *legend(axes)])


def test_curve_of_an_old_variational_run_still_says_what_its_loss_is() -> None:
    old = [row._replace(test_squared_error=None, test_divergence=None) for row in VARIATIONAL]
    axes = drawn(plots.training_curve(old, kl_weight=1)).axes[0]
    assert axes.get_ylabel().startswith("squared error + KL per image")
    assert not axes.collections and len(axes.lines) == 2
    # A run that was resumed with a version that splits the loss.
    axes = drawn(plots.training_curve([*old[:2], VARIATIONAL[2]], kl_weight=4)).axes[0]
    assert legend(axes)[2:] == ["test 4 × KL divergence", "test squared error"]


def test_curve_says_that_training_images_have_noise() -> None:
    axes = drawn(plots.training_curve(HISTORY, input_noise=0.3)).axes[0]
    assert legend(axes)[0] == "training loss, running mean, noise 0.3"


@pytest.mark.parametrize("look", ["jaxae.paper", "jaxae.slide", "default", "dark_background"])
@pytest.mark.parametrize("history", [HISTORY, VARIATIONAL, HISTORY[:1], VARIATIONAL[:1]])
def test_the_last_values_touch_neither_a_line_nor_each_other(
    look: str, history: list[EpochMetrics]
) -> None:
    with style.context(look):
        axes = drawn(plots.training_curve(history)).axes[0]
        boxes = [text.get_window_extent() for text in axes.texts]
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        assert len(dots) == len(axes.lines)  # At the last epoch, which may be the only one.
    assert sorted(text.get_text() for text in axes.texts) == sorted(
        f"{value:#.3g}"
        for value in (history[-1].test_loss, history[-1].test_squared_error)
        if value is not None
    )
    ends = axes.transData.transform(np.array([points(line)[-1] for line in axes.lines]))
    for box in boxes:
        assert (box.x0 > ends[:, 0]).all()
        assert sum(box.overlaps(other) for other in boxes) == 1  # Itself.
        assert box.x1 <= axes.figure.bbox.x1


def test_curve_draws_the_validation_loss_of_a_run_that_has_one() -> None:
    history = [row._replace(validation_loss=39 / row.epoch) for row in HISTORY]
    axes = drawn(plots.training_curve(history)).axes[0]
    assert legend(axes) == ["training loss, running mean", "validation loss", "test loss"]
    assert points(curves(axes)["validation loss"]) == [(1, 39), (2, 19.5), (3, 13)]
    assert len({line.get_color() for line in axes.lines}) == 3


@pytest.mark.parametrize("draw", [plots.training_curve, lambda of: plots.seed_curves({"a": [of]})])
def test_one_epoch_is_a_dot_at_a_whole_number(draw: Any) -> None:
    for history in (HISTORY, HISTORY[:1]):
        axes = drawn(draw(history)).axes[0]
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks == [row.epoch for row in history]
        assert all(line.get_markevery() == [-1] for line in axes.lines)


def test_seed_curves_have_a_mean_and_a_band_in_one_colour_per_study() -> None:
    histories = {"a": study((3, 1), (5, 2), (10, 3)), "b": study((7, 6))}
    axes = drawn(plots.seed_curves(histories)).axes[0]
    for line, middle in zip(axes.lines, ([6, 2], [7, 6]), strict=True):
        assert points(line) == [(1, middle[0]), (2, middle[1])]
    # One seed has no range.
    assert len(axes.collections) == 1 and band(axes) == {(1, 3), (1, 10), (2, 1), (2, 3)}
    colour = to_hex(np.asarray(axes.collections[0].get_facecolor())[0])
    assert colour == axes.lines[0].get_color() != axes.lines[1].get_color()
    assert legend(axes) == ["a, 3 seeds", "b, 1 seed"]
    assert title(axes) == "line: mean over seeds, band: their range"
    assert axes.get_ylabel() == "test squared error per image\n(error summed over pixels)"


def test_seed_curves_compare_the_squared_error_of_all_models() -> None:
    axes = drawn(plots.seed_curves({"plain": study((3, 1, 2)), "vae": [VARIATIONAL]})).axes[0]
    plain, variational = axes.lines
    assert points(plain) == [(1, 3), (2, 1), (3, 2)]
    assert points(variational) == [(1, 59), (2, 58), (3, 57)]
    assert title(axes) == ""  # There is no band.


def test_seed_curves_of_unequal_length_end_where_a_seed_does() -> None:
    histories = {"a": study((3, 1, 1), (5, 2)), "b": study((7, 6, 5, 4)), "c": study((9,), (8,))}
    axes = drawn(plots.seed_curves(histories)).axes[0]
    assert [len(points(line)) for line in axes.lines] == [2, 4, 1]


def test_each_of_many_studies_has_a_colour() -> None:
    names = [f"study {k}" for k in range(7)]
    with style.context("jaxae.paper"):
        axes = drawn(plots.seed_curves({name: study((3, 1)) for name in names})).axes[0]
    assert len({line.get_color() for line in axes.lines}) == len(legend(axes)) == 7


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.training_curve([]),
        lambda: plots.seed_curves({}),
        lambda: plots.seed_curves({"a": []}),
        lambda: plots.seed_curves({"a": study((1,)), "b": [[]]}),
    ],
)
def test_a_history_without_rows_is_refused(draw: Any) -> None:
    with pytest.raises(ValueError, match="no rows; expected"):
        draw()


DRAWINGS = [
    lambda **kwargs: plots.training_curve(VARIATIONAL, **kwargs),
    lambda **kwargs: plots.seed_curves({"a": study((3, 1), (2, 1))}, **kwargs),
]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_curves_are_drawn_on_axes_of_the_user(draw: Any) -> None:
    figure = Figure(figsize=(6, 3), layout="constrained")
    parts: Any = figure.subfigures(1, 2)
    left, right = parts
    axes, other = left.subplots(), right.subplots()
    assert draw(ax=axes) is figure
    assert axes.lines and not other.lines
    assert tuple(figure.get_size_inches()) == (6, 3)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("draw", DRAWINGS)
def test_curves_follow_the_style_in_force(draw: Any) -> None:
    cycle = cycler("color", ["#010203", "#040506"])
    with plt.rc_context({"font.size": 13, "lines.linewidth": 5, "axes.prop_cycle": cycle}):
        figure = draw(width=5)
    # The style is that of the drawing, whatever it is when the figure is saved.
    axes = drawn(figure).axes[0]
    assert axes.xaxis.label.get_fontsize() == 13 and figure.get_figwidth() == 5
    assert max(line.get_linewidth() for line in axes.lines) == 5
    assert {line.get_color() for line in axes.lines} <= {"#010203", "#040506"}
    with pytest.raises(ValueError, match="width is 'wide'; expected column, page, slide"):
        draw(width="wide")


@pytest.mark.parametrize("look", ["jaxae.paper", "jaxae.slide"])
@pytest.mark.parametrize("draw", DRAWINGS)
def test_nothing_of_a_curve_is_cut_off(draw: Any, look: str) -> None:
    with style.context(look):
        figure = drawn(draw(width="column" if look == "jaxae.paper" else "slide"))
        content, page = figure.get_tightbbox(), figure.bbox_inches
    assert content.x0 >= page.x0 and content.x1 <= page.x1
    assert content.y0 >= page.y0 and content.y1 <= page.y1
