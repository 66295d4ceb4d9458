"""Read IDX, the format of the MNIST archives: a header of big-endian sizes, then raw bytes.

The header is two zero bytes, a type code (0x08: unsigned bytes), the number of dimensions, and
each dimension as a 32-bit integer. The sizes a header claims are held against the file before
anything of that size is allocated.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np
import numpy.typing as npt

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, ndim: int) -> npt.NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, gzipped or not.

    Args:
      path: the file; gzip is recognised by its first two bytes, not by the name.
      ndim: the number of dimensions that the file must have (images: 3, labels: 1).

    Returns:
      uint8 array of the shape that the header gives, with values 0 to 255.

    Raises:
      ValueError: the file is not IDX of this kind, or is damaged; the text names file and reason.
      OSError: the file cannot be opened.
    """
    with path.open("rb") as raw:
        gzipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = cast(IO[bytes], gzip.open(raw)) if gzipped else raw
        try:
            return _parse(stream, ndim)
        except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path}: {error}") from error


def _parse(stream: IO[bytes], ndim: int) -> npt.NDArray[np.uint8]:
    magic = stream.read(4)
    expected = bytes([0, 0, _UNSIGNED_BYTE, ndim])
    if magic != expected:
        raise ValueError(
            f"not an IDX file of {ndim}-dimensional unsigned bytes: "
            f"it begins with {magic.hex() or 'nothing'}, expected {expected.hex()}"
        )
    header = stream.read(4 * ndim)
    if len(header) < 4 * ndim:
        raise ValueError("truncated inside its header; fetch the file again")
    shape = tuple(int(n) for n in np.frombuffer(header, dtype=">u4"))
    size = math.prod(shape)
    body = _read_at_most(stream, size + 1)
    if len(body) != size:
        found = "more" if len(body) > size else f"{len(body):,}"
        raise ValueError(
            f"its header claims {size:,} bytes for shape {shape}, it holds {found}; "
            "fetch the file again"
        )
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


def _read_at_most(stream: IO[bytes], size: int, piece: int = 1 << 24) -> bytearray:
    # In pieces: memory grows with what the file holds, not with what its header claims.
    body = bytearray()
    while len(body) < size and (chunk := stream.read(min(piece, size - len(body)))):
        body += chunk
    return body
