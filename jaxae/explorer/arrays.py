"""Arrays as text in JSON."""

import base64
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt


def packed(array: npt.NDArray[Any]) -> dict[str, Any]:
    """Return an array as JSON: its type, its shape and its bytes.

    The bytes are little-endian and grouped by significance: the lowest bytes of all numbers, then
    the next ones. They compress better that way. They are then deflated (RFC 1951, which browsers
    inflate) and written in base64.
    """
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    planes = little.reshape(-1, 1).view(np.uint8).T.tobytes()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = deflate.compress(planes) + deflate.flush()
    return {
        "type": array.dtype.name,
        "shape": list(array.shape),
        "data": base64.b64encode(data).decode(),
    }
