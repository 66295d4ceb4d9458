"""The optimizer: Adam at a constant rate, or along a one-cycle schedule."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import optax

from jaxae.config import TrainConfig

# Each optimizer has its own compiled programs. Only the last few are kept, since a search over
# learning rates would otherwise fill the memory.
_CACHED = 8

_P = ParamSpec("_P")
_R = TypeVar("_R")


def cached(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Keep the last few results of a function, whose arguments are hashable."""
    # For type checkers, functools.lru_cache would hide the function's parameters.
    return cast(Callable[_P, _R], functools.lru_cache(_CACHED)(function))


def num_steps(n: int, batch_size: int) -> int:
    """Return the number of steps in an epoch of n images, including a short last batch."""
    return -(-n // batch_size)


def make_optimizer(config: TrainConfig, n: int) -> optax.GradientTransformation:
    """Make Adam (Kingma and Ba 2015, algorithm 1) with the configured learning rate.

    Args:
      config: learning rate and schedule. `onecycle` rises along a cosine from 1/25 of the peak over
        the first 20 % of the steps, then falls to 1/10,000 of the first (Smith and Topin 2018).
      n: number of training images, which sets the length of a schedule.

    Returns:
      The same object for the same arguments, so that a second run recompiles nothing. Only the last
      few are kept.
    """
    onecycle = config.schedule == "onecycle"
    steps = config.epochs * num_steps(n, config.batch_size) if onecycle else None
    return _adam(config.learning_rate, steps)


@cached
def _adam(learning_rate: float, onecycle_steps: int | None) -> optax.GradientTransformation:
    rate: optax.ScalarOrSchedule = learning_rate
    if onecycle_steps is not None:
        rate = optax.cosine_onecycle_schedule(onecycle_steps, learning_rate, pct_start=0.2)
    return optax.adam(rate, b1=0.9, b2=0.999, eps=1e-8)
