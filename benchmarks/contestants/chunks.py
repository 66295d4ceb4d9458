"""Apply a function to an array chunk by chunk, writing into one output."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tasks import Floats


def in_chunks(
    function: Callable[[npt.NDArray[Any]], Any], rows: npt.NDArray[Any], width: int, size: int
) -> Floats:
    """Apply a function to at most `size` rows at a time.

    Where calls return before their work is done, a chunk is computed while the one before it is
    copied to the output.

    Args:
      function: maps rows of shape (k, ...) to an array of shape (k, width), of any array type.
      rows: shape (n, ...).
      width: numbers in a result.
      size: most rows in a call.

    Returns:
      float32 array of shape (n, width).
    """
    # Concatenating the chunks would hold, and copy, 220 MB twice when all images are decoded.
    output = np.empty((len(rows), width), np.float32)
    parts = (slice(start, start + size) for start in range(0, len(rows), size))
    calls = ((part, function(rows[part])) for part in parts)
    done = next(calls, None)
    while done is not None:
        ahead = next(calls, None)
        part, results = done
        output[part] = results
        done = ahead
    return output
