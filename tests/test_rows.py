"""The rows of a task's table, from results made by hand."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.measuring.identity import Machine
from benchmarks.measuring.results import Results
from benchmarks.reporting.rows import Row, rows_of
from benchmarks.tasks import TASKS
from tests.filed import file


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "r.json")


def by_name(results: Results, task: str) -> Mapping[str, Row]:
    return {row.framework: row for row in rows_of(results, task)}


def test_rows_are_medians_and_ratios_pair_the_rounds(results: Results) -> None:
    file(results, "train", "torch-eager", 5, 4, 3, mode="eager")
    file(results, "train", "flax", 2, 1, 6)
    file(results, "train", "limit-torch", 1, 1, 1)
    assert [row.framework for row in rows_of(results, "train")] == ["flax", "torch-eager"]
    flax, eager = rows_of(results, "train")
    assert (flax.seconds, flax.images_per_second, flax.ratio) == (2, 30_000, None)
    assert [process.seconds for process in flax.processes] == [2, 1, 6]
    # The median of 5/2, 4/1 and 3/6, which is not the ratio of the medians.
    assert eager.ratio is not None and (eager.ratio.median, eager.ratio.rounds) == (2.5, 3)
    settings = {"mode": "eager", "loader": "device", "transfers": "once", "donated": "True"}
    assert eager.settings == settings


def test_a_row_is_compared_with_the_products_of_its_own_library(results: Results) -> None:
    for name in ("flax", "keras-jax", "torch-eager", "keras-torch", "tensorflow"):
        file(results, "train", name, 4, 4, 4)
    file(results, "train", "limit-jax", 1, 3, 2)
    file(results, "train", "limit-torch", 3, 3, 3)
    shares = {name: row.own_products for name, row in by_name(results, "train").items()}
    assert shares == {
        "flax": 0.5,
        "keras-jax": 0.5,
        "torch-eager": 0.75,
        "keras-torch": 0.75,
        "tensorflow": None,
    }


def test_the_share_of_the_peak_needs_the_machine_and_its_processors(results: Results) -> None:
    # 4,026,368 FLOPs for each of 60,000 images in 2 s, of 400 GFLOP/s.
    flops = 60_000 * 4_026_368
    assert TASKS["train"].work["flops"] == flops
    results.note_machine("here", Machine({}, {"peak_gflops": 400.0}, 2))
    results.note_machine("unknown", Machine({}, {"peak_gflops": None}, 2))
    file(results, "train", "flax", 2, machine="here")
    file(results, "train", "equinox", 2, machine="unknown")
    file(results, "train", "torch-eager", 2, machine="here", device="A GPU")
    file(results, "train", "linen", 2)
    shares = {name: row.of_peak for name, row in by_name(results, "train").items()}
    assert shares.pop("flax") == pytest.approx(flops / 2 / 400e9)
    assert shares == {"equinox": None, "torch-eager": None, "linen": None}


def test_the_time_to_a_loss_counts_its_epochs(results: Results) -> None:
    file(results, "time-to-loss", "flax", 24, 30, 60, epochs=[10, 12, 20], machine="here")
    file(results, "train", "limit-jax", 1, 0.5, 0.5, machine="here")
    results.note_machine("here", Machine({}, {"peak_gflops": 400.0}, 2))
    (row,) = rows_of(results, "time-to-loss")
    # Twelve epochs of 60,000 images in 30 s, whose products take 6 s.
    assert row.images_per_second == 24_000 and row.own_products == pytest.approx(0.2)
    assert row.of_peak == pytest.approx(12 * 60_000 * 4_026_368 / 30 / 400e9)


def test_processes_under_other_conditions_are_another_row_without_a_ratio(
    results: Results,
) -> None:
    file(results, "train", "flax", 1, 1)
    file(results, "train", "limit-jax", 0.5, 0.5)
    file(results, "train", "equinox", 2, 3, threads=[2, 1])
    rows = rows_of(results, "train")
    assert [(row.framework, row.seconds, row.conditions) for row in rows] == [
        ("flax", 1, ""),
        ("equinox", 2, ""),
        ("equinox", 3, "threads 1"),
    ]
    assert rows[1].ratio is not None and rows[1].ratio.median == 2
    assert rows[2].ratio is None and rows[2].own_products is None


def test_without_flax_the_fastest_is_the_baseline(results: Results) -> None:
    file(results, "grid", "torch-eager", 2, 2)
    file(results, "grid", "equinox", 1, 1)
    equinox, eager = rows_of(results, "grid")
    assert equinox.ratio is None and eager.ratio is not None and eager.ratio.median == 2


def test_parity_is_a_word_since_its_numbers_depend_on_the_optimizers_rounding(
    results: Results,
) -> None:
    for name in ("flax", "flax-onecycle", "torch-eager", "equinox"):
        file(results, "time-to-loss", name, 1)
    results.note(kind="parity", framework="flax", failures=[], largest=4e-3)
    results.note(kind="parity", framework="flax-onecycle", failures=[], largest=1e-7)
    results.note(kind="parity", framework="torch-eager", failures=["losses differs"], largest=1)
    found = {name: row.parity for name, row in by_name(results, "time-to-loss").items()}
    assert found == {
        "flax": "ok",
        "flax-onecycle": "model only",
        "torch-eager": "fails",
        "equinox": "—",
    }


def test_what_was_not_measured_has_no_rows(results: Results) -> None:
    assert rows_of(results, "train") == []


def test_slow_processes_are_kept_apart(results: Results) -> None:
    file(results, "train", "flax", 1, 1, 3, 1, slow=[0, 0, 1, 0])
    (row,) = rows_of(results, "train")
    assert [process.seconds for process in row.processes] == [1, 1, 1]
    assert [process.seconds for process in row.slow] == [3]
