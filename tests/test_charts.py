"""What the plots show, read back from their artists."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.contestants import CONTESTANTS, Entry
from benchmarks.measuring.results import Results
from benchmarks.reporting import charts, growth


def file(results: Results, task: str, framework: str, *seconds: float) -> None:
    """Add one process per round."""
    for number, of_round in enumerate(seconds):
        results.add(task, framework, {"values": [of_round], "loops": 1, "round": number})


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "r.json")


def along(line: Any, axis: int = 0) -> list[float]:
    data: Any = line.get_xydata()
    return [float(value) for value in data[:, axis]]


def test_every_process_is_a_dot_and_the_fastest_is_on_top(results: Results) -> None:
    file(results, "train", "torch-eager", 8, 8, 9)
    file(results, "train", "flax", 2, 1, 6)
    file(results, "train", "limit-jax", 0.5, 0.5, 0.5)
    (axes,) = charts.draw(results)["train"].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["flax", "torch-eager"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    flax, slow, median, products, torch, *_ = axes.lines
    assert along(flax) == [2, 1, 6] and along(torch) == [8, 8, 9] and along(slow) == []
    # From the first round, above, to the last.
    assert along(flax, 1) == sorted(along(flax, 1))
    assert along(median) == [2, 2] and along(products) == [0.5, 0.5]
    assert "60,000 images" in axes.get_xlabel()


def test_a_process_of_a_slow_machine_is_an_open_mark(results: Results) -> None:
    file(results, "train", "flax", 1, 1, 1)
    results.add("train", "flax", {"values": [3.0], "loops": 1, "round": 1, "slow": 1})
    counted, slow = charts.draw(results)["train"].axes[0].lines[:2]
    assert along(counted) == [1, 1, 1] and along(slow) == [3]
    assert along(slow, 1) == [along(counted, 1)[1]]
    assert slow.get_markerfacecolor() == "none" != counted.get_markerfacecolor()
    assert counted.get_marker() != slow.get_marker()


def test_growth_shows_every_process_with_the_fit(results: Results) -> None:
    for size in (8, 32, 128):
        file(results, f"step-{size}", "flax", size, 2 * size, 5 * size)
        file(results, f"step-{size}", "limit-jax", size / 2)
    file(results, "step-8", "equinox", 1)  # No curve through one point.
    figure = charts.growth(results, growth.STEP)
    assert figure is not None
    (axes,) = figure.axes
    points, fit, *_ = axes.lines
    assert along(points) == [8, 8, 8, 32, 32, 32, 128, 128, 128]
    assert along(points, 1) == [8, 16, 40, 32, 64, 160, 128, 256, 640]
    assert along(fit, 1) == pytest.approx([2 * size for size in along(fit)])
    assert axes.get_legend_handles_labels()[1] == ["flax", "products in JAX, median"]
    assert along(axes.lines[-1], 1) == [4, 16, 64]
    assert "batch size" in axes.get_xlabel()


def test_no_plot_of_nothing(results: Results) -> None:
    assert charts.draw(results) == {}
    file(results, "step-8", "limit-jax", 1)
    file(results, "epoch-128", "flax", 1)
    assert charts.draw(results) == {}


def test_a_colour_is_that_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    traits: Any = {"group": "epoch", "what": "made up"}
    for name, library in (("torch-like", "jax"), ("other", "new-library")):
        entry = Entry(module="made_up", cls="MadeUp", packages=(), library=library, **traits)
        monkeypatch.setitem(CONTESTANTS, name, entry)
    colours = charts.colours_of(CONTESTANTS)
    assert colours["torch-like"] == colours["flax"] == colours["keras-jax"]
    assert colours["torch-eager"] == colours["keras-torch"] != colours["flax"]
    libraries = {entry.library for entry in CONTESTANTS.values()}
    assert len(set(colours.values())) == len(libraries)
