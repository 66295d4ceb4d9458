"""Every contestant does the reference's work, and a check that passes them would tell if not."""

import importlib
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import pytest

from benchmarks import parity, reference
from benchmarks.contestants import CONTESTANTS, load
from jaxae import load_dataset

pytestmark = pytest.mark.slow
# flax-onecycle trains under another schedule: it is there to reach a loss, not to do equal work.
NAMES = [name for name in CONTESTANTS if name != "flax-onecycle"]
# Keras takes its backend once a process; a compiler's workers are no guests for a test's process.
ALONE = [name for name in NAMES if CONTESTANTS[name].keras_backend or name == "torch-compile"]

# `python -m benchmarks run` takes 50 steps at full width before it times anything; fewer and
# narrower ones tell the same here.
STEPS, HIDDEN = 10, 64


@pytest.fixture(scope="module")
def images() -> npt.NDArray[np.uint8]:
    n = STEPS * parity.BATCH
    return load_dataset().train.images[:n].reshape(n, -1)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    # OpenMP's threads wait in a spin: beside another busy process two take ten times as long.
    if not CONTESTANTS["torch-eager"].missing:
        importlib.import_module("torch").set_num_threads(1)


def skip_if_absent(name: str) -> None:
    if missing := CONTESTANTS[name].missing:
        pytest.skip(f"{', '.join(missing)} not installed")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALONE])
def test_contestant_does_the_references_work(name: str, images: npt.NDArray[np.uint8]) -> None:
    skip_if_absent(name)
    # Some models' images are flat, which the suite's strict setting takes for an accident.
    with jax.numpy_rank_promotion("allow"):
        assert parity.check(load(name), images, STEPS, HIDDEN).failures == []


@pytest.mark.parametrize("name", ALONE)
def test_contestant_does_the_references_work_in_a_process_of_its_own(name: str) -> None:
    skip_if_absent(name)
    spec = json.dumps({"framework": name, "threads": 1, "steps": STEPS, "hidden": HIDDEN})
    command = [sys.executable, "-m", "benchmarks.check", spec]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["failures"] == []


def test_the_readmes_contestant_is_short_and_does_the_references_work(
    images: npt.NDArray[np.uint8],
) -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (code,) = (block for block in blocks if "class PlainJax" in block)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) < 60
    module: dict[str, Any] = {}
    exec(code, module)
    with jax.numpy_rank_promotion("allow"):
        assert parity.check(module["PlainJax"], images, STEPS, HIDDEN).failures == []


def adam_setting(**settings: Any) -> Callable[[Any], None]:
    return lambda contestant: contestant.optimizer.param_groups[0].update(settings)


def epsilon_hat(contestant: Any) -> None:
    """TensorFlow's and Keras's Adam: ε beside √v before its bias is corrected."""
    steps = iter(range(1, STEPS + 1))

    def set_epsilon(optimizer: Any, *_: Any) -> None:
        optimizer.param_groups[0]["eps"] = 1e-8 / math.sqrt(1 - 0.999 ** next(steps))

    contestant.optimizer.register_step_pre_hook(set_epsilon)


def mean_loss(contestant: Any) -> None:
    summed = contestant.loss
    contestant.loss = lambda batch: summed(batch) / len(batch)


def mean_gradient(contestant: Any) -> None:
    """A mean that is reported as a sum, by a framework that doesn't show its gradients."""
    for parameter in contestant.model.parameters():
        parameter.register_hook(lambda gradient: gradient / parity.BATCH)
    contestant.gradients = lambda rows: None


def dropped_last_batch(contestant: Any) -> None:
    cut = contestant.batches
    contestant.batches = lambda order: (b for b in cut(order) if len(b) == parity.BATCH)


