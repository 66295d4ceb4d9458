"""Whether a contestant has done its work when the clock stops."""

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tasks.contestant import Contestant

# One that waits leaves nothing but noise; one that does not was seen to leave half or more.
_TRIES, _MOST_LEFT = 3, 0.25


def refuse_unfinished_epochs(contestant: Contestant, order: npt.NDArray[np.int32]) -> None:
    """Raise if much of an epoch is left to do when `train` and `synchronise` have returned.

    What is left is found by reading the weights, which then takes longer than after a pause.

    Args:
      contestant: has trained an epoch of this length before, so that all is compiled.
      order: of an epoch that takes several milliseconds.

    Raises:
      ValueError: more than a quarter of the time is left in each of three tries.
    """

    def seconds(pause: float) -> tuple[float, float]:
        """Seconds that the clock counts for an epoch, and to read the weights after a pause."""
        start = time.perf_counter()
        contestant.train(order)
        contestant.synchronise()
        counted = time.perf_counter() - start
        time.sleep(pause)
        start = time.perf_counter()
        contestant.weights()
        return counted, time.perf_counter() - start

    for _ in range(_TRIES):
        counted, read = seconds(pause=0.0)
        # Copying from a device takes its time too, and arrays are copied once.
        _, read_later = seconds(pause=counted + read)
        share = (read - read_later) / (counted + read)
        if share <= _MOST_LEFT:
            return
    raise ValueError(
        f"{share:.0%} of an epoch's time had yet to pass when synchronise returned; "
        "expected it to wait until the work is done"
    )


def refuse_lazy(name: str, result: Any) -> None:
    """Raise if a result is not a NumPy array: another array may not be computed yet.

    Raises:
      ValueError: names the method and the type.
    """
    if not isinstance(result, np.ndarray):
        raise ValueError(
            f"{name} returned {type(result).__name__}; expected a NumPy array, since others may "
            "be computed after the clock has stopped"
        )
