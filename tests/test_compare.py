"""The comparison of two results: few false alarms, and no comparison of different machines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.measuring.identity import Machine
from benchmarks.measuring.results import Process, Results
from benchmarks.stats import (
    Change,
    Ratio,
    changes,
    differing_machine,
    paired_ratio,
    unpaired_ratio,
)

# As many as a table of 60 paired rows needs.
ROUNDS = 12
both_methods = pytest.mark.parametrize("ratio_of", [paired_ratio, unpaired_ratio])


class Simulated:
    """Results of many rows that differ only by chance, apart from a tenth that are slowed down."""

    def __init__(self, rng: np.random.Generator, rows: int = 60, slower: float = 1.0):
        # The rows of a round share its speed, as on a machine with other users.
        shared = rng.lognormal(0, 0.05, ROUNDS)
        times = shared * rng.lognormal(0, 0.05, (rows, ROUNDS))
        times[: rows // 10] *= slower
        self.rows = {("train", f"f{i}"): row for i, row in enumerate(times)}

    def names(self) -> list[tuple[str, str]]:
        return list(self.rows)

    def processes(self, *row: str) -> list[Process]:
        seconds = self.rows[row[0], row[1]]
        return [Process(number, (float(value),), {}) for number, value in enumerate(seconds)]


@both_methods
def test_identical_code_raises_a_false_alarm_in_one_comparison_of_twenty(ratio_of: Any) -> None:
    """A comparison of 60 rows, in which any slower row decides the exit status."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(50):
        old, new = Simulated(rng), Simulated(rng)
        found = changes(old, new, 1.0, ratio_of)  # type: ignore[arg-type]
        assert all(change.ratio.low is not None for change in found)
        alarms += any(change.slower for change in found)
    assert alarms <= 4


@both_methods
def test_rows_that_are_slower_are_found_among_many(ratio_of: Any) -> None:
    rng = np.random.default_rng(1)
    old, new = Simulated(rng), Simulated(rng, slower=1.4)
    found = changes(old, new, 1.05, ratio_of)  # type: ignore[arg-type]
    assert [change.slower for change in found] == [True] * 6 + [False] * 54


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (Ratio(1.08, 1.01, 1.2, 11), "SLOWER"),
        (Ratio(1.03, 1.01, 1.2, 11), "slower"),  # Within the factor.
        (Ratio(1.08, 0.99, 1.2, 11), "≈"),
        (Ratio(0.9, 0.8, 0.95, 11), "faster"),
        (Ratio(1.5, None, None, 4), "too few rounds"),
    ],
)
def test_a_slowdown_is_significant_and_above_the_factor(ratio: Ratio, verdict: str) -> None:
    change = Change("train/flax", ratio, factor=1.05)
    assert change.slower == (verdict == "SLOWER")
    assert str(change).endswith(f"{ratio.interval}   {verdict}")


def filed(path: Path, rounds: int, speed: float = 400.0, **metadata: Any) -> Results:
    results = Results(path)
    results.note_machine("m", Machine({"family": 26}, {"sgemm": speed}, 2))
    rng = np.random.default_rng(rounds)
    for framework in ("flax", "limit-jax"):
        for number in range(rounds):
            values = [float(rng.normal(1, 0.01))]
            known = {"loops": 1, "threads": 2, "machine": "m", "round": number}
            results.add("train", framework, {"values": values, **known, **metadata})
    results.save()
    return results


def test_too_few_rounds_are_not_reported_as_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filed(tmp_path / "old.json", 3)
    filed(tmp_path / "new.json", 2)
    assert main(["compare", str(tmp_path / "old.json"), str(tmp_path / "new.json")]) == 2
    printed = capsys.readouterr().out
    assert "1 of 1 rows have too few rounds to tell" in printed
    assert "limit-jax" not in printed, "limits are not compared"


@pytest.mark.parametrize("factor", ["nan", "inf", "0.9"])
def test_an_invalid_factor_is_refused(
    factor: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filed(tmp_path / "old.json", 4)
    assert main(["compare", *[str(tmp_path / "old.json")] * 2, "--factor", factor]) == 2
    assert f"factor is {factor}" in capsys.readouterr().err


def test_all_compared_rows_must_be_of_the_same_machine(tmp_path: Path) -> None:
    old = filed(tmp_path / "old.json", 4)
    new = filed(tmp_path / "new.json", 4)
    assert differing_machine(old, new) == []
    # A row of one result alone does not count, but every process of a shared row does.
    outcome = {"values": [1.0], "loops": 1, "threads": 64, "machine": "m", "round": 4}
    new.add("grid", "flax", outcome)
    assert differing_machine(old, new) == []
    new.add("train", "flax", outcome)
    assert differing_machine(old, new) == ["threads 2 and 2, 64"]


@pytest.mark.parametrize(
    ("speed", "metadata", "expected"),
    [
        (340.0, {}, []),  # Noise explains as much.
        (171.0, {}, ["sgemm 420 and 171"]),
        (420.0, {"machine": "unheard of"}, ["the machine of {} is not identified"]),
    ],
)
def test_other_machines_of_the_same_name_are_not_compared(
    speed: float,
    metadata: dict[str, str],
    expected: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = tmp_path / "old.json", tmp_path / "new.json"
    old, new = filed(paths[0], 6, 420.0), filed(paths[1], 6, speed, **metadata)
    expected = [line.format(paths[1]) for line in expected]
    assert differing_machine(old, new) == expected
    before = [path.read_bytes() for path in paths]
    status = main(["compare", *map(str, paths), "--factor", "3"])
    printed = capsys.readouterr()
    assert status == (2 if expected else 0)
    assert printed.err.count("\n") == len(expected) and all(map(printed.err.count, expected))
    assert main(["compare", *map(str, paths), "--factor", "3", "--other-machine"]) == 0
    assert [path.read_bytes() for path in paths] == before


def test_a_comparison_of_files_says_what_it_cannot_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for version, name in enumerate(("old", "new")):
        filed(tmp_path / f"{name}.json", 6, version_jax=str(version))
    assert main(["compare", str(tmp_path / "old.json"), str(tmp_path / "new.json")]) == 0
    *_, versions, last = capsys.readouterr().out.splitlines()
    assert versions == "besides their code, OLD and NEW differ in version_jax 0 and 1"
    assert "measured at different times" in last and "compare --ref" in last
