"""FLOP counts, statistics, the file of results, and a comparison from end to end."""

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from rich.console import Console

import jaxae
from benchmarks.__main__ import main
from benchmarks.contestants import CONTESTANTS, applies
from benchmarks.measuring import provenance, runner, speeds
from benchmarks.measuring.identity import Machine
from benchmarks.measuring.results import Process, Results
from benchmarks.measuring.spawn import WorkerError, spawn
from benchmarks.tasks import TASKS, flops, limit
from benchmarks.tasks.flops import Sizes

ROUNDS = 8
CHECK, WORKER = "measuring.check", "measuring.worker"


def processes(seconds: list[float]) -> list[Process]:
    return [Process(number, (value,), {}) for number, value in enumerate(seconds)]


def outcome(seconds: float, **metadata: Any) -> dict[str, Any]:
    return {
        "values": [seconds, 0.9 * seconds, 3 * seconds],
        "loops": 4,
        "threads": 2,
        "machine": "m",
        **metadata,
    }


def filed(path: Path, factor: float = 1.0, rounds: int = ROUNDS) -> Results:
    rng = np.random.default_rng(len(path.name))
    results = Results(path)
    results.note_machine("m", Machine({}, {}, 2))
    for number in range(rounds):
        for framework, seconds in (("flax", 1.0), ("torch-eager", 2.0), ("limit-jax", 0.8)):
            noise = float(rng.normal(1, 0.01))
            results.add("train", framework, outcome(factor * seconds * noise, round=number))
    results.save()
    return results


def xla_flops(function: Any, *arguments: Any) -> float:
    analysis: Any = jax.jit(function).lower(*arguments).compile().cost_analysis()
    return float(analysis["flops"])


@pytest.mark.parametrize("hidden", [128, 512])
def test_flops_agree_with_xlas_own_count(hidden: int) -> None:
    sizes, batch = Sizes(hidden=hidden), 64
    model = jaxae.create_model(jaxae.ModelConfig(2, hidden), (28, 28), 0)
    graphdef, params = nnx.split(model, nnx.Param)
    x, z = jnp.zeros((batch, 28, 28)), jnp.zeros((batch, 2))

    def loss(params: Any) -> jax.Array:
        return jaxae.batch_loss(nnx.merge(graphdef, params), jaxae.Batch(x, jnp.ones(batch)))

    # XLA also counts activations, biases and the loss: a few operations per unit, among hundreds.
    for formula, counted in (
        (flops.encode, xla_flops(lambda x: jax.vmap(model.encoder)(x), x)),
        (flops.decode, xla_flops(lambda z: jax.vmap(model.decoder)(z), z)),
        (flops.train, xla_flops(jax.value_and_grad(loss), params)),
    ):
        assert counted == pytest.approx(formula(sizes) * batch, rel=0.03)


@pytest.mark.parametrize("work", ["train", "encode", "decode"])
def test_the_limit_computes_the_products_of_the_work(work: limit.Work) -> None:
    sizes, rows = Sizes(hidden=512), 32
    operands = limit._operands(sizes, rows)
    counted = xla_flops(lambda operands: limit._products(work, operands), operands)
    formula = {"train": flops.train, "encode": flops.encode, "decode": flops.decode}[work]
    assert counted == pytest.approx(formula(sizes) * rows, rel=0.01)


