"""Kernels as small integers, so that the file is small.

Rounding each weight to the nearest multiple of a step is wasteful: the inputs of a layer depend on
each other, so an error in one row of the kernel can be made up for in the rows that follow. This is
the method of GPTQ (Frantar, Ashkboos, Hoefler and Alistarh 2023), here with one step for a network.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jaxae.explorer.network import Layer, Layers, apply

Array = npt.NDArray[Any]

_SMALL = 4096  # weights; a smaller kernel is kept as it is.
_POWERS = range(4, 17)


def rounded(
    layers: Layers, x: Array, check: Array, tolerance: float, damping: float
) -> tuple[list[Layer], float]:
    """Round large kernels to multiples of a step, a power of two, as large as possible.

    Args:
      layers: the network.
      x: typical inputs, shape (n, size); the errors of the rows are balanced on these.
      check: inputs, shape (m, size), on which the outputs must stay within the tolerance.
      tolerance: largest difference of any output.
      damping: fraction of the mean square of a layer's inputs that is added to each; the fewer the
        typical inputs are, the larger it should be.

    Returns:
      The layers and the step.

    Raises:
      ValueError: even the smallest step changes an output by more than the tolerance.
    """
    expected = apply(layers, check)
    balances = []
    for layer in layers:
        balances.append(_balance(layer.read(x), damping) if layer.kernel.size > _SMALL else None)
        x = layer(x)
    for power in _POWERS:
        step = 2.0**-power
        found = [
            layer
            if balance is None
            else layer._replace(kernel=_compensated(layer.kernel, balance, step))
            for layer, balance in zip(layers, balances, strict=True)
        ]
        if np.abs(apply(found, check) - expected).max() <= tolerance:
            return found, step
    raise ValueError(
        f"rounding to multiples of {step} changes the model's outputs by more than {tolerance:.2g};"
        " its parameters are unusually large"
    )


class _Balance(NamedTuple):
    """How errors in the rows of a kernel are made up for.

    Attributes:
      order: the rows, those with the largest inputs first.
      factor: upper Cholesky factor of the inverse of the second moments of these inputs.
    """

    order: npt.NDArray[np.intp]
    factor: Array


def _balance(inputs: Array, damping: float) -> _Balance:
    moments = inputs.T.astype(np.float64) @ inputs / len(inputs)
    order = np.argsort(-np.diag(moments))
    moments = moments[np.ix_(order, order)]
    moments += np.eye(len(moments)) * (damping * np.trace(moments) / len(moments) or 1.0)
    return _Balance(order, np.linalg.cholesky(np.linalg.inv(moments)).T)


def _compensated(kernel: Array, balance: _Balance, step: float) -> Array:
    order, factor = balance
    exact = kernel[order].astype(np.float64)
    result, errors = np.empty_like(exact), np.empty_like(exact)
    for row in range(len(exact)):
        wanted = exact[row] - factor[:row, row] @ errors[:row]
        result[row] = np.round(wanted / step) * step
        errors[row] = (wanted - result[row]) / factor[row, row]
    return result[np.argsort(order)].astype(np.float32)
