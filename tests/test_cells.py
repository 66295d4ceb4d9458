"""Every cell of the reports, compared with a value worked out by hand."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.measuring.results import Results
from benchmarks.reporting import explain, tables
from benchmarks.reporting.breakeven import break_even_section
from benchmarks.reporting.gap import gap_section
from benchmarks.reporting.growth import growth_section
from benchmarks.reporting.report import not_measured, write_report
from benchmarks.scaling.report import write_report as write_scaling
from benchmarks.tasks import TASKS

IDIOM = {"mode": "epoch", "loader": "device", "transfers": "once", "donated": True}
Row = list[str]


def file(results: Results, task: str, framework: str, *seconds: float, **metadata: Any) -> None:
    """Add one process per round with these medians; metadata in a list is one item per round."""
    for number, of_round in enumerate(seconds):
        own = {k: v[number] if isinstance(v, list) else v for k, v in metadata.items()}
        values = [9 * of_round, of_round, 0.9 * of_round]
        common = {"values": values, "loops": 1, "round": number, "threads": 2}
        results.add(task, framework, common | IDIOM | own)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "r.json")


def rows(lines: Iterable[str]) -> dict[str, Row]:
    """The rows of the tables in the lines, by their first cell."""
    found = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line)
    return {cells[0]: cells[1:] for cells in found}


def test_a_table_of_frameworks(results: Results) -> None:
    file(results, "train", "flax", 2, 1, 6, compile_seconds=[1.0, 3.0, 8.0])
    file(results, "train", "torch-eager", 5, 4, 3, mode="eager", compile_seconds=0.002)
    file(results, "train", "equinox", 8.0, 8.5, 8.1)
    file(results, "train", "limit-jax", 1, 2, 0.5)
    file(results, "train", "limit-torch", 0.8, 1.6, 0.4)
    receipt = {"encode": 3e-7, "decode": 4e-7, "largest": 2e-3, "failures": []}
    results.note(kind="parity", framework="flax", **receipt)
    found = rows(tables.task_tables(results, TASKS["train"]))
    idiom = ["epoch", "device", "once", "True", "3"]
    # 60,000 images in 2 s; the faster limit, 0.8 s, divided by 2 s.
    assert found["flax !"] == ["2.00 s", "30,000", "1", "0.40", "3.00 s", "2e-03", *idiom]
    # The median of 5/2, 4/1 and 3/6, which is not the ratio of the medians.
    eager = ["4.00 s", "15,000", "2.50 ≈", "0.20", "2.00 ms", "—", "eager", *idiom[1:]]
    assert found["torch-eager !"] == eager
    # A spread below 10 %; the median of 8/2, 8.5/1 and 8.1/6.
    assert found["equinox"] == ["8.10 s", "7,407", "4.00 ≈", "0.10", "—", "—", *idiom]
    assert found["*limit-torch*"] == ["800.00 ms", *[""] * 9, "3"]
    assert list(found) == [
        "framework",
        "---",
        "flax !",
        "torch-eager !",
        "equinox",
        "*limit-jax*",
        "*limit-torch*",
    ]


def test_the_time_to_a_loss_counts_its_epochs(results: Results) -> None:
    file(results, "time-to-loss", "flax", 24, 30, 60, epochs=[10, 12, 20])
    file(results, "train", "limit-jax", 1, 0.8, 0.4)
    (row,) = [
        v
        for k, v in rows(tables.task_tables(results, TASKS["time-to-loss"])).items()
        if k == "flax !"
    ]
    # Twelve epochs of 60,000 images in 30 s; the limit of an epoch is 0.8 s.
    assert row[:4] == ["30.00 s, 10 to 20 epochs", "24,000", "1", "0.32"]


def test_encoding_has_its_own_parity(results: Results) -> None:
    results.note(kind="parity", framework="flax", encode=3e-7, decode=4e-7, largest=2e-3)
    results.note(kind="parity", framework="flax-onecycle", encode=5e-7, decode=4e-7, largest=6e-6)
    for task, receipt in (("encode", "3e-07"), ("decode", "4e-07"), ("grid", "4e-07")):
        file(results, task, "flax", 1.0, 1.0)
        assert rows(tables.task_tables(results, TASKS[task]))["flax"][5] == receipt
    file(results, "time-to-loss", "flax-onecycle", 1.0)
    found = rows(tables.task_tables(results, TASKS["time-to-loss"]))
    assert found["flax-onecycle"][5] == "6e-06 (model only)"


def test_an_interval_from_six_rounds_on_and_no_mark_where_all_agree(results: Results) -> None:
    file(results, "train", "flax", *[1.0, 2.0, 4.0] * 2)
    file(results, "train", "equinox", *[3.0, 6.0, 12.0] * 2)
    found = rows(tables.task_tables(results, TASKS["train"]))
    assert found["equinox !"][2] == "3.00 [3.00, 3.00]"


def test_the_lectures_recipe_over_the_fast_one(results: Results) -> None:
    file(results, "time-to-loss", "torch-loader", 40, 50, 90)
    file(results, "time-to-loss", "flax-onecycle", 8, 5, 10)
    lines = list(tables.recipes(results))
    assert rows(lines)["time-to-loss"] == ["9.00 ≈", "3"]  # 5, 10 and 9.
    assert "torch-loader / flax-onecycle" in "".join(lines)


def test_ablations(results: Results) -> None:
    file(results, "ladder", "flax-nojit", 6, 6, 9, mode="eager")
    file(results, "ladder", "flax-jit", 3, 2, 3)
    file(results, "ladder", "flax-device", 3, 2.5, 12)
    file(results, "ladder", "limit-jax", 0.5, 0.6, 0.9)
    found = rows(explain.ladder_section(results))
    idiom = ["epoch", "device", "once", "True", "3"]
    # 24 × 128 images in 6 s; the limit, 0.6 s, divided by 6 s.
    assert found["flax-nojit"] == ["512", "", "0.10", "eager", *idiom[1:]]
    assert found["flax-jit"] == ["1,024", "3.00 ≈", "0.20", *idiom]  # 6/3, 6/2, 9/3.
    assert found["flax-device"] == ["1,024", "0.80 ≈", "0.20", *idiom]  # 3/3, 2/2.5, 3/12.
    assert "a single step 20% slower" in "".join(explain.ladder_section(results))


def test_where_another_is_faster(results: Results) -> None:
    for task, theirs in (("grid", [1, 3, 1]), ("encode", [3, 3, 3]), ("train", [2, 2, 2])):
        file(results, task, "flax", 2, 2, 2)
        file(results, task, "torch-eager", *theirs)
        file(results, task, "equinox", 1.8, 2, 2.5)
    file(results, "grid", "flax-again", 0.1, 0.1, 0.1)
    file(results, "time-to-loss", "flax", 2)
    file(results, "time-to-loss", "flax-onecycle", 1)
    found = rows(explain.standing_section(results))
    assert found.pop("grid") == ["torch-eager", "0.50", "no", "3"]
    assert list(found) == ["task", "---"], "no ties, no slower frameworks, and none of jaxae's own"


def test_memory(results: Results) -> None:
    sizes = [100 << 20, 300 << 20, 120 << 20]
    file(results, "train", "flax", 1, 1, 1, mem_max_rss=sizes, device_peak_bytes=7 << 20)
    file(results, "train", "equinox", 1, mem_max_rss=2 << 30)
    found = rows(explain.memory_section(results))
    assert found["flax"] == ["120 MiB", "7 MiB", "3"]
    assert found["equinox"] == ["2,048 MiB", "—", "1"]


def test_the_a_a_test(results: Results) -> None:
    for task in ("train", "encode"):
        file(results, task, "flax", 1, 2, 1)
    file(results, "train", "flax-again", 1.1, 2, 1.2)
    file(results, "encode", "flax-again", 2, 4, 2)
    lines = list(explain.noise_section(results))
    assert rows(lines)["train"] == ["1.10", "no", "3"] and rows(lines)["encode"][0] == "2.00"
    assert "here 0 of 2 do" in "".join(lines)


def test_the_parts_of_a_step(results: Results) -> None:
    # Seconds per step of 128 images; 8,192 images are 64 steps.
    for part, ms in (("products", (1, 2, 6)), ("gradients", (2, 4, 7)), ("epoch", (4, 5, 9))):
        values = [64e-3 * value for value in 5 * ms]
        results.add(f"{part}-128", "flax", {"values": values, "loops": 1, "round": 0})
    file(results, "encode", "limit-copy", 0.01, 0.02, 0.01)
    lines = list(gap_section(results))
    assert rows(lines)["128"] == [
        "2.00 ms",
        "1000 µs [1000, 2000]",  # 1, 2 and 1 ms.
        "2000 µs [1000, 2000]",  # 2, 1 and 2 ms.
        "5.00 ms",
        "0.50",  # 1/2, 2/4 and 6/7.
        "0.40",  # 1/4, 2/5 and 6/9.
        "11 GB/s",  # 806,674 parameters, four arrays read and three written, in 2 ms.
        "15",
    ]
    # 256 MiB read and written in 10 ms.
    assert "reads and writes 54 GB/s" in "".join(lines)
    assert "22.6 MB per step" in "".join(lines)


def test_adams_rate_is_given_only_if_its_time_is_significant(results: Results) -> None:
    for part, ms in (("products", (1, 1, 1)), ("gradients", (2, 4, 3)), ("epoch", (4, 3, 4))):
        values = [64e-3 * value for value in ms]  # Adam: 2, −1 and 1 ms.
        results.add(f"{part}-128", "flax", {"values": values, "loops": 1, "round": 0})
    row = rows(gap_section(results))["128"]
    assert row[2] == "not significant" and row[6] == "—"


def test_like_with_like_may_differ_in_donation_alone(results: Results) -> None:
    file(results, "train", "flax", 1, 1)
    file(results, "train", "equinox", 2, 2, donated=False)
    file(results, "train", "torch-eager", 3, 3, mode="eager")
    found = rows(tables.like_with_like(results, TASKS["train"]))
    assert list(found) == ["framework", "---", "flax", "equinox"]


def test_a_failure_is_reported_until_all_of_its_tasks_are_measured(results: Results) -> None:
    failed = {"task": "latent", "tasks": ["encode", "grid"], "round": 0, "why": "crashed"}
    results.note(kind="failed", framework="flax", **failed)
    for task, missed in (("encode", True), ("grid", False)):
        file(results, task, "flax", 1)
        assert ("- flax latent: failed, crashed" in "".join(not_measured(results))) == missed


def test_starts(results: Results) -> None:
    parts = {"start": 0.1, "import": 0.2, "load": 0.3, "compile": [1.0, 2.0, 6.0], "run": 0.4}
    parts = {f"{part}_seconds": value for part, value in parts.items()}
    file(results, "cold", "flax", 5, 4, 9, **parts)
    file(results, "cold", "equinox", 2, 3, 3, **parts)
    file(results, "train", "flax", *[1.0] * 6)
    file(results, "train", "equinox", *[2.0] * 6)
    file(results, "train", "limit-jax", 0.5, 0.6, 0.6)
    found = rows(break_even_section(results))
    each = ["100.00 ms", "200.00 ms", "300.00 ms", "2.00 s", "400.00 ms"]
    # 5 + 19 × 1 s, of which the limit is 0.6 s of 5; 3 + 19 × 2 s.
    assert found["flax"] == ["5.00 s", *each, "0.12", "24 s", "—", "3"]
    # 5 + (n − 1) = 3 + 2 (n − 1) at n = 3.
    crossing = "from 3.0 epochs on"
    assert found["equinox"] == ["3.00 s", *each, "0.20", "41 s", crossing, "3"]


def test_growth(results: Results) -> None:
    for size in (1, 32, 512):
        cost = 2e-3 + 4e-5 * size
        file(results, f"step-{size}", "flax", cost, cost, 3 * cost)
    lines = list(growth_section(results))
    row = rows(lines)["flax"]
    assert row[:3] == ["2.00 ms", "40 µs", "50"] and row[4] == "0%"
    x, t = np.log([1, 32, 512]), np.log([2.04e-3, 3.28e-3, 22.48e-3])
    slope = ((x - x.mean()) * (t - t.mean())).sum() / ((x - x.mean()) ** 2).sum()
    assert row[3].startswith(f"{slope:.2f} ± ")


def test_the_reports_parity_table_and_its_failures(results: Results, tmp_path: Path) -> None:
    numbers = {"encode": 1e-7, "decode": 2e-7, "first_loss": 3e-7, "gradients": None}
    numbers |= {"losses": 4e-6, "first_update": 5e-5, "restart": 6e-5, "small_update": 7e-5}
    receipt = numbers | {"parameters": 8e-3, "largest": 8e-3}
    results.note(kind="parity", framework="keras-jax", **receipt, failures=["losses differs by 1"])
    text = write_report(results, tmp_path / "out")[0].read_text()
    found = rows(text.splitlines())
    allowed = ["1e-05"] * 4 + ["1e-04"] + ["1e-03"] * 3 + ["2e-02"]
    assert found["*allowed*"] == allowed
    each = ["1.0e-07", "2.0e-07", "3.0e-07", "—", "4.0e-06", "5.0e-05", "6.0e-05", "7.0e-05"]
    assert found["keras-jax"] == [*each, "8.0e-03"]
    assert "- keras-jax is not timed: losses differs by 1" in text


def test_the_sweeps_of_a_training(results: Results, tmp_path: Path) -> None:
    for value, seconds in ((8, 1e-3), (128, 2e-3), (8192, 0.1)):
        file(results, "batch", str(value), seconds, seconds, 3 * seconds)
    file(results, "images", "60000", 2.0, 3.0, 4.0)
    for value, each in ((1, (2, 4, 4)), (2, (3, 2, 8))):
        sent = {"collectives": "all-reduce", "collective_bytes": 3_226_700} if value > 1 else {}
        losses = [30.0, 31.0, 36.0]
        file(results, "devices", str(value), *each, test_loss=losses, **sent)
    text = write_scaling(results, tmp_path / "out")[0].read_text()
    found = rows(text.splitlines())
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