@pytest.mark.slow
def test_results_are_a_suite_that_pyperf_reads(tmp_path: Path) -> None:
    results = filed(tmp_path / "r.json")
    again = Results(tmp_path / "r.json")
    assert again.names() == results.names()
    assert [p.seconds for p in again.processes("train", "flax")] == [
        p.seconds for p in results.processes("train", "flax")
    ]
    assert again.loops("train", "flax") == 4
    command = [sys.executable, "-m", "pyperf", "stats", str(tmp_path / "r.json")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "train/torch-eager" in shown


def test_results_name_no_path_of_the_machine(tmp_path: Path) -> None:
    filed(tmp_path / "r.json", rounds=1)
    text = (tmp_path / "r.json").read_text()
    assert str(Path.home()) not in text and sys.prefix not in text


def test_compare_finds_a_slowdown_and_only_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filed(tmp_path / "old.json")
    filed(tmp_path / "same1.json")
    filed(tmp_path / "slow22.json", factor=1.2)
    old = str(tmp_path / "old.json")
    assert main(["compare", old, str(tmp_path / "same1.json")]) == 0
    assert "SLOWER" not in capsys.readouterr().out
    assert main(["compare", old, str(tmp_path / "slow22.json")]) == 1
    assert capsys.readouterr().out.count("SLOWER") == 2, "limits are not compared"
    assert main(["compare", old, str(tmp_path / "slow22.json"), "--factor", "1.5"]) == 0


def test_compare_refuses_another_machine_unless_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filed(tmp_path / "old.json")
    text = (tmp_path / "old.json").read_text()
    other = tmp_path / "new.json"
    other.write_text(re.sub(r'"threads": ?2', '"threads": 64', text))
    paths = [str(tmp_path / "old.json"), str(other)]
    assert main(["compare", *paths]) == 2
    assert "threads 2 and 64" in capsys.readouterr().err
    assert main(["compare", *paths, "--other-machine"]) == 0


def test_a_crash_is_noted_and_the_other_contestants_continue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, str]] = []

    def answer(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
        calls.append((module, spec["framework"]))
        if module == CHECK:
            wrong = ["losses differs by 1"] if spec["framework"] == "torch-loader" else []
            return {"failures": wrong, "largest": 1e-6}
        if spec["framework"] == "torch-eager":
            raise WorkerError("signal SIGSEGV: last words", "first words\nlast words")
        return {"train": outcome(1.0)}

    monkeypatch.setattr(runner, "spawn", answer)
    monkeypatch.setattr(speeds, "measure", lambda *_: {"peak_gflops": 100.0})
    monkeypatch.setitem(
        CONTESTANTS, "equinox", replace(CONTESTANTS["equinox"], packages=("no_such_package",))
    )
    names = ["flax", "torch-eager", "torch-loader", "equinox"]
    console = Console(file=io.StringIO())
    results = Results(tmp_path / "r.json")
    runner.run(results, names, ["train"], 3, 2, console)

    assert len(results.processes("train", "flax")) == 3
    assert calls.count((WORKER, "torch-eager")) == 1, "a crash is not tried again in each round"
    assert (WORKER, "torch-loader") not in calls, "what fails parity is not timed"
    kinds = {(note["kind"], note.get("framework")) for note in results.notes}
    assert {("failed", "torch-eager"), ("absent", "equinox")} <= kinds
    text = "\n".join(json.dumps(note) for note in results.notes)
    assert "SIGSEGV" in text and "first words" in text and "losses differs" in text

    calls.clear()
    monkeypatch.setattr(provenance, "is_of_this_code", lambda receipt: True)
    runner.run(Results(tmp_path / "r.json"), ["flax"], ["train"], 4, 2, console)
    # Only the fourth round of flax and of its limits runs, without a new parity check.
    assert calls.count((WORKER, "flax")) == 1 and (CHECK, "flax") not in calls


def test_every_round_runs_the_same_rows_in_another_order() -> None:
    names = [name for name in CONTESTANTS if applies(TASKS["train"], name)]
    rounds = [runner._round(number, names, ["train"]) for number in range(4)]
    # The limits are sparse.
    orders = [[job.framework for job in jobs if job.framework in names] for jobs in rounds]
    assert all(sorted(order) == sorted(names) for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert "limit-jax" in [job.framework for job in rounds[0]]


@pytest.mark.slow
def test_one_real_measurement_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def with_a_small_check(module: str, spec: dict[str, Any], environment: Any) -> dict[str, Any]:
        small = {"steps": 3, "hidden": 16} if module == CHECK else {}
        return spawn(module, spec | small, environment)

    monkeypatch.setattr(runner, "spawn", with_a_small_check)
    monkeypatch.setattr(speeds, "measure", lambda *_: {"peak_gflops": 100.0})
    file = tmp_path / "real.json"
    command = [
        "run",
        "--frameworks",
        "flax",
        "--tasks",
        "grid",
        "--rounds",
        "1",
        "--out",
        str(file),
    ]
    assert main(command) == 0
    results = Results(file)
    (process,) = results.processes("grid", "flax")
    assert 1e-5 < process.seconds < 1
    assert process.metadata["mode"] == "epoch" and process.metadata["loops"] >= 1
    # 144 images of two layers.
    assert process.metadata["flops"] == 144 * 2 * (2 * 512 + 512 * 784)
    assert process.metadata["bytes"] > 0 and process.metadata["library"] == "jax"
    (machine,) = results.machines(results.names()).values()
    assert machine is not None and machine.speeds == {"peak_gflops": 100.0}
    receipt = results.receipt("flax")
    assert receipt is not None and receipt["failures"] == [] and 0 < receipt["largest"] < 0.02


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "--frameworks", "jax"], "unknown framework 'jax'; expected one of flax"),
        (["run", "--tasks", "speed"], "unknown task 'speed'"),
        (["run", "--rounds", "0"], "rounds 0"),
        (["run", "--threads", "0"], "threads 0"),
        (["report", "nowhere.json"], "nowhere.json: no such file"),
        (["report", "pyproject.toml"], "pyproject.toml is not a file of results"),
    ],
)
def test_a_bad_call_is_refused_in_one_line(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert reason in error and error.count("\n") == 1
