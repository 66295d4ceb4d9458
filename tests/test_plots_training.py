"""Training curves, read back from the figures."""

from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.text import Annotation

from jaxae import EpochMetrics, plots
from jaxae.plots.style import BLUE, ORANGE, SERIES
from tests.readback import drawn


def test_curve_draws_both_losses() -> None:
    history = [EpochMetrics(k, 40 / k, 41 / k, 1.0, 6e4) for k in (1, 2, 3)]
    axes = drawn(plots.training_curve(history)).axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(
        np.asarray(lines["train"].get_xydata()), [[1.0, 40.0], [2.0, 20.0], [3.0, 40 / 3]]
    )
    np.testing.assert_allclose(
        np.asarray(lines["test"].get_xydata()), [[1.0, 41.0], [2.0, 20.5], [3.0, 41 / 3]]
    )
    assert (lines["train"].get_color(), lines["test"].get_color()) == (ORANGE, BLUE)
    (dot,) = (line for line in axes.lines if line.get_marker() == "o")
    np.testing.assert_allclose(np.asarray(dot.get_xydata()), [[3, 41 / 3]])
    assert dot.get_color() == BLUE
    (last,) = axes.texts
    assert last.get_text() == "13.7" and last.get_color() == BLUE
    assert isinstance(last, Annotation) and last.xy == (3, 41 / 3)
    legend: Any = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["train", "test"]
    # For a variational model, the loss is not only the squared error.
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss per image")


def test_seed_curves_have_a_mean_and_a_band_in_one_colour_per_study() -> None:
    def history(*losses: float) -> list[EpochMetrics]:
        return [EpochMetrics(i + 1, 90, loss, 1, 1) for i, loss in enumerate(losses)]

    histories = {"a": [history(3, 1), history(5, 2), history(10, 3)], "b": [history(7, 6)]}
    axes = drawn(plots.seed_curves(histories)).axes[0]
    for index, middle in enumerate(([6, 2], [7, 6])):
        line, band = axes.lines[index], axes.collections[index]
        np.testing.assert_allclose(np.asarray(line.get_xydata()), [[1, middle[0]], [2, middle[1]]])
        assert line.get_color() == SERIES[index]
        assert to_hex(np.asarray(band.get_facecolor())[0]) == SERIES[index].lower()
    box = axes.collections[0].get_paths()[0].vertices
    corners = {tuple(vertex) for vertex in np.asarray(box)}
    assert corners == {(1, 3), (1, 10), (2, 1), (2, 3)}
    legend: Any = axes.get_legend()
    first, second = (text.get_text() for text in legend.get_texts())
    assert first == "a, 3 seeds" and second.startswith("b, 1")
