"""Every cell of the reports, compared with a value worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.measuring.identity import Machine
from benchmarks.measuring.results import Results
from benchmarks.reporting import growth, parity, parts, tables
from benchmarks.reporting.conditions import missing
from benchmarks.reporting.rows import rows_of
from benchmarks.scaling.report import write_report as write_scaling
from tests.filed import file

Row = list[str]


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "r.json")


def rows(text: str) -> dict[str, Row]:
    """The rows of the tables in a text, by their first cell."""
    lines = [line for line in text.splitlines() if "|" in line]
    found = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    return {cells[0]: cells[1:] for cells in found}


def test_a_table_of_frameworks(results: Results) -> None:
    file(results, "train", "flax", 2, 1, 6, machine="here")
    file(results, "train", "torch-eager", 5, 4, 3, machine="here")
    file(results, "train", "equinox", 8.0, 8.5, 8.1)
    file(results, "train", "limit-jax", 1, 2, 0.5, machine="here")
    file(results, "train", "limit-torch", 0.8, 1.6, 0.4, machine="here")
    results.note_machine("here", Machine({}, {"peak_gflops": 402.6368}, 2))
    results.note(kind="parity", framework="flax", largest=4e-3, failures=[])
    found = rows(tables.task_table(results, "train", rows_of(results, "train")))
    assert found["framework"][3] == "time / flax"
    # 60,000 images in 2 s; JAX's products, 1 s of 2 s; 241.6 GFLOP in 2 s at 402.6 GFLOP/s.
    ours = ["compiled epoch", "2.00 s", "30,000", "1", "0.50", "0.30", "ok", "3"]
    assert found["flax !"] == ours
    # The median of 5/2, 4/1 and 3/6, which is not the ratio of the medians.
    eager = ["eager", "4.00 s", "15,000", "2.50 ?", "0.20", "0.15", "—", "3"]
    assert found["torch-eager !"] == eager
    # A spread below 10 %, and no products on a machine that is not known.
    other = ["compiled epoch", "8.10 s", "7,407", "—", "—", "—", "—", "3"]
    assert found["equinox, machine None"] == other
    assert found["*PyTorch's products*"] == ["", "800.00 ms", *[""] * 5, "3"]


def test_a_ratio_has_an_interval_from_as_many_rounds_as_its_table_needs(results: Results) -> None:
    for name, times in (("flax", (1, 2)), ("equinox", (3, 6)), ("linen", (1, 2.1))):
        file(results, "train", name, *times * 4)
    found = rows(tables.task_table(results, "train", rows_of(results, "train")))
    # Eight rounds serve two comparisons.
    assert found["equinox !"][3] == "3.00 [3.00, 3.00]"
    assert found["linen !"][3] == "1.02 [1.00, 1.05] ≈"
    grid = rows(tables.grid({"train": rows_of(results, "train")}))
    assert [grid[name][0] for name in ("flax", "equinox", "linen")] == ["1.50 s", "3.00", "1.02 ≈"]


def test_a_grid_of_tasks(results: Results) -> None:
    file(results, "encode", "flax", 2, 2)
    file(results, "encode", "torch-eager", 1, 1)
    file(results, "decode", "torch-eager", 3, 3)
    file(results, "encode", "limit-jax", 1, 1)
    found = rows(tables.grid({task: rows_of(results, task) for task in ("encode", "decode")}))
    assert list(found) == [
        *("framework", "---", "flax", "torch-eager"),
        *("*flax: own products*", "*FLOP/byte*"),
    ]
    assert found["flax"] == ["2.00 s", "—"] and found["torch-eager"] == ["0.50 ?", "3.00 s"]
    assert found["*flax: own products*"] == ["0.50", "—"]
    # 804,864 FLOPs a row; a pixel as uint8 and as float32, 512 hidden twice, 2 latent numbers.
    each = 784 * 5 + 2 * 512 * 4 + 2 * 4
    once = (784 * 512 + 512 * 2) * 4
    assert found["*FLOP/byte*"][0] == f"{70_000 * 804_864 / (70_000 * each + once):.3g}"


def test_rows_of_another_device_are_in_every_table(results: Results) -> None:
    for task in ("encode", "decode", "cold"):
        file(results, task, "flax", 2, 2, device="A GPU")
        file(results, task, "numpy", 3, 3)
    of = {task: rows_of(results, task) for task in ("encode", "decode", "cold")}
    found = rows(tables.grid({task: of[task] for task in ("encode", "decode")}))
    assert found["flax"] == ["2.00 s"] * 2 and found["numpy, device cpu"] == ["3.00 s"] * 2
    assert list(rows(tables.start_table(of)))[2:] == ["flax", "numpy, device cpu"]
    assert tables.like_with_like(of["encode"]) == ""


def test_recipes_by_framework(results: Results) -> None:
    file(results, "time-to-loss", "torch-eager", 40, 50, 90, epochs=[15, 13, 16])
    file(results, "time-to-loss", "torch-onecycle", 8, 5, 10, epochs=8)
    file(results, "time-to-loss", "flax-onecycle", 4, 4, 4, epochs=8)
    file(results, "train", "limit-torch", 2, 2, 2)
    found = rows(tables.races(rows_of(results, "time-to-loss")))
    # Fifteen epochs of products, 30 s, in 50 s.
    lecture = ["50.00 s", "13 to 16", "0.60", "3"]
    assert found["torch-eager"] == [*lecture, "8.00 s", "8", "2.00", "3"]
    assert found["flax"] == ["—"] * 4 + ["4.00 s", "8", "—", "3"]


def test_like_with_like(results: Results) -> None:
    for name, seconds in (("equinox", 2), ("flax", 1), ("torch-eager", 3), ("torch-loader", 6)):
        file(results, "train", name, seconds, seconds)
    file(results, "train", "keras-jax", 1, 1)
    found = rows(tables.like_with_like(rows_of(results, "train")))
    assert found == {
        "how": ["first", "time / the first's"],
        "---": ["---:", "---:"],
        "compiled epoch": ["flax 1.00 s", "equinox 2.00 ?"],
        "eager": ["torch-eager 3.00 s", "torch-loader 2.00 ?"],
    }


def test_the_parts_of_a_step(results: Results) -> None:
    # Seconds per step of 128 images; 8,192 images are 64 steps. Nine pairs serve eight intervals.
    for part, ms in (("products", (1, 2, 6)), ("gradients", (2, 4, 7)), ("epoch", (4, 5, 9))):
        values = [64e-3 * value for value in ms * 3]
        results.add(f"{part}-128", "flax", {"values": values, "loops": 1, "round": 0})
    file(results, "encode", "limit-copy", 0.01, 0.02, 0.01)
    assert rows(parts.step_table(results))["128"] == [
        "2.00 ms",
        "1000 µs [1000, 2000]",  # 1, 2 and 1 ms.
        "2000 µs [1000, 2000]",  # 2, 1 and 2 ms.
        "5.00 ms",
        "0.40",  # 1/4, 2/5 and 6/9.
        "11 GB/s",  # 806,674 parameters, four arrays read and three written, in 2 ms.
        "9",
    ]
    # 256 MiB read and written in 10 ms.
    assert parts.copy_gbs(results) == pytest.approx(2 * 2**28 / 0.01 / 1e9)


def test_adams_rate_is_given_only_if_its_time_is_significant(results: Results) -> None:
    for part, ms in (("products", (1, 1, 1)), ("gradients", (2, 4, 3)), ("epoch", (4, 3, 4))):
        values = [64e-3 * value for value in ms * 3]  # Adam: 2, −1 and 1 ms.
        results.add(f"{part}-128", "flax", {"values": values, "loops": 1, "round": 0})
    row = rows(parts.step_table(results))["128"]
    assert row[2] == "not significant" and row[5] == "—"


def test_starts(results: Results) -> None:
    took = {"import_seconds": 0.2, "compile_seconds": [1.0, 2.0, 6.0], "run_seconds": 0.4}
    file(results, "cold", "flax", 5, 4, 9, **took)
    file(results, "cold-cached", "flax", 3, **took | {"compile_seconds": 0.5})
    file(results, "cold", "equinox", 2, 3, 3, **took)
    file(results, "train", "flax", 1, 1)
    of = {task: rows_of(results, task) for task in ("train", "cold", "cold-cached")}
    found = rows(tables.start_table(of))
    assert list(found) == ["framework", "---", "equinox", "flax"]
    # 5 + 19 × 1 s and 3 + 19 × 1 s.
    cold, warm = ["2.00 s", "5.00 s"], ["500.00 ms", "3.00 s"]
    assert found["flax"] == ["200.00 ms", *cold, *warm, "24.00 s", "22.00 s", "3/1"]
    # Without epochs of train, the second epoch of the same process: 3 + 19 × 0.4 s.
    assert found["equinox"] == ["200.00 ms", "2.00 s", "3.00 s", "—", "—", "10.60 s", "—", "3"]


def test_growth(results: Results) -> None:
    for size in (1, 32, 512):
        cost = 2e-3 + 4e-5 * size
        file(results, f"step-{size}", "flax", cost, cost, 3 * cost)
    found = growth.fits(results, growth.STEP)["flax"]
    assert (found.fixed, found.each, found.crossing) == pytest.approx((2e-3, 4e-5, 50))
    x, t = np.log([1, 32, 512]), np.log([2.04e-3, 3.28e-3, 22.48e-3])
    slope = ((x - x.mean()) * (t - t.mean())).sum() / ((x - x.mean()) ** 2).sum()
    assert found.exponent == pytest.approx(slope) and found.misfit < 1e-9


def test_parity(results: Results) -> None:
    numbers = {"encode": 1e-7, "decode": 2e-7, "first_loss": 3e-7, "gradients": None}
    numbers |= {"losses": 4e-6, "first_update": 5e-5, "restart": 6e-5, "small_update": 7e-5}
    results.note(kind="parity", framework="keras-jax", **numbers, parameters=4.2e-3)
    other = dict.fromkeys(numbers, 1e-7) | {"encode": 8e-6, "parameters": 1.1e-5}
    results.note(kind="parity", framework="torch-eager", **other)
    found = rows(parity.parity_table(results))
    assert found["allowed"] == ["1e-05"] * 4 + ["1e-04"] + ["1e-03"] * 3 + ["2e-02"]
    largest = ["8.0e-06", "2.0e-07", "3.0e-07", "1.0e-07", "4.0e-06", "5.0e-05", "6.0e-05"]
    assert found["largest"] == [*largest, "7.0e-05", "4.2e-03"]
    assert found["of"] == ["torch-eager", *["keras-jax"] * 2, "torch-eager", *["keras-jax"] * 5]
    assert parity.parameters(results) == {"1e-05": ["torch-eager"], "4e-03": ["keras-jax"]}


def test_a_failure_is_reported_until_all_of_its_tasks_are_measured(results: Results) -> None:
    failed = {"task": "latent", "tasks": ["encode", "grid"], "round": 0, "why": "crashed"}
    results.note(kind="failed", framework="flax", **failed)
    for task, missed in (("encode", True), ("grid", False)):
        file(results, task, "flax", 1)
        assert (("flax latent", "failed, crashed") in missing(results)) == missed


def test_the_sweeps_of_a_training(results: Results, tmp_path: Path) -> None:
    for value, seconds in ((8, 1e-3), (128, 2e-3), (8192, 0.1)):
        file(results, "batch", str(value), seconds, seconds, 3 * seconds)
    file(results, "images", "60000", 2.0, 3.0, 4.0)
    for value, each in ((1, (2, 4, 4)), (2, (3, 2, 8))):
        sent = {"collectives": "all-reduce", "collective_bytes": 3_226_700} if value > 1 else {}
        losses = [30.0, 31.0, 36.0]
        file(results, "devices", str(value), *each, test_loss=losses, **sent)
    text = write_scaling(results, tmp_path / "out")[0].read_text()
    found = rows(text)
    # 128 images in 2 ms; 4,026,368 FLOPs per image.
    assert found["128"] == ["2.00 ms", "64,000", "258", "200%", "3"]
    assert found["60,000"] == ["3.00 s", "20,000", "81", "67%", "3"]
    assert found["1"] == ["4.00 s", "1", "—", "—", "31.00", "50%", "3"]
    # 3/2, 2/4 and 8/4.
    assert found["2"] == ["3.00 s", "1.50 ≈", "all-reduce", "3,226,700", "31.00", "200%", "3"]


def test_the_latest_receipt_and_the_first_rounds_loops_count(results: Results) -> None:
    for largest in (1e-3, 1e-4):
        results.note(kind="parity", framework="flax", largest=largest)
        results.note(kind="parity", framework="equinox", largest=1.0)
    receipt = results.receipt("flax")
    assert receipt is not None and receipt["largest"] == 1e-4
    file(results, "grid", "flax", 1, 1, 1, loops=[7, 8, 9])
    assert results.loops("grid", "flax") == 7
