"""What is timed and what is not, and how one process measures."""

import io
import json
import os
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from rich.console import Console

from benchmarks.contestants import CONTESTANTS, applies, due, library
from benchmarks.measuring import machine, measure, runner, speeds, worker
from benchmarks.measuring.results import Results
from benchmarks.stats import least_rounds, paired_ratio
from benchmarks.tasks import TASKS, Task, limit
from benchmarks.tasks.parity import initial_weights
from benchmarks.tasks.suite import ALL, EPOCH, TARGET_LOSS


class Sleeper:
    """Sleeps instead of training; decodes exactly `needed` epochs after its reset."""

    def __init__(self, images: np.ndarray, needed: int):
        self.test, self.needed = images[EPOCH:ALL] / np.float32(255), needed
        self.epochs, self.resets = 0, 0
        self.orders: list[tuple[int, ...]] = []

    def reset(self, weights: Any) -> None:
        assert all(np.array_equal(weights[k], v) for k, v in initial_weights(seed=7).items())
        self.epochs, self.resets = 0, self.resets + 1

    def train(self, order: np.ndarray) -> None:
        time.sleep(0.01 if self.orders else 0.1)  # The first call compiles.
        self.orders.append(tuple(order[:5]))
        self.epochs += 1

    def synchronise(self) -> None:
        time.sleep(0.01)

    def encode(self, images: np.ndarray) -> np.ndarray:
        time.sleep(0.2)  # Evaluation is not timed.
        return np.zeros((len(images), 2), np.float32)

    def decode(self, z: np.ndarray) -> np.ndarray:
        return self.test if self.epochs == self.needed else np.zeros_like(self.test)


@pytest.fixture
def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    few = rng.integers(0, 256, (100, 784), dtype=np.uint8)
    return np.resize(few, (ALL, 784))


def test_time_to_loss_is_the_epochs_time_from_fresh_weights(images: np.ndarray) -> None:
    sleeper: Any = Sleeper(images, needed=3)
    outcome = measure.to_loss(sleeper, images, seed=7)
    assert outcome["epochs"] == 3 and sleeper.resets == 1
    assert outcome["test_loss"] <= TARGET_LOSS
    assert 0.06 <= outcome["values"][0] < 0.15, "neither evaluation nor the first epoch counts"
    assert len(set(sleeper.orders)) == 4, "each epoch has its own order"


def test_a_test_loss_is_summed_over_pixels_and_averaged_over_images(images: np.ndarray) -> None:
    sleeper: Any = Sleeper(images, needed=1)
    sleeper.decode = lambda z: sleeper.test + np.sqrt(np.float32(30 / 784))
    assert measure.to_loss(sleeper, images, seed=7)["test_loss"] == pytest.approx(30, rel=1e-4)


def test_a_loss_that_is_never_reached_is_an_error(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "_MOST_EPOCHS", 2)
    sleeper: Any = Sleeper(images, needed=3)
    with pytest.raises(ValueError, match=r"after 2 epochs, TARGET_LOSS=32\.5"):
        measure.to_loss(sleeper, images, seed=7)


def test_loops_are_calibrated_once_and_then_kept() -> None:
    outcome = measure.timed(lambda: time.sleep(0.01), loops=None)
    assert 2 <= outcome["loops"] <= 5  # They take 0.05 s.
    assert np.allclose(outcome["values"], 0.01, rtol=0.5)
    calls: list[int] = []
    outcome = measure.timed(lambda: calls.append(1), loops=7)
    assert outcome["loops"] == 7 and len(calls) == 7 * 2 + outcome["warmups"]


def test_sparse_tasks_run_in_every_third_round() -> None:
    assert TASKS["step-128"].sparse and not TASKS["train-batch-128"].sparse
    rounds = [
        runner._round(number, ["flax"], ["step-128", "train-batch-128"]) for number in range(4)
    ]
    tasks = [next(job.tasks for job in jobs if job.framework == "flax") for jobs in rounds]
    both, dense = ("step-128", "train-batch-128"), ("train-batch-128",)
    assert tasks == [both, dense, dense, both]
    assert [due(TASKS["cold"], "flax", number) for number in range(7)] == [1, 0, 0, 1, 0, 0, 1]


def test_the_parts_of_an_epoch_alternate(images: np.ndarray) -> None:
    task = Task("epoch-32", "parts", "parts-32", 256, 32)
    contestant = measure.build("flax", task, images)
    # Flat images are broadcast, which the tests' setting of rank promotion forbids.
    with jax.numpy_rank_promotion("allow"):
        found = measure.parts(contestant, task, images)
    assert list(found) == ["products", "gradients", "epoch"]
    assert all(len(outcome["values"]) == 9 for outcome in found.values())
    assert all(min(outcome["values"]) > 0 for outcome in found.values())
    # Nine epochs and the warm-up.
    assert int(contestant.state.step) == 10 * 256 // 32  # type: ignore[attr-defined]


