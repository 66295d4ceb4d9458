"""The limit: the large matrix products that the work needs, and nothing else but large outputs.

A training step needs five products of 784×512 by the batch, two forward and three backward.
Encoding needs one of them, decoding another. Each library in `PRODUCTS` runs them back to back, so
that a contestant can be compared with the products of its own library. Decoding must also write
its images, 220 MB if there are 70,000 of them; see `writing`. Training adds the activations, the
loss and Adam; `gradients` measures an epoch without Adam.
"""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.tasks import runtimes
from benchmarks.tasks.contestant import Floats
from benchmarks.tasks.flops import Sizes

Work = Literal["train", "encode", "decode"]
# Rows of the operands for encode and decode; more rows are no faster.
LATENT_ROWS = 2048
# Size in MiB of the array that the copy rate is measured with: more than any cache holds.
COPIED = 256
# Of the ONNX models; `make_model_gen_version` writes the oldest format that has it.
OPSET = 18


def jax_products(work: Work, sizes: Sizes, rows: int, times: int) -> Callable[[], object]:
    """Return a function that runs the products of `times` batches of `rows`, compiled by XLA."""
    import jax
    from jax import lax

    @jax.jit
    def loop(operands: Any) -> Any:
        def body(carry: Any, _: None) -> tuple[Any, Any]:
            # Without the barrier, XLA would compute the products once for all iterations.
            carry = lax.optimization_barrier(carry)
            return carry, sum(product[0, 0] for product in _products(work, carry))

        return lax.scan(body, operands, None, length=times)[1]

    operands = tuple(jax.numpy.asarray(array) for array in _operands(sizes, rows))
    return lambda: jax.block_until_ready(loop(operands))


def torch_products(work: Work, sizes: Sizes, rows: int, times: int) -> Callable[[], object]:
    """Return a function that runs the products of `times` batches of `rows` with PyTorch."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    operands = [torch.from_numpy(array).to(device) for array in _operands(sizes, rows)]

    def run() -> None:
        with torch.inference_mode():
            for _ in range(times):
                _products(work, operands)
            if device == "cuda":
                torch.cuda.synchronize()

    return run


def numpy_products(work: Work, sizes: Sizes, rows: int, times: int) -> Callable[[], object]:
    """Return a function that runs the products of `times` batches of `rows` with NumPy's BLAS."""
    operands = _operands(sizes, rows)

    def run() -> None:
        for _ in range(times):
            _products(work, operands)

    return run


def tensorflow_products(work: Work, sizes: Sizes, rows: int, times: int) -> Callable[[], object]:
    """Return a function that runs the products of `times` batches of `rows` with TensorFlow.

    Nothing is compiled: on a CPU, the products are then up to a tenth faster.
    """
    import tensorflow as tf

    operands = [tf.constant(array) for array in _operands(sizes, rows)]

    def run() -> None:
        for _ in range(times):
            *_, last = _products(work, operands, tf.matmul)
        last[0, 0].numpy()  # Waits for a GPU.

    return run


def exported_products(
    load: Callable[[bytes], runtimes.Program], work: Work, sizes: Sizes, rows: int, times: int
) -> Callable[[], object]:
    """Return a function that runs the product of encode or decode in a runtime of ONNX files."""
    import onnx

    x, w_in, h, w_out = _operands(sizes, rows)
    left, right = (x, w_in) if work == "encode" else (h, w_out)
    value = functools.partial(onnx.helper.make_tensor_value_info, elem_type=onnx.TensorProto.FLOAT)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["left", "right"], ["product"])],
        work,
        [value("left", shape=left.shape)],
        [value("product", shape=(rows, right.shape[1]))],
        # A constant, as a model's weights are.
        [onnx.numpy_helper.from_array(right, "right")],
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model_gen_version(graph, opset_imports=[opset])
    program = load(model.SerializeToString())

    def run() -> None:
        for _ in range(times):
            program(left)

    return run


# The libraries whose products are measured, as `limit-LIBRARY`.
PRODUCTS: dict[str, Callable[[Work, Sizes, int, int], Callable[[], object]]] = {
    "jax": jax_products,
    "torch": torch_products,
    "numpy": numpy_products,
    "tensorflow": tensorflow_products,
    "onnxruntime": functools.partial(exported_products, runtimes.onnxruntime_program),
    "openvino": functools.partial(exported_products, runtimes.openvino_program),
}


def writing(
    products: Callable[[], object], sizes: Sizes, rows: int, times: int
) -> Callable[[], Floats]:
    """Return a function that runs products and writes as many images to new memory.

    Images can be written while those of the next batch are computed. So if there is more than one
    batch, another thread writes all of them during the products.
    """
    writer = ThreadPoolExecutor(1)

    def write() -> Floats:
        images = np.empty((rows * times, sizes.pixels), np.float32)
        np.copyto(images, 1)
        return images

    def run() -> Floats:
        if times == 1:
            products()
            return write()
        written = writer.submit(write)
        products()
        return written.result()

    return run


def gradients(
    images: npt.NDArray[np.uint8], order: npt.NDArray[np.int32], batch_size: int
) -> Callable[[], object]:
    """Return a function that runs jaxae's epoch in this order without Adam.

    Every gradient is computed and written to memory, but no parameter changes.
    """
    import jax
    from flax import nnx
    from jax import lax

    import jaxae
    from jaxae.models import Params

    model = jaxae.create_model(jaxae.ModelConfig(), (1, images.shape[1]), 0)
    graphdef, params = nnx.split(model, nnx.Param)
    on_device = jax.device_put(images)

    @jax.jit
    def epoch(params: Params, images: jax.Array, order: jax.Array) -> object:
        def step(carry: tuple[Params, Params], batch: jaxae.Batch) -> Any:
            def loss_of(params: Params) -> jax.Array:
                return jaxae.batch_loss(nnx.merge(graphdef, params), batch)

            # The barrier keeps XLA from moving work on the parameters out of the loop.
            held = lax.optimization_barrier(carry[0])
            loss, grads = jax.value_and_grad(loss_of)(held)
            return (held, grads), loss

        return jaxae.scan_batches(step, (params, params), images, order, batch_size)

    return lambda: jax.block_until_ready(epoch(params, on_device, order))


def copy_rate(mebibytes: int = COPIED) -> Callable[[], object]:
    """Return a function that copies this many MiB from one array to another."""
    source = np.ones(mebibytes << 18, np.float32)
    target = np.zeros_like(source)
    return lambda: np.copyto(target, source)


def _operands(sizes: Sizes, rows: int) -> list[Any]:
    pixels, hidden, _ = sizes
    shapes = [(rows, pixels), (pixels, hidden), (rows, hidden), (hidden, pixels)]
    rng = np.random.default_rng(0)
    return [rng.random(shape, dtype=np.float32) for shape in shapes]


def _matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    return (a.T if transpose_a else a) @ (b.T if transpose_b else b)


def _products(
    work: Work, operands: Sequence[Any], matmul: Callable[..., Any] = _matmul
) -> list[Any]:
    x, w_in, h, w_out = operands
    if work == "encode":
        return [matmul(x, w_in)]
    if work == "decode":
        return [matmul(h, w_out)]
    return [
        matmul(x, w_in),
        matmul(h, w_out),
        matmul(h, x, transpose_a=True),
        matmul(x, w_out, transpose_b=True),
        matmul(x, h, transpose_a=True),
    ]
