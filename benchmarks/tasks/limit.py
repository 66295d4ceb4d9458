"""The limit: the large matrix products that the work needs, and nothing else.

A training step needs five products of 784×512 by the batch, two forward and three backward.
Encoding needs one of them, decoding another. JAX and PyTorch run them back to back, and the report
takes the faster of the two as the limit. Training adds the activations, the loss and Adam;
`gradients` measures an epoch without Adam.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.tasks.flops import Sizes

Work = Literal["train", "encode", "decode"]
# Rows of the operands for encode and decode; more rows are no faster.
LATENT_ROWS = 2048
# Size in MiB of the array that the copy rate is measured with: more than any cache holds.
COPIED = 256


def jax_products(work: Work, sizes: Sizes, rows: int, times: int) -> Callable[[], object]:
    """Return a function that runs the products of `times` batches of `rows`, compiled by XLA."""
    import jax
    from jax import lax

    @jax.jit
    def loop(operands: Any) -> Any:
        def body(carry: Any, _: None) -> tuple[Any, Any]:
            # Without the barrier, XLA would compute the products once for all iterations.
            carry = lax.optimization_barrier(carry)
            return carry, sum(product[0, 0] for product in _products(work, *carry))

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
                _products(work, *operands)
            if device == "cuda":
                torch.cuda.synchronize()

    return run


def numpy_products(work: Work, sizes: Sizes, rows: int, times: int) -> Callable[[], object]:
    """Return a function that runs the products of `times` batches of `rows` with NumPy's BLAS."""
    operands = _operands(sizes, rows)

    def run() -> None:
        for _ in range(times):
            _products(work, *operands)

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


def _products(work: Work, x: Any, w_in: Any, h: Any, w_out: Any) -> list[Any]:
    if work == "encode":
        return [x @ w_in]
    if work == "decode":
        return [h @ w_out]
    return [x @ w_in, h @ w_out, h.T @ x, x @ w_out.T, x.T @ h]
