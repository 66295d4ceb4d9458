"""The report, in Markdown and in the terminal: its verdict, its sections, and its length."""

import io
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flax import nnx
from rich.console import Console

import jaxae
from benchmarks.contestants import CONTESTANTS, LADDERS, Entry, applies, limits, load
from benchmarks.measuring.identity import Machine
from benchmarks.measuring.results import Results
from benchmarks.reporting import growth
from benchmarks.reporting.machines import machine_lines
from benchmarks.reporting.report import report, verdict, write_report
from benchmarks.reporting.terminal import print_tables
from benchmarks.stats import fit, growth_of
from benchmarks.tasks import TASKS, flops
from tests.filed import file

TERMS = {"warmups": 1, "threads": 2, "device": "cpu", "tf32": "off", "precision": "float32"}


def add(results: Results, task: str, framework: str, seconds: float, **metadata: Any) -> None:
    known = TASKS[task]
    sizes = {"batch": known.batch, "hidden": known.hidden, "images": known.n}
    idiom = {"mode": "epoch", "loader": "device", "transfers": "once", "donated": True}
    found = {"values": [seconds], "loops": 1, **TERMS, **sizes, **idiom, **metadata}
    results.add(task, framework, found)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two rounds of every task and framework, with made-up but consistent costs."""
    results = Results(tmp_path_factory.mktemp("results") / "r.json")
    rng = np.random.default_rng(0)
    slowness = dict.fromkeys(CONTESTANTS, 2.0) | {"flax": 1.0, "flax-again": 1.0}
    slowness |= dict.fromkeys(limits(CONTESTANTS), 0.8)
    share = {"products": 0.8, "gradients": 0.9, "epoch": 1.0}
    parts = {f"{part}_seconds": 0.5 for part in ("start", "import", "load", "compile", "run")}
    for number, (name, factor) in itertools.product(range(2), slowness.items()):
        for task in TASKS.values():
            if applies(task, name):
                cost = factor * (1e-3 + 1e-5 * task.n * task.hidden / 512)
                cost *= share.get(task.name.partition("-")[0], 1) * float(rng.normal(1, 0.005))
                extra = {"mem_max_rss": 500 << 20} | (parts if task.kind == "cold" else {})
                add(results, task.name, name, cost, round=number, **extra)
    return results


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "r.json")


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


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
        changed = [key for key, _ in things(after) - things(before)]
        # What is compiled is described in the remark.
        assert len(changed) == 1 or set(changed) == {"mode", "remark"}, (before, after)


def test_the_report_has_a_section_for_everything_that_was_measured(full: Results) -> None:
    text = report(full, {"train": "train.png"})
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        *("train", "train, like with like", "Other tasks", "time-to-loss", "Starts"),
        *("The parts of a step of flax", "Growth, ablations, memory", "Machine"),
    ]
    assert "![train](train.png)" in text
    assert " nan" not in text and "None" not in text and "\n\n\n" not in text
    assert len(lines(text)) <= 160, "about a page"


def test_the_reports_numbers_are_those_of_the_measurements(full: Results) -> None:
    # Made of 1 ms, and 10 µs per image: equal at a batch of 100.
    found = growth_of(growth.points(full, growth.STEP, "flax"))
    assert found is not None
    assert found.crossing == pytest.approx(100, rel=0.05)
    assert found.misfit < 0.05


def test_the_verdict_separates_the_products_from_the_framework(results: Results) -> None:
    # PyTorch's products take 1.5 times as long, a framework on PyTorch twice: 4/3 is its own.
    times = {"flax": 1, "linen": 1.1, "torch-eager": 2, "torch-loader": 3, "limit-jax": 0.5}
    for name, seconds in (times | {"limit-torch": 0.75, "numpy": 4}).items():
        file(results, "train", name, *[seconds] * 10)
    found = lines(verdict(results))
    assert found[:2] == [
        "- `torch-eager` takes 2.00 times as long as `flax` at `train`; PyTorch's matrix products "
        "alone take 1.50 times as long as JAX's, so a factor of 1.33 is the framework's.",
        "- `numpy` takes 4.00 times as long as `flax`; how much of this NumPy's matrix products "
        "explain was not measured.",
    ]
    assert found[2].endswith("at 1 of 1 tasks: `train`.")
    assert found[3:] == ["- The first, and those not distinguishable from it: train `flax`."]


def test_the_verdict_names_who_is_first_and_who_is_not_distinguishable(results: Results) -> None:
    up, down = [1.0, 1.1] * 5, [1.1, 1.0] * 5
    for name, times in {"flax": [2.0] * 10, "equinox": up, "linen": down}.items():
        file(results, "train", name, *times)
    for name, times in {"flax": up, "flax-again": [0.1] * 10, "equinox": down}.items():
        file(results, "encode", name, *times)
    for name, seconds in {"flax": 2.0, "equinox": 1.0}.items():
        file(results, "grid", name, seconds)
    file(results, "time-to-loss", "flax", 10)
    file(results, "time-to-loss", "flax-onecycle", 5)
    assert lines(verdict(results)) == [
        "- No framework measured at `train` computes with another library than `flax`.",
        "- `flax-again` is `flax` under a second name. It differs significantly at 1 of 1 tasks "
        "(`encode`); the ratios are 0.10 to 0.10.",
        "- `flax` is first, or not distinguishable from the first, at 1 of 2 tasks: `encode`. "
        "It is slower at `train` (`equinox` takes 0.53 times as long).",
        "- The first, and those not distinguishable from it: train `equinox`, `linen`; encode "
        "`flax`, `equinox`.",
        "- At 1 other task there are too few rounds to tell.",
        "- To a test loss of 32.5, `flax` takes 10.00 s with the lecture's recipe and 5.00 s with "
        "one cycle.",
    ]


def test_a_slow_process_is_counted_once(results: Results) -> None:
    for task in ("train", "encode"):
        for name in ("flax", "torch-eager"):
            file(results, task, name, 1, 2, 1, slow=[0, 1, 0], reference_after=[1, len(name), 2])
    text = report(results, {})
    assert "- Processes that found the machine slow, and count in no number here: 2.\n" in text
    assert text.count("| 2 + 1 slow |") == 2


def test_a_report_of_one_row(results: Results) -> None:
    file(results, "grid", "torch-eager", 1.0)
    text = report(results, {})
    assert "computes with another library than `torch-eager`" in text
    assert "| torch-eager | eager | 1.00 s | 144 | 1 | — | — | — | 1 |" in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["grid", "Machine"]


def test_a_report_of_a_framework_that_failed_its_parity_check(results: Results) -> None:
    failures = ["losses differs by 1.0e+00, allowed 1e-04"]
    results.note(kind="parity", framework="keras-jax", failures=failures, losses=1.0)
    text = report(results, {})
    assert text.startswith("# Framework comparison\n\n- Nothing was measured.\n")
    assert f"- keras-jax is not timed: {failures[0]}" in text


def test_the_machine_takes_a_few_lines(results: Results) -> None:
    described = {"cpu": "A CPU", "family": 6, "model": 7, "caches": {"L1d": 49152}}
    described |= {"instructions": ["avx2", "fma"], "processors": 2, "gpus": None}
    speeds = {"peak_gflops": 400.4, "sgemm_torch_train_gflops": 200.0, "triad_gbs": 45.1}
    results.note_machine("a-cpu", Machine(described, speeds, 2))
    for task in ("train", "encode"):
        stolen = {"steal_seconds": [1.4, 1.4], "reference_after": [0.1, 0.2]}
        file(results, task, "flax", 1, 1, machine="a-cpu", **stolen)
    assert list(machine_lines(results))[:3] == [
        "a-cpu: A CPU, family 6, model 7, processors 2, L1d 48 KiB, avx2, fma",
        "with 2 threads: peak 400 GFLOP/s, PyTorch's products of a training step 200 GFLOP/s, "
        "memory 45 GB/s",
        "lost to other guests of the host: 3 s of processor time",
    ]


def test_tables_in_the_terminal_fit_80_columns(results: Results) -> None:
    times = {"flax": 1.0, "keras-tensorflow-tuned": 12.345678, "equinox": 1.0001}
    for name, seconds in times.items():
        file(results, "train", name, *[seconds] * 11, slow=[0] * 10 + [1])
    shown = io.StringIO()
    print_tables(results, ["train", "grid"], Console(file=shown, width=80))
    found = [line.split() for line in shown.getvalue().splitlines()]
    ratio = ["12.35", "[12.35,", "12.35]", "slower", "—", "—", "10+1"]
    assert ["keras-tensorflow-tuned", "12.35", "s", *ratio] in found
    assert ["flax", "1.00", "s", "—", "—", "10+1"] in found and ["grid"] not in found


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
    text = report(results, {})
    assert all(f"| {name} |" in text for name in names)


def test_a_result_of_two_commits_names_both(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    for number, commit in enumerate(("aaa", "bbb-dirty", "aaa")):
        add(results, "train", "flax", 1.0, round=number, commit=commit, env_XLA_FLAGS="--xla_x")
    text = report(results, {})
    assert "commit aaa, bbb-dirty," in text and "XLA_FLAGS --xla_x" in text


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
    text = report(results, {})
    missing = text.partition("## Not measured\n")[2].strip().splitlines()
    assert missing == [
        "- equinox: absent, equinox not installed",
        "- flax train: failed, failed in 1",
    ]


def test_the_number_of_parameters_is_the_models() -> None:
    model = jaxae.create_model(jaxae.ModelConfig(), (28, 28), 0)
    held = sum(leaf.size for leaf in nnx.to_flat_state(nnx.state(model, nnx.Param)).leaves)
    assert flops.parameters(flops.Sizes()) == held


COMMITTED = sorted((Path(__file__).parents[1] / "benchmarks/results").glob("*/comparison.json"))


def test_the_committed_results_are_reported_on_one_page() -> None:
    for path in COMMITTED:
        assert len(lines(report(Results(path), {"train": "train.png"}))) <= 160


@pytest.mark.slow
@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_the_committed_report_follows_from_the_committed_results(
    path: Path, tmp_path: Path
) -> None:
    (written, *_) = write_report(Results(path), tmp_path)
    committed = path.with_suffix("") / "report.md"
    assert written.read_text() == committed.read_text(), "run python -m benchmarks report again"
