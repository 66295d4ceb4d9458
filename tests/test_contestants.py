"""Every contestant agrees with the reference, and works as its settings say."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_limits

from benchmarks.contestants import CONTESTANTS, load
from benchmarks.tasks import parity
from jaxae import load_dataset

pytestmark = pytest.mark.slow

# Keras has one backend per process, and Inductor's compile workers outlive a test.
ALONE = [("keras-jax",), ("keras-torch", "torch-compile"), ("keras-tensorflow",)]
HERE = [name for name in CONTESTANTS if not any(name in names for names in ALONE)]

# `python -m benchmarks run` checks 50 steps at full width; fewer and narrower ones suffice here.
STEPS, HIDDEN = 10, 64


@pytest.fixture(scope="module")
def images() -> npt.NDArray[np.uint8]:
    # Every second pixel of every second row.
    images = np.asarray(load_dataset().train.images[: STEPS * parity.BATCH])
    return images[:, ::2, ::2].reshape(-1, 196)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    # Threads spin while they wait: beside another busy process, two take ten times as long as one.
    if not CONTESTANTS["torch-eager"].missing:
        importlib.import_module("torch").set_num_threads(1)
    with threadpool_limits(1):
        yield


def skip_if_absent(name: str) -> None:
    if missing := CONTESTANTS[name].missing:
        pytest.skip(f"{', '.join(missing)} not installed")


def watched(contestant: Any, given_up: list[bool]) -> Any:
    """A JAX contestant that records whether each call of `train` donated its state."""

    class Watched(contestant):
        def train(self, order: npt.NDArray[np.int32]) -> Any:
            before = jax.tree.leaves(self.state)
            losses = super().train(order)
            given_up.append(any(leaf.is_deleted() for leaf in before))
            return losses

    return Watched


@pytest.mark.parametrize("name", HERE)
def test_a_contestant_agrees_with_the_reference(name: str, images: npt.NDArray[np.uint8]) -> None:
    skip_if_absent(name)
    contestant: Any = load(name)
    given_up: list[bool] = []
    watch = contestant if name.startswith("torch") else watched(contestant, given_up)
    # Flat images are broadcast, which the tests' setting of rank promotion forbids.
    with jax.numpy_rank_promotion("allow"):
        receipt = parity.check(watch, images, STEPS, HIDDEN)
    assert receipt.gradients is not None
    if CONTESTANTS[name].own_recipe:
        assert {"losses", "first_update"} <= {f.partition(" ")[0] for f in receipt.failures}
        receipt = receipt.of_the_model
    assert receipt.failures == []
    assert set(given_up) <= {contestant.settings.donated}, "as its settings say"


@pytest.mark.parametrize("names", ALONE, ids=", ".join)
def test_a_contestant_agrees_with_the_reference_in_a_separate_process(
    names: tuple[str, ...],
) -> None:
    names = tuple(name for name in names if not CONTESTANTS[name].missing)
    if not names:
        pytest.skip("not installed")
    code = (
        "import json, sys; from benchmarks.measuring.check import main\n"
        "for spec in json.loads(sys.argv[1]): print(json.dumps(main(spec)))\n"
        "print(json.dumps(getattr(sys.modules.get('keras'), 'backend', None) and "
        "sys.modules['keras'].backend.backend()))"
    )
    common = {"threads": 1, "steps": STEPS, "hidden": HIDDEN}
    specs = json.dumps([{"framework": name, **common} for name in names])
    command = [sys.executable, "-c", code, specs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    *receipts, backend = map(json.loads, done.stdout.splitlines()[-len(names) - 1 :])
    assert [receipt["failures"] for receipt in receipts] == [[] for _ in names]
    assert [name for name in names if name.startswith("keras")] == [f"keras-{backend}"]


def test_the_pages_contestant_is_short_and_agrees_with_the_reference(
    images: npt.NDArray[np.uint8],
) -> None:
    text = (Path(__file__).parents[1] / "docs" / "adding-a-framework.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (code,) = (block for block in blocks if "class PlainJax" in block)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) < 60
    module: dict[str, Any] = {}
    exec(code, module)
    with jax.numpy_rank_promotion("allow"):
        assert parity.check(module["PlainJax"], images, STEPS, HIDDEN).failures == []


# What each contestant demonstrates; the parity check cannot tell.
MODES = {
    "eager": {"flax-nojit", "torch-eager", "torch-tensors", "torch-loader"},
    "step": {"flax-loop", "flax-jit", "flax-donate", "flax-device", "torch-compile"},
    "epoch": {"flax", "flax-again", "flax-onecycle", "equinox"},
}


@pytest.mark.parametrize("mode", MODES)
def test_settings_say_what_is_compiled(mode: str) -> None:
    for name in MODES[mode]:
        skip_if_absent(name)
        assert load(name).settings.mode == mode, name


@pytest.mark.parametrize("name", ["flax-nojit", "flax-jit", "flax-donate", "flax-loop"])
def test_a_step_is_compiled_where_settings_say_so(name: str) -> None:
    contestant: Any = load(name)(parity.initial_weights(9, 4), np.zeros((8, 9), np.uint8), 8)
    step = contestant.compiled()
    assert hasattr(step, "lower") == (contestant.settings.mode == "step")


def test_the_fast_recipe_peaks_at_four_times_the_rate_and_ends_after_eight_epochs() -> None:
    """With a constant gradient, Adam moves a parameter by the learning rate."""
    images = np.zeros((256, 9), np.uint8)
    contestant: Any = load("flax-onecycle")(parity.initial_weights(9, 4), images, 128)

    def step(state: Any, _: None) -> Any:
        updates, state = contestant.adam.update(jnp.ones(()), state)
        return state, updates

    _, updates = jax.lax.scan(step, contestant.adam.init(jnp.ones(())), None, 8 * 2 + 5)
    rates = -np.asarray(updates)
    assert rates.max() == pytest.approx(4e-3, rel=1e-3)
    assert rates[:16].min() > 1e-5 and rates[16:].max() < 1e-6


def test_pytorchs_adam_is_fused_where_its_remark_says_so() -> None:
    skip_if_absent("torch-eager")
    fused = {}
    for name in ("torch-eager", "torch-tensors", "torch-loader"):
        contestant: Any = load(name)(parity.initial_weights(9, 4), np.zeros((8, 9), np.uint8), 8)
        fused[name] = bool(contestant.optimizer.defaults["fused"])
        assert ("fused" in contestant.settings.remark) == fused[name]
    assert fused == {"torch-eager": True, "torch-tensors": False, "torch-loader": False}
