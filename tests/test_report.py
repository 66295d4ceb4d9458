"""The report: fits, break-even points, and comparisons under equal conditions."""

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flax import nnx

import jaxae
from benchmarks.contestants import CONTESTANTS, LADDERS, Entry, applies, load
from benchmarks.measuring.results import Results
from benchmarks.reporting import growth
from benchmarks.reporting.breakeven import Line, break_even_section
from benchmarks.reporting.gap import gap_section
from benchmarks.reporting.report import write_report
from benchmarks.reporting.tables import IDIOM, side_by_side, task_tables
from benchmarks.stats import fit, growth_of
from benchmarks.tasks import TASKS, flops

TERMS = {"warmups": 1, "threads": 2, "device": "cpu", "tf32": "off", "precision": "float32"}


def add(results: Results, task: str, framework: str, seconds: float, **metadata: Any) -> None:
    known = TASKS[task]
    sizes = {"batch": known.batch, "hidden": known.hidden, "images": known.n}
    idiom = {"mode": "epoch", "loader": "device", "transfers": "once", "donated": True}
    found = {"values": [seconds], "loops": 1, **TERMS, **sizes, **idiom, **metadata}
    results.add(task, framework, found)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Six rounds of every task, with made-up but consistent costs."""
    results = Results(tmp_path_factory.mktemp("results") / "r.json")
    rng = np.random.default_rng(0)
    slowness = {"flax": 1.0, "flax-again": 1.0, "torch-eager": 2.0, "limit-jax": 0.8}
    slowness |= {"limit-copy": 1.0}
    slowness |= {name: 3.0 / (1 + i) for i, name in enumerate(LADDERS[0][:-1])}
    slowness |= {"torch-loader": 3.0, "torch-tensors": 2.5, "torch-compile": 1.5}
    share = {"products": 0.8, "gradients": 0.9, "epoch": 1.0}
    parts = {f"{part}_seconds": 0.5 for part in ("start", "import", "load", "compile", "run")}
    for number in range(6):
        for name, factor in slowness.items():
            for task in TASKS.values():
                if applies(task, name):
                    cost = factor * (1e-3 + 1e-5 * task.n * task.hidden / 512)
                    cost *= share.get(task.name.partition("-")[0], 1)
                    extra: dict[str, Any] = {"mem_max_rss": 500 << 20}
                    extra |= parts if task.kind == "cold" else {}
                    extra |= {"mode": "eager"} if name.startswith("torch") else {}
                    noise = float(rng.normal(1, 0.005))
                    add(results, task.name, name, cost * noise, round=number, **extra)
    return results


def test_a_fit_recovers_the_parts_of_the_costs() -> None:
    sizes = np.array([1, 8, 32, 128, 512, 2048])
    found = fit(sizes.tolist(), (1e-3 + 2e-6 * sizes).tolist())
    assert (found.fixed, found.each) == pytest.approx((1e-3, 2e-6))
    assert found.crossing == pytest.approx(500) and found.misfit < 1e-9
    proportional = fit([10, 100, 1000], [1e-5, 1e-4, 1e-3])
    assert proportional.exponent == pytest.approx(1) and proportional.fixed == pytest.approx(0)
    flat = fit([1, 2, 3], [1.0, 1.0, 1.0])
    assert flat.exponent == pytest.approx(0, abs=1e-9) and flat.crossing > 1e6


def test_a_fit_needs_three_sizes() -> None:
    with pytest.raises(ValueError, match="2 sizes; expected 3 or more"):
        fit([1, 2, 2], [1.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("ours", "other", "epochs"),
    [
        (Line(5, 1), Line(2, 2), 4),  # 5 + (n − 1) = 2 + 2 (n − 1) at n = 4.
        (Line(1, 1), Line(2, 2), 1),
        (Line(5, 2), Line(2, 1), np.inf),
        (Line(5, 1), Line(2, 1), np.inf),
    ],
)
def test_lines_cross_where_both_take_as_long(ours: Line, other: Line, epochs: float) -> None:
    assert ours.overtakes(other) == epochs
    if 1 < epochs < np.inf:
        assert ours.at(epochs) == other.at(epochs)


def test_rows_under_other_conditions_go_into_another_table(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    for number in range(2):
        add(results, "train", "flax", 1.0, round=number)
        add(results, "train", "equinox", 1.1, round=number)
        add(results, "train", "torch-eager", 2.0, round=number, mode="eager")
        add(results, "train", "keras-jax", 3.0, round=number, threads=1)
    tables = side_by_side(results, TASKS["train"], axis=IDIOM)
    assert tables == {
        "threads 2": {n: results.processes("train", n) for n in ("flax", "equinox", "torch-eager")},
        "threads 1": {"keras-jax": results.processes("train", "keras-jax")},
    }
    strict = side_by_side(results, TASKS["train"], axis=())
    assert [sorted(rows) for rows in strict.values()] == [
        ["equinox", "flax"],
        ["torch-eager"],
        ["keras-jax"],
    ]


@pytest.mark.slow
@pytest.mark.parametrize("rungs", LADDERS, ids=["flax", "torch"])
def test_each_step_of_an_ablation_changes_one_thing(rungs: tuple[str, ...]) -> None:
    def things(name: str) -> set[tuple[str, object]]:
        pytest.importorskip(name.partition("-")[0])
        settings = load(name).settings
        # Batches can only be cut on the device if the images are sent once.
        feed = settings.loader, settings.transfers
        declared = {"mode": settings.mode, "donated": settings.donated, "feed": feed}
        return {*declared.items(), ("remark", settings.remark)}

    for before, after in itertools.pairwise(rungs):
        assert len(things(after) - things(before)) == 1, (before, after)


@pytest.mark.slow
def test_the_report_has_a_section_for_everything_that_was_measured(
    full: Results, tmp_path: Path
) -> None:
    paths = write_report(full, tmp_path)
    assert {path.stem for path in paths} == {
        *("report", "train", "batch"),
    }
    text = paths[0].read_text()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    for heading in (
        *("train", "train, like with like", "time-to-loss", "step-1", "encode", "grid"),
        *("The parts of a step of flax", "Memory", "A/A test"),
        *("From flax-nojit to flax, one change at a time", "Time against batch size"),
        *("Cold start", "Start with a warm compilation cache"),
        *("hidden-64", "images-1000", "How to read this"),
    ):
        assert heading in headings
    assert len(headings) == len(set(headings))
    for path in paths[1:]:
        assert f"]({path.name})" in text
    assert " nan" not in text and "None" not in text


def test_the_reports_numbers_are_those_of_the_measurements(full: Results) -> None:
    # Made of 1 ms, and 10 µs per image: equal at a batch of 100.
    found = growth_of(growth.points(full, growth.STEP, "flax"))
    assert found is not None
    assert found.crossing == pytest.approx(100, rel=0.05)
    assert found.misfit < 0.05


def test_every_row_states_its_number_of_rounds(full: Results) -> None:
    for task in ("train", "step-8", "hidden-64", "images-4000"):
        table = [line.split("|") for line in task_tables(full, TASKS[task]) if "|" in line]
        assert table[0][-2].strip() == "rounds"
        rounds = {row[1].strip(" !*"): int(row[-2]) for row in table[2:]}
        assert rounds == {name: len(full.processes(task, name)) for name in rounds}
        assert {"flax", "torch-eager", "limit-jax"} <= rounds.keys()


def test_a_part_of_a_step_is_stated_only_if_significant(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    drift = np.linspace(1, 2, 9)  # A machine that slows down twofold, which pairs cancel.
    noise = np.array([1, -1, 1, -1, 0, 1, -1, 1, -1]) * 1e-4
    steps = 8192 / 128
    for part, seconds in (
        ("products", drift),
        ("gradients", drift + steps * 50e-6),
        ("epoch", drift + steps * 50e-6 + noise),
    ):
        add(results, f"{part}-128", "flax", 0, values=seconds.tolist(), round=0)
    (row,) = (line for line in gap_section(results) if line.startswith("| 128 "))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[2] == "50 µs [50, 50]" and cells[3] == "not significant"
    assert cells[-2:] == ["—", "9"]


def test_no_break_even_point_if_epochs_do_not_differ_significantly(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    parts = {f"{part}_seconds": 0.5 for part in ("start", "import", "load", "compile", "run")}
    for name, first, wobble in (("flax", 5, 0), ("equinox", 4, 0.1), ("torch-eager", 4, 1)):
        add(results, "cold", name, first, round=0, **parts)
        for number in range(6):
            # Equinox is slower in three rounds of six, PyTorch in all.
            sign = 1 if name == "torch-eager" else (-1) ** number
            add(results, "train", name, 1 + wobble * sign, round=number)
    add(results, "cold-cached", "flax", 3, round=0, **parts)
    text = "\n".join(break_even_section(results))
    cold, warm = text.split("## Start with a warm")
    row = {
        name: next(t for t in cold.splitlines() if f"| {name} " in t)
        for name in CONTESTANTS
        if f"| {name} " in cold
    }
    assert "not significant" in row["equinox"]
    assert "from 2.0 epochs on" in row["torch-eager"]  # 5 + 1 = 4 + 2.
    assert (
        "no cache, so their cold start is shown: equinox, torch-eager." in warm
        and "| torch-eager | 4.00 s" in warm
    )


def test_a_contestant_of_any_name_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about: Any = {"library": "jax", "group": "epoch", "what": "made up"}
    entry = Entry(module="made_up", cls="MadeUp", packages=(), **about)
    results = Results(tmp_path / "r.json")
    names = ["plain-jax", *(f"flax-{i}" for i in range(20))]
    for name in names:
        monkeypatch.setitem(CONTESTANTS, name, entry)
        for task in ("train", "step-1", "step-8", "step-32"):
            add(results, task, name, 1.0, round=0)
    text = write_report(results, tmp_path / "out")[0].read_text()
    assert all(f"| {name} |" in text for name in names)


def test_a_result_of_two_commits_names_both(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    for number, commit in enumerate(("aaa", "bbb-dirty", "aaa")):
        add(results, "train", "flax", 1.0, round=number, commit=commit, env_XLA_FLAGS="--xla_x")
    text = write_report(results, tmp_path / "out")[0].read_text()
    assert "- commit: aaa, bbb-dirty\n" in text and "- XLA_FLAGS: --xla_x\n" in text


def test_what_has_been_measured_since_is_not_reported_as_missing(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    add(results, "train", "flax", 1.0, round=0)
    results.note(kind="absent", framework="flax", why="flax not installed")
    results.note(kind="absent", framework="equinox", why="equinox not installed")
    results.note(kind="failed", framework="flax", task="parity", why="crashed once")
    results.note(kind="parity", framework="flax", failures=[], largest=1e-6)
    for number in range(2):
        failed = {"task": "train", "tasks": ["train"], "round": number}
        results.note(kind="failed", framework="flax", why=f"failed in {number}", **failed)
    text = write_report(results, tmp_path / "out")[0].read_text()
    missing = text.partition("## Not measured\n")[2].strip().splitlines()
    assert missing == [
        "- equinox: absent, equinox not installed",
        "- flax train: failed, failed in 1",
    ]


def test_the_number_of_parameters_is_the_models() -> None:
    model = jaxae.create_model(jaxae.ModelConfig(), (28, 28), 0)
    held = sum(leaf.size for leaf in nnx.to_flat_state(nnx.state(model, nnx.Param)).leaves)
    assert flops.parameters(flops.Sizes()) == held


ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_committed_report_follows_from_the_committed_results(tmp_path: Path) -> None:
    results = Results(ROOT / "benchmarks" / "results" / "full.json")
    (written, *_) = write_report(results, tmp_path)
    committed = ROOT / "benchmarks" / "results" / "full" / "report.md"
    assert written.read_text() == committed.read_text(), "run python -m benchmarks report again"
