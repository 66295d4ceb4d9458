"""Every contestant agrees with the reference, and works as its settings say."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_limits

from benchmarks.contestants import CONTESTANTS, Entry, limits, load
from benchmarks.contestants.listing import listing
from benchmarks.measuring import check, measure, runner, worker
from benchmarks.measuring.results import Results
from benchmarks.reporting.charts import colours_of
from benchmarks.reporting.rows import rows_of
from benchmarks.stats import compare
from benchmarks.tasks import TASKS, Settings, parity
from benchmarks.tasks.waiting import refuse_unfinished_epochs
from jaxae import load_dataset
from tests.cheats import Sound
from tests.filed import file

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]

# Keras has one backend per process, and Inductor's compile workers outlive a test.
ALONE = [
    ("keras-jax", "keras-jax-tuned"),
    ("keras-torch", "keras-torch-tuned", "torch-compile"),
    ("keras-tensorflow", "keras-tensorflow-tuned", "tensorflow"),
    ("onnxruntime", "openvino"),
]
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
    on_jax = CONTESTANTS[name].library == "jax"
    watch = watched(contestant, given_up) if on_jax else contestant
    # Flat images are broadcast, which the tests' setting of rank promotion forbids.
    with jax.numpy_rank_promotion("allow"):
        receipt = parity.check(watch, images, STEPS, HIDDEN)
    assert receipt.gradients is not None
    if CONTESTANTS[name].one_cycle_of:
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
    for name in names:
        if name.startswith("keras"):
            assert CONTESTANTS[name].library == backend


def test_the_page_shows_a_contestant_and_its_entry() -> None:
    text = (ROOT / "docs" / "adding-a-framework.md").read_text()
    shown, entry = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert shown == (ROOT / "benchmarks" / "contestants" / "plain_jax.py").read_text()
    # The registry's entry takes part in one task more.
    tasks = CONTESTANTS["plain-jax"].tasks
    shown_entry = eval(f"{{{entry}}}", {"Entry": Entry})["plain-jax"]
    assert replace(shown_entry, tasks=tasks) == CONTESTANTS["plain-jax"]


@pytest.mark.alone
def test_a_contestant_that_does_not_wait_for_jax_is_refused() -> None:
    contestant: Any = load("plain-jax")
    impatient: Any = type("Impatient", (contestant,), {"synchronise": lambda self: None})
    order = np.arange(50 * 128, dtype=np.int32)
    fresh = parity.initial_weights(), np.zeros((len(order), 784), np.uint8), 128
    # Flat images are broadcast, which the tests' setting of rank promotion forbids.
    with jax.numpy_rank_promotion("allow"):
        built, hasty = contestant(*fresh), impatient(*fresh)
        for each in (built, hasty):
            each.train(order)
            each.weights()
        refuse_unfinished_epochs(built, order)
        with pytest.raises(ValueError, match="had yet to pass when synchronise returned"):
            refuse_unfinished_epochs(hasty, order)


@pytest.mark.parametrize("name", HERE)
def test_settings_say_what_is_compiled(name: str) -> None:
    """As the group does, which is known without the framework."""
    skip_if_absent(name)
    assert load(name).settings.mode == CONTESTANTS[name].group


def test_a_pattern_that_matches_no_task_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^no task matches 'enocde'; expected patterns of train, "
    ):
        replace(CONTESTANTS["flax"], tasks=("train", "enocde"))


class Xyzzy(Sound):
    """A contestant made up here."""

    settings = Settings(mode="eager", loader="host", transfers="batch")


@pytest.mark.parametrize("name", ["xyzzy", "limit-of-torches"])
def test_a_contestant_of_any_name_takes_one_entry(
    name: str, images: npt.NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about: Any = {"library": "numpy", "group": "eager", "what": "made up"}
    tasks = ("step-8", "encode-one", "grid")
    monkeypatch.setitem(sys.modules, "benchmarks.contestants.made_up", sys.modules[__name__])
    entry = Entry(module="made_up", cls="Xyzzy", packages=("numpy",), tasks=tasks, **about)
    monkeypatch.setitem(CONTESTANTS, name, entry)
    monkeypatch.setattr(measure, "_LEAST_SECONDS", 0.001)
    for module in (check, worker):
        monkeypatch.setattr(module, "set_equal_terms", lambda threads: None)
    spec = {"framework": name, "threads": 1}
    assert check.main(spec | {"steps": 3, "hidden": 8})["failures"] == []
    np.save(tmp_path / "images.npy", np.resize(images, (144, 784)))
    files = {"images": str(tmp_path / "images.npy"), "round": 0, "loops": {}}
    for group in (("step-8",), ("encode-one", "grid")):
        outcomes = worker.main(spec | files | {"tasks": group})
        assert list(outcomes) == list(group)
        for outcome in outcomes.values():
            assert min(outcome["values"]) > 0
            assert (outcome["device"], outcome["mode"]) == ("cpu", "eager")
    jobs = runner._round(0, [name], [*TASKS])
    assert {task for job in jobs for task in job.tasks if job.framework == name} == {*tasks}
    assert any(line.startswith(f"  {name} ") and "made up" in line for line in listing())
    assert limits([name]) == ["limit-numpy", "limit-copy"]
    # In reports and comparisons.
    results = Results(tmp_path / "r.json")
    for framework, seconds in (("flax", 1.0), (name, 2.0), ("limit-numpy", 0.5)):
        file(results, "grid", framework, *[seconds] * 9)
    assert compare.shared(results, results) == [("grid", "flax"), ("grid", name)]
    _, row = rows_of(results, "grid")
    assert (row.framework, row.own_products) == (name, 0.25)
    assert row.ratio is not None and row.ratio.verdict == "slower"
    assert list(colours_of([name, "numpy"]).values()) == [colours_of(["numpy"])["numpy"]] * 2


@pytest.mark.parametrize("name", ["flax-nojit", "flax-jit", "flax-donate", "flax-loop"])
def test_a_step_is_compiled_where_settings_say_so(name: str) -> None:
    contestant: Any = load(name)(parity.initial_weights(9, 4), np.zeros((8, 9), np.uint8), 8)
    step = contestant.compiled()
    assert hasattr(step, "lower") == (contestant.settings.mode == "step")


def one_cycle(steps: int) -> npt.NDArray[np.float64]:
    """The fast recipe's rates: from 4e-3 / 25 up to 4e-3, and down to 4e-3 / 25 / 10,000."""
    start, peak, end = 4e-3 / 25, 4e-3, 4e-3 / 25 / 1e4
    up = int(0.2 * steps)
    rising = (1 - np.cos(np.pi * np.arange(up) / up)) / 2
    falling = (1 + np.cos(np.pi * np.arange(steps - up + 1) / (steps - up))) / 2
    return np.concatenate([start + (peak - start) * rising, end + (peak - end) * falling])


