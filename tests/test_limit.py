"""The limit computes each product of the work at each repetition, for all images of the task."""

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from benchmarks.contestants import CONTESTANTS, applies, library, limits
from benchmarks.measuring import measure
from benchmarks.tasks import TASKS, Task, flops, limit
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


def test_a_runtime_multiplies_by_a_constant_at_each_repetition() -> None:
    onnx_reference = pytest.importorskip("onnx.reference")
    results: list[Any] = []

    def load(model: bytes) -> Callable[[Any], Any]:
        evaluator = onnx_reference.ReferenceEvaluator(model)

        def program(rows: Any) -> None:
            results.append((rows, evaluator.run(None, {"left": rows})[0]))

        return program

    x, w_in, h, w_out = limit._operands(SIZES, ROWS)
    works: dict[limit.Work, Any] = {"encode": (x, w_in), "decode": (h, w_out)}
    for work, (left, right) in works.items():
        results.clear()
        limit.exported_products(load, work, SIZES, ROWS, times=3)()
        assert len(results) == 3
        for rows, product in results:
            np.testing.assert_array_equal(rows, left)
            np.testing.assert_allclose(product, left @ right, rtol=1e-6)


def test_a_librarys_limit_stands_beside_its_contestants() -> None:
    assert limits(["keras-jax", "flax", "numpy"]) == ["limit-jax", "limit-numpy", "limit-copy"]
    for name, work in (("openvino", "encode"), ("tensorflow", "train")):
        of = CONTESTANTS[name].library
        assert of in limit.PRODUCTS
        assert applies(TASKS[work], f"limit-{of}")
        assert library(f"limit-{of}") == of
    assert not applies(TASKS["train"], "limit-openvino"), "no contestant of it trains"
    assert not applies(TASKS["cold"], "limit-jax")


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
def test_a_limit_covers_as_many_images_as_its_task(
    task: Task, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def products(work: str, sizes: Sizes, rows: int, times: int) -> Callable[[], object]:
        assert sizes == task.sizes
        asked.append((work, rows, times))
        return lambda: None

    monkeypatch.setattr(limit, "PRODUCTS", {"torch": products})
    monkeypatch.setattr(measure, "timed", lambda *_: {"values": [2.0, 3.0], "loops": 1})
    outcome = measure.limits("limit-torch", task, None)
    work, scale = expected
    assert asked == [work]
    assert outcome["values"] == pytest.approx([2 * scale, 3 * scale])


@pytest.mark.parametrize("times", [1, 3])
def test_decoding_is_also_bound_by_the_write_of_its_images(times: int) -> None:
    ran: list[str] = []
    run = limit.writing(lambda: ran.append("products"), SIZES, ROWS, times)
    first, second = run(), run()
    assert ran == ["products", "products"]
    assert first.shape == (ROWS * times, PIXELS) and first.dtype == np.float32
    assert np.all(first == 1) and np.all(second == 1)
    assert not np.shares_memory(first, second), "an output is new memory"


@pytest.mark.parametrize(("name", "written"), [("decode", 1), ("grid", 1), ("encode", 0)])
def test_only_decodings_limit_writes(
    name: str, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def writing(call: Callable[[], object], *sizes: Any) -> Callable[[], object]:
        asked.append(sizes)
        return call

    monkeypatch.setattr(limit, "writing", writing)
    monkeypatch.setattr(limit, "PRODUCTS", {"jax": lambda *_: lambda: None})
    monkeypatch.setattr(measure, "timed", lambda *_: {"values": [2.0], "loops": 1})
    measure.limits("limit-jax", TASKS[name], None)
    assert len(asked) == written
    assert all(rows * times == pytest.approx(TASKS[name].n, rel=0.01) for _, rows, times in asked)


def test_the_bytes_of_a_step_are_those_of_its_products_and_of_adam() -> None:
    pixels, hidden, latent, batch = 5, 3, 2, 7
    layers = [(pixels, hidden), (hidden, latent), (latent, hidden), (hidden, pixels)]
    # (m, k, n) of each product: forward, then of kernels' gradients, then of inputs' gradients.
    products = [(batch, inputs, outputs) for inputs, outputs in layers]
    products += [(inputs, batch, outputs) for inputs, outputs in layers]
    products += [(batch, outputs, inputs) for inputs, outputs in layers[1:]]
    moved = sum(4 * (m * k + k * n + m * n) for m, k, n in products)
    parameters = 5 * 3 + 3 + 3 * 2 + 2 + 2 * 3 + 3 + 3 * 5 + 5
    adam = 4 * (4 + 3) * parameters
    sizes = Sizes(pixels, hidden, latent)
    assert flops.train_bytes(sizes, batch) == moved + adam + batch * pixels
    assert flops.train(sizes) * batch == sum(2 * m * k * n for m, k, n in products)


def test_the_bytes_of_encode_and_decode_by_hand() -> None:
    sizes = Sizes(pixels=5, hidden=3, latent=2)
    # 4 images of 5 bytes; as float32, 5 numbers in, 3 out, 3 in, 2 out, and kernels of 15 and 6.
    assert flops.encode_bytes(sizes, 4) == 4 * 5 + 4 * (4 * (5 + 3 + 3 + 2) + 15 + 6)
    assert flops.decode_bytes(sizes, 4) == 4 * (4 * (2 + 3 + 3 + 5) + 6 + 15)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("grid", {"flops": 115_900_416, "bytes": 2_652_288}),
        ("decode-one", {"flops": 804_864, "bytes": 4 * (402_432 + 1_810)}),
        ("step-1", {"flops": flops.train(Sizes()), "bytes": flops.train_bytes(Sizes(), 1)}),
        ("cold", {}),
        ("time-to-loss", {}),
        ("products-32", {}),
    ],
)
def test_the_work_of_a_task(name: str, expected: dict[str, int]) -> None:
    assert TASKS[name].work == expected


def test_a_short_last_batch_moves_the_parameters_as_often_as_a_whole_one() -> None:
    # 468 steps of 128 images and one of 96.
    whole, last = (flops.train_bytes(Sizes(), batch) for batch in (128, 96))
    assert TASKS["train"].work["bytes"] == 468 * whole + last