def test_each_part_goes_first_equally_often(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(limit, "jax_products", lambda *_: lambda: ran.append("products"))
    monkeypatch.setattr(limit, "gradients", lambda *_: lambda: ran.append("gradients"))
    monkeypatch.setattr(measure, "_call", lambda *_: lambda: ran.append("epoch"))
    contestant: Any = None
    task = Task("epoch-32", "parts", "parts-32", 64, 32)
    measure.parts(contestant, task, np.zeros((64, 4), np.uint8))
    turns = [tuple(ran[i : i + 3]) for i in range(3, len(ran), 3)]  # After each has warmed up.
    parts = ("products", "gradients", "epoch")
    assert all(sorted(turn) == sorted(parts) for turn in turns)
    assert [sum(turn[0] == part for turn in turns) for part in parts] == [3, 3, 3]


def test_the_device_is_that_of_the_framework_not_of_what_it_imports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def module(**parts: Any) -> Any:
        return types.SimpleNamespace(**parts)

    jax = module(devices=lambda: [module(device_kind="TPU", memory_stats=lambda: None)])
    cuda = {"get_device_name": lambda: "GPU", "max_memory_allocated": lambda: 7}
    torch = module(cuda=module(is_available=lambda: True, **cuda))
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "jax", jax)  # As Keras imports it on any backend.
        patched.setitem(sys.modules, "torch", torch)
        for name in ("torch-eager", "keras-torch", "limit-torch"):
            assert machine.hardware(library(name))["device"] == "GPU"
            assert machine.hardware(library(name))["device_peak_bytes"] == 7
        for name in ("flax", "equinox", "keras-jax", "limit-jax"):
            assert machine.hardware(library(name))["device"] == "TPU"


def test_every_framework_works_on_the_same_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"OPENBLAS_CORETYPE": "Haswell", "HOME": "/"}
    monkeypatch.setattr(os, "environ", environment)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None, raising=False)
    machine.set_equal_terms(3)
    assert environment == {
        "HOME": "/",
        "OMP_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": "3",
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
        "NVIDIA_TF32_OVERRIDE": "0",
    }


class Slow:
    """Takes 0.2 s for the first call of `train`, which compiles, and 0.05 s from then on."""

    def __init__(self) -> None:
        self.trained = 0

    def train(self, order: np.ndarray) -> None:
        time.sleep(0.05 if self.trained else 0.2)
        self.trained += 1

    def synchronise(self) -> None:
        pass


@pytest.mark.alone
@pytest.mark.slow
def test_each_part_of_a_start_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "images.npy", np.zeros((4, 9), np.uint8))
    monkeypatch.setattr("benchmarks.contestants.load", lambda name: time.sleep(0.1))
    monkeypatch.setattr(measure, "build", lambda *_: Slow())
    spec = {"framework": "flax", "tasks": ["cold"], "images": str(tmp_path / "images.npy")}
    outcome = worker.cold(spec | {"started": time.time() - 1})["cold"]
    parts = {"start": 1, "import": 0.1, "load": 0, "compile": 0.15, "run": 0.05}
    for part, seconds in parts.items():
        assert outcome[f"{part}_seconds"] == pytest.approx(seconds, abs=0.04), part
    assert outcome["values"] == pytest.approx([1.3], abs=0.1)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc")
def test_peak_memory_is_in_bytes() -> None:
    (line,) = (t for t in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in t)
    assert machine.peak_memory() == pytest.approx(1024 * int(line.split()[1]), rel=0.1)


@pytest.mark.alone
@pytest.mark.slow
def test_a_cold_start_is_the_sum_of_its_parts(tmp_path: Path) -> None:
    images = runner.shared_images(tmp_path)
    spec = {"framework": "flax", "tasks": ["cold"], "threads": 2, "images": str(images)}
    started = time.time()
    module, spec = "benchmarks.measuring.worker", spec | {"started": started}
    command = [sys.executable, "-m", module, json.dumps(spec)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took = time.time() - started
    outcome = json.loads(done.stdout.splitlines()[-1])["cold"]
    parts = [outcome[f"{p}_seconds"] for p in ("start", "import", "load", "compile", "run")]
    assert sum(parts) == pytest.approx(outcome["values"][0], rel=0.2)
    assert outcome["values"][0] < took and all(part >= 0 for part in parts)
    # The worker's own peak: its images take 55 MB, an interpreter with JAX over 150 MB.
    assert 150 << 20 < outcome["mem_max_rss"] < 4 << 30


@pytest.mark.alone
@pytest.mark.slow
def test_the_same_code_under_two_names_is_not_significantly_different(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An A/A test on real measurements, though in one process.

    At 95 % confidence, one test in twenty is significant. The same code must not be both
    significantly slower and slower by more than a quarter.
    """
    monkeypatch.setattr(runner, "limits", lambda names: [])
    monkeypatch.setattr(speeds, "measure", lambda *_: {"peak_gflops": 100.0})
    monkeypatch.setattr(runner, "_parity_failures", lambda *_: {})
    monkeypatch.setattr(runner, "spawn", lambda module, spec, environment: worker.measured(spec))
    results, names = Results(tmp_path / "aa.json"), ["flax", "flax-again"]
    assert all(applies(TASKS["grid"], name) and name in CONTESTANTS for name in names)
    runner.run(results, names, ["grid"], least_rounds(), 2, Console(file=io.StringIO()))
    a, b = (results.processes("grid", name) for name in names)
    ratio = paired_ratio(a, b)
    assert ratio is not None and ratio.rounds == least_rounds()
    assert not ratio.significant or 1 / 1.25 < ratio.median < 1.25, str(ratio)