# The second has no whole number of steps to the peak, and a short last batch.
@pytest.mark.parametrize("images", [128 * 60, 128 * 61 + 1])
def test_the_fast_recipe_is_the_same_in_jax_and_pytorch(images: int) -> None:
    skip_if_absent("torch-onecycle")
    steps = 8 * -(-images // 128)
    expected = np.pad(one_cycle(steps), (0, 5), "edge")  # The last rate stays.
    fresh = parity.initial_weights(9, 4), np.zeros((images, 9), np.uint8), 128
    on_torch: Any = load("torch-onecycle")(*fresh)
    rates = []
    for _ in expected:
        rates.append(on_torch.optimizer.param_groups[0]["lr"])
        on_torch.update()
    np.testing.assert_allclose(rates, expected, rtol=1e-9)

    # With a constant gradient, Adam moves a parameter by the learning rate.
    on_jax: Any = load("flax-onecycle")(*fresh)

    def step(state: Any, _: None) -> Any:
        updates, state = on_jax.adam.update(jnp.ones(()), state)
        return state, -updates

    moves = jax.lax.scan(step, on_jax.adam.init(jnp.ones(())), None, len(expected))[1]
    np.testing.assert_allclose(moves, expected, rtol=1e-3, atol=1e-6 * 4e-3)


def test_pytorchs_adam_is_fused_where_its_remark_says_so() -> None:
    skip_if_absent("torch-eager")
    fused = {}
    for name in ("torch-eager", "torch-tensors", "torch-loader"):
        contestant: Any = load(name)(parity.initial_weights(9, 4), np.zeros((8, 9), np.uint8), 8)
        fused[name] = bool(contestant.optimizer.defaults["fused"])
        assert ("fused" in contestant.settings.remark) == fused[name]
    assert fused == {"torch-eager": True, "torch-tensors": False, "torch-loader": False}
