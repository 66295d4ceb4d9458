"""Read IDX, the format of the MNIST archives: a header of big-endian sizes, then raw bytes.

The header is two zero bytes, a type code (0x08: unsigned bytes), the number of dimensions, and
each dimension as a 32-bit integer. The sizes a header claims are held against the file before
anything of that size is allocated: a plain file must have them, and is mapped, not read; a gzipped
one must be able to hold them, and unpacks to 768 MiB at most, so that a small file cannot fill the
memory. (The largest data set in this format, EMNIST, has 547 MB.)
"""

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

_UNSIGNED_BYTE = 0x08
# Deflate packs no more than 258 bytes into two bits.
_HIGHEST_RATIO = 1032
_LARGEST_UNPACKED = 768 << 20
_PIECE = 1 << 24


def read_idx(path: Path, ndim: int) -> npt.NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, gzipped or not.

    Args:
      path: the file; gzip is recognised by its first two bytes, not by the name.
      ndim: the number of dimensions that the file must have (images: 3, labels: 1).

    Returns:
      uint8 array of the shape that the header gives, with values 0 to 255.

    Raises:
      ValueError: the file is not IDX of this kind, is damaged, or unpacks to more than 768 MiB;
        the text names file and reason.
      OSError: the file cannot be opened.
    """
    with path.open("rb") as raw:
        gzipped = raw.read(2) == b"\x1f\x8b"
        on_disk = raw.seek(0, os.SEEK_END)
        raw.seek(0)
        try:
            if gzipped:
                return _unpack(gzip.GzipFile(fileobj=raw), ndim, on_disk)
            shape = _read_shape(raw, ndim)
            start, size = raw.tell(), math.prod(shape)
            _require(size, on_disk - start, shape)
            if size == 0:
                return np.empty(shape, np.uint8)
            return np.memmap(raw, np.uint8, "r", start, shape)
        except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path}: {error}") from error


def _read_shape(stream: IO[bytes] | gzip.GzipFile, ndim: int) -> tuple[int, ...]:
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
    return tuple(int(n) for n in np.frombuffer(header, dtype=">u4"))


def _require(size: int, found: int, shape: tuple[int, ...]) -> None:
    if found != size:
        raise ValueError(
            f"its header claims {size:,} bytes for shape {shape}, "
            f"it holds {'more' if found > size else f'{found:,}'}; fetch the file again"
        )


def _unpack(stream: gzip.GzipFile, ndim: int, on_disk: int) -> npt.NDArray[np.uint8]:
    shape = _read_shape(stream, ndim)
    size = math.prod(shape)
    if size > _HIGHEST_RATIO * on_disk:
        raise ValueError(
            f"its header claims {size:,} bytes for shape {shape}, more than {on_disk:,} bytes of "
            "gzip can hold; fetch the file again"
        )
    if size > _LARGEST_UNPACKED:
        raise ValueError(
            f"its header claims {size:,} bytes for shape {shape}, more than the "
            f"{_LARGEST_UNPACKED:,} that are unpacked into memory; gunzip the file yourself"
        )
    body = np.empty(size, np.uint8)
    found = 0
    while found < size and (count := stream.readinto(body.data[found : found + _PIECE])):
        found += count
    # Reading past the end is also what checks the checksum.
    _require(size, found + len(stream.read(1)), shape)
    return body.reshape(shape)
