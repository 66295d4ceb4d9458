"""The limit computes each product of the work at each repetition, for all images of the task."""

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring import measure
from benchmarks.tasks import TASKS, Task, limit
from benchmarks.tasks.flops import Sizes

ROWS, PIXELS, HIDDEN = 16, 40, 24
SIZES = Sizes(PIXELS, HIDDEN)


def products_in_loops(hlo: str) -> list[tuple[int, ...]]:
    """Sizes of the results of the products in the bodies of loops, including those in fusions."""
    computations: defaultdict[str, list[str]] = defaultdict(list)
    name = ""
    for line in hlo.splitlines():
        if line.endswith("{"):
            name = line.removeprefix("ENTRY ").split(" ")[0]
        computations[name].append(line)
    bodies = re.findall(r"body=(%[\w.\-]+)", hlo)
    found, todo = [], list(bodies)
    while todo:
        for line in computations[todo.pop()]:
            todo += re.findall(r"(?:calls|to_apply)=(%[\w.\-]+)", line)
            if match := re.search(r"= f32\[([\d,]+)\]\S* dot\(", line):
                found.append(tuple(sorted(map(int, match[1].split(",")))))
    return sorted(found)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The text of each loop that the limit compiles, before and after XLA's optimization."""
    texts: list[str] = []
    jit = jax.jit

    def kept(function: Any, **options: Any) -> Any:
        def call(*arguments: Any) -> Any:
            lowered = jit(function, **options).lower(*arguments)
            program = lowered.compile()
            texts.extend([lowered.as_text(), program.as_text() or ""])
            return program(*arguments)

        return call if function.__name__ in ("loop", "epoch") else jit(function, **options)

    monkeypatch.setattr(jax, "jit", kept)
    return texts


# The products of x (rows, pixels) and h (rows, hidden): x w_in, h w_out, the kernels' gradients
# x.T h and h.T x, and the error times w_out.T.
BY_HAND: dict[limit.Work, list[tuple[int, int]]] = {
    "train": [(16, 24), (16, 24), (16, 40), (24, 40), (24, 40)],
    "encode": [(16, 24)],
    "decode": [(16, 40)],
}


@pytest.mark.parametrize("work", BY_HAND)
def test_jaxs_loop_computes_each_product_at_each_repetition(
    work: limit.Work, compiled: list[str]
) -> None:
    found: Any = limit.jax_products(work, SIZES, ROWS, times=7)()
    assert found.shape == (7,)
    assert products_in_loops(compiled[1]) == BY_HAND[work]


@pytest.mark.slow
@pytest.mark.parametrize("work", BY_HAND)
def test_pytorchs_loop_computes_as_much(work: limit.Work) -> None:
    if CONTESTANTS["torch-eager"].missing:
        pytest.skip("torch not installed")
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        limit.torch_products(work, SIZES, ROWS, times=7)()
    each = 2 * ROWS * PIXELS * HIDDEN
    assert counter.get_total_flops() == 7 * len(BY_HAND[work]) * each


def test_an_epoch_without_adam_computes_every_gradient_of_every_batch(compiled: list[str]) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4 * ROWS, PIXELS), dtype=np.uint8)
    order = np.arange(4 * ROWS, dtype=np.int32)
    # Flat images are broadcast, which the tests' setting of rank promotion forbids.
    with jax.numpy_rank_promotion("allow"):
        run: Callable[[], Any] = limit.gradients(images, order, ROWS)
        (_, gradients), losses = run()
        (_, again), same = run()
    # Forward through four layers, back to four kernels, back through three layers.
    assert len(products_in_loops(compiled[1])) == 4 + 4 + 3
    # It keeps what depends only on the parameters in the loop.
    assert "optimization_barrier" in compiled[0]
    assert losses.shape == (4,) and len(set(losses.tolist())) == 4
    assert all(np.any(leaf) for leaf in jax.tree.leaves(gradients))
    assert np.array_equal(losses, same), "no parameter has moved"
    assert all(map(np.array_equal, jax.tree.leaves(gradients), jax.tree.leaves(again)))


def test_a_copy_has_the_size_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[tuple[int, int]] = []
    monkeypatch.setattr(np, "copyto", lambda to, of: copied.append((to.nbytes, of.nbytes)))
    limit.copy_rate(3)()
    assert copied == [(3 * 2**20, 3 * 2**20)]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        # (work, rows, times), and the factor for the seconds of rows × times images.
        (TASKS["train"], (("train", 128, 469), 60_000 / (128 * 469))),
        (TASKS["encode"], (("encode", 2048, 34), 70_000 / (2048 * 34))),
        (TASKS["decode"], (("decode", 2048, 34), 70_000 / (2048 * 34))),
        (TASKS["grid"], (("decode", 144, 1), 1)),
        (TASKS["encode-one"], (("encode", 1, 1), 1)),
        (TASKS["step-8192"], (("train", 8192, 1), 1)),
        (TASKS["hidden-64"], (("train", 128, 64), 1)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("library", ["jax", "torch"])
def test_a_limit_covers_as_many_images_as_its_task(
    task: Task, expected: Any, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def products(work: str, sizes: Sizes, rows: int, times: int) -> Callable[[], object]:
        assert sizes == task.sizes
        asked.append((work, rows, times))
        return lambda: None

    other = "torch" if library == "jax" else "jax"
    monkeypatch.setattr(limit, f"{library}_products", products)
    monkeypatch.setattr(limit, f"{other}_products", None)
    monkeypatch.setattr(measure, "timed", lambda *_: {"values": [2.0, 3.0], "loops": 1})
    outcome = measure.limits(f"limit-{library}", task, None)
    work, scale = expected
    assert asked == [work]
    assert outcome["values"] == pytest.approx([2 * scale, 3 * scale])