def repeated_to_fill_last_batch(contestant: Any) -> None:
    cut, size = contestant.batches, parity.BATCH
    contestant.batches = lambda order: cut(np.resize(order, -(-len(order) // size) * size))


def own_order(contestant: Any) -> None:
    cut = contestant.batches
    contestant.batches = lambda order: cut(np.sort(order))


def kernel_read_by_columns(contestant: Any) -> None:
    kernel = contestant.dense["encoder.hidden"].weight.data
    kernel.copy_(kernel.T.reshape(kernel.shape))


def kernels_left_transposed(contestant: Any) -> None:
    weights = contestant.weights
    contestant.weights = lambda: {name: value.T for name, value in weights().items()}


# Each fault, and a number of the receipt that must report it.
FAULTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "epsilon of 1e-7": (adam_setting(eps=1e-7), "small_update"),
    "epsilon hat": (epsilon_hat, "small_update"),
    "mean, not sum": (mean_loss, "first_loss"),
    "mean gradient": (mean_gradient, "small_update"),
    "learning rate 1 % off": (adam_setting(lr=1.01e-3), "first_update"),
    "beta1 of 0.8": (adam_setting(betas=(0.8, 0.999)), "parameters"),
    "beta2 of 0.99": (adam_setting(betas=(0.9, 0.99)), "losses"),
    "weight decay": (adam_setting(weight_decay=1e-2), "first_update"),
    "last batch filled up": (repeated_to_fill_last_batch, "losses"),
    "an order of its own": (own_order, "losses"),
    "kernel read by columns": (kernel_read_by_columns, "encode"),
    "kernels left transposed": (kernels_left_transposed, "parameters"),
}


def planted(fault: Callable[[Any], None]) -> Any:
    skip_if_absent("torch-eager")
    import torch

    # Threads that wait for each other cost more than they gain on work as small as this.
    torch.set_num_threads(1)
    sound: Any = load("torch-eager")

    def faulty(*args: Any, **options: Any) -> Any:
        contestant = sound(*args, **options)
        fault(contestant)
        return contestant

    return faulty


@pytest.mark.parametrize(("fault", "number"), FAULTS.values(), ids=list(FAULTS))
def test_parity_reports_a_fault(
    fault: Callable[[Any], None], number: str, images: npt.NDArray[np.uint8]
) -> None:
    failures = parity.check(planted(fault), images, STEPS, HIDDEN).failures
    assert any(failure.startswith(f"{number} differs") for failure in failures), failures


def test_parity_reports_no_fault_where_none_is(images: npt.NDArray[np.uint8]) -> None:
    assert parity.check(planted(lambda contestant: None), images, STEPS, HIDDEN).failures == []


def test_parity_refuses_a_dropped_last_batch(images: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"took \(9,\) steps, expected 10"):
        parity.check(planted(dropped_last_batch), images, STEPS, HIDDEN)


class RoundedAdam(reference.Adam):
    """As optax forms 1 − β₂ᵗ: in float32."""

    def corrections(self) -> tuple[float, float]:
        return super().corrections()[0], float(1 - np.float32(self.beta2) ** np.float32(self.t))


def test_the_second_corrections_rounding_is_what_jax_differs_by() -> None:
    """What `benchmarks/parity.py` says of 1 − β₂ᵗ in float32, put into the reference."""
    order = np.random.default_rng(1).permutation((parity.STEPS - 1) * parity.BATCH + parity.SHORT)
    x = reference.to_unit_interval(load_dataset().train.images[: len(order)])
    weights = parity.initial_weights()
    exact: reference.Weights = {k: v.astype(np.float64) for k, v in weights.items()}
    rounded: reference.Weights = {k: v.astype(np.float64) for k, v in weights.items()}
    for adam in (reference.Adam(exact), RoundedAdam(rounded)):
        for rows in reference.batches(order, parity.BATCH):
            adam.update(reference.loss_and_gradients(adam.weights, x[rows])[1])
    assert parity.moved(weights, rounded, exact) == pytest.approx(3.9e-3, rel=0.05)
