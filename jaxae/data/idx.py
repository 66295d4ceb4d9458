"""Read IDX, the format of the MNIST archives: a header of big-endian sizes, then raw bytes.

The header is two zero bytes, a type code (0x08: unsigned bytes), the number of dimensions, and
each dimension as a 32-bit integer. The sizes a header claims are held against the file before
anything of that size is allocated: a plain file must have them, and is mapped, not read; a gzipped
one must be able to hold them, and unpacks to 768 MiB at most, so that a small file cannot fill the
memory. (The largest data set in this format, EMNIST, has 547 MB.)
"""

import math
import os
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

_UNSIGNED_BYTE = 0x08
# Deflate packs no more than 258 bytes into two bits.
_HIGHEST_RATIO = 1032
_LARGEST_UNPACKED = 768 << 20


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
            return _unpack(raw, ndim, on_disk) if gzipped else _map(raw, ndim, on_disk)
        except (ValueError, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: {error}") from error


def _map(raw: BinaryIO, ndim: int, on_disk: int) -> npt.NDArray[np.uint8]:
    start = 4 + 4 * ndim
    shape = _parse_shape(raw.read(start), ndim)
    size = math.prod(shape)
    _require(size, on_disk - start, shape)
    return np.memmap(raw, np.uint8, "r", start, shape) if size else np.empty(shape, np.uint8)


def _parse_shape(header: bytes, ndim: int) -> tuple[int, ...]:
    expected = bytes([0, 0, _UNSIGNED_BYTE, ndim])
    if header[:4] != expected:
        raise ValueError(
            f"not an IDX file of {ndim}-dimensional unsigned bytes: "
            f"it begins with {header[:4].hex() or 'nothing'}, expected {expected.hex()}"
        )
    if len(header) < 4 + 4 * ndim:
        raise ValueError("truncated inside its header; fetch the file again")
    return tuple(int(n) for n in np.frombuffer(header[4:], dtype=">u4"))


def _require(size: int, found: int, shape: tuple[int, ...]) -> None:
    if found != size:
        raise ValueError(
            f"its header claims {size:,} bytes for shape {shape}, "
            f"it holds {'more' if found > size else f'{found:,}'}; fetch the file again"
        )


def _unpack(raw: BinaryIO, ndim: int, on_disk: int) -> npt.NDArray[np.uint8]:
    stream = _Gzip(raw)
    shape = _parse_shape(bytes(stream.read(4 + 4 * ndim)), ndim)
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
    body = stream.read(size)
    # Reading on to the end is also what checks the checksum.
    _require(size, len(body) + len(stream.read(1)), shape)
    if stream.has_more():
        raise ValueError("there are bytes after the end of its gzip stream; gzip it again")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


class _Gzip:
    # gzip.open skips zeros at a file's end one at a time: a sparse file would keep it for hours.

    def __init__(self, raw: BinaryIO):
        self._raw = raw
        self._unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def read(self, size: int) -> bytearray:
        """Unpack so many bytes, or as many as there are."""
        body = bytearray()
        while len(body) < size and not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._raw.read(1 << 16)
            if not packed:
                raise EOFError("its gzip stream is cut short; fetch the file again")
            body += self._unpacker.decompress(packed, min(size - len(body), 1 << 24))
        return body

    def has_more(self) -> bool:
        """Tell whether bytes follow the stream."""
        return bool(self._unpacker.unused_data or self._raw.read(1))
