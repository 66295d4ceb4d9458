"""The limit: the large matrix products that the work needs, and nothing else, as fast as can be.

One step of training needs five products of 784×512 by the batch: two forward, three backward.
Encoding an image needs one of them, decoding it another. They are run back to back by JAX and by
PyTorch; the report takes the faster as the limit. Between it and training lie the activations and
the loss, which `gradients` adds, and Adam.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.tasks.flops import Sizes

Work = Literal["train", "encode", "decode"]
# Rows of the operands for encode and decode: enough that a larger one is no faster.
LATENT_ROWS = 2048
# MiB that the copy rate is measured with: more than any cache holds.
COPIED = 256


def jax_products(work: Work, sizes: Sizes, rows: int, times: int) -> Callable[[], object]:
    """Return a call that runs the products of `times` batches of `rows`, compiled by XLA."""
    import jax
    from jax import lax

    @jax.jit
    def loop(operands: Any) -> Any:
        def body(carry: Any, _: None) -> tuple[Any, Any]:
            # The barrier keeps XLA from computing the products once for all repetitions.
            carry = lax.optimization_barrier(carry)
            return carry, sum(product[0, 0] for product in _products(work, *carry))

        return lax.scan(body, operands, None, length=times)[1]

    operands = tuple(jax.numpy.asarray(array) for array in _operands(sizes, rows))
    return lambda: jax.block_until_ready(loop(operands))


def torch_products(work: Work, sizes: Sizes, rows: int, times: int) -> Callable[[], object]:
    """Return a call that runs the products of `times` batches of `rows` by torch.mm."""
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


def gradients(
    images: npt.NDArray[np.uint8], order: npt.NDArray[np.int32], batch_size: int
) -> Callable[[], object]:
    """Return a call that runs jaxae's epoch in this order without Adam: no parameter moves.

    Every gradient is computed and written, as an update would read it.
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

            # The barrier keeps XLA from taking work on the parameters out of the loop.
            held = lax.optimization_barrier(carry[0])
            loss, grads = jax.value_and_grad(loss_of)(held)
            return (held, grads), loss

        return jaxae.scan_batches(step, (params, params), images, order, batch_size)

    return lambda: jax.block_until_ready(epoch(params, on_device, order))


def copy_rate(mebibytes: int = COPIED) -> Callable[[], object]:
    """Return a call that copies so many MiB from one part of memory to another."""
    source = np.ones(mebibytes << 18, np.float32)
    target = np.zeros_like(source)
    return lambda: np.copyto(target, source)


def _operands(sizes: Sizes, rows: int) -> list[Any]:
    shapes = [
        (rows, sizes.pixels),
        (sizes.pixels, sizes.hidden),
        (rows, sizes.hidden),
        (sizes.hidden, sizes.pixels),
    ]
    rng = np.random.default_rng(0)
    return [rng.random(shape, dtype=np.float32) for shape in shapes]


def _products(work: Work, x: Any, w_in: Any, h: Any, w_out: Any) -> list[Any]:
    if work == "encode":
        return [x @ w_in]
    if work == "decode":
        return [h @ w_out]
    return [x @ w_in, h @ w_out, h.T @ x, x @ w_out.T, x.T @ h]
