"""Read IDX, the format of the MNIST archives: a header of big-endian sizes, then raw bytes.

The header consists of two zero bytes, a type code (0x08: unsigned bytes), the number of dimensions,
and each dimension as a 32-bit integer. The size that the header claims is checked before any memory
is allocated. A plain file must have exactly this size, and is memory-mapped. A gzipped file must be
large enough to contain it, and is decompressed to at most 768 MiB, so that a small file cannot
exhaust the memory. (The largest data set in this format, EMNIST, has 547 MB.)
"""

import math
import os
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

_UNSIGNED_BYTE = 0x08
# Deflate encodes at most 258 bytes in two bits.
_MAX_COMPRESSION = 1032
_MAX_DECOMPRESSED_BYTES = 768 << 20


def read_idx(path: Path, ndim: int) -> npt.NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, gzipped or not.

    Args:
      path: the file; gzip is recognised by the first two bytes, not by the name.
      ndim: the expected number of dimensions (images: 3, labels: 1).

    Returns:
      uint8 array of the shape that the header gives, with values 0 to 255.

    Raises:
      ValueError: the file is not IDX of this kind, is damaged, or decompresses to more than
        768 MiB; the message names the file.
      OSError: the file cannot be opened.
    """
    with path.open("rb") as raw:
        gzipped = raw.read(2) == b"\x1f\x8b"
        on_disk = raw.seek(0, os.SEEK_END)
        raw.seek(0)
        try:
            return _decompress(raw, ndim, on_disk) if gzipped else _map(raw, ndim, on_disk)
        except (ValueError, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: {error}") from error


def _map(raw: BinaryIO, ndim: int, on_disk: int) -> npt.NDArray[np.uint8]:
    start = 4 + 4 * ndim
    shape = _parse_shape(raw.read(start), ndim)
    size = math.prod(shape)
    _check_size(size, on_disk - start, shape)
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


def _check_size(size: int, found: int, shape: tuple[int, ...]) -> None:
    if found != size:
        raise ValueError(
            f"its header claims {size:,} bytes for shape {shape}, "
            f"it holds {'more' if found > size else f'{found:,}'}; fetch the file again"
        )


def _decompress(raw: BinaryIO, ndim: int, on_disk: int) -> npt.NDArray[np.uint8]:
    stream = _Gzip(raw)
    shape = _parse_shape(bytes(stream.read(4 + 4 * ndim)), ndim)
    size = math.prod(shape)
    if size > _MAX_COMPRESSION * on_disk:
        raise ValueError(
            f"its header claims {size:,} bytes for shape {shape}, more than {on_disk:,} bytes of "
            "gzip can hold; fetch the file again"
        )
    if size > _MAX_DECOMPRESSED_BYTES:
        raise ValueError(
            f"its header claims {size:,} bytes for shape {shape}, more than the "
            f"{_MAX_DECOMPRESSED_BYTES:,} that jaxae decompresses in memory; gunzip the file"
        )
    body = stream.read(size)
    # Reading to the end also verifies gzip's checksum.
    _check_size(size, len(body) + len(stream.read(1)), shape)
    if stream.has_more():
        raise ValueError("there are bytes after the end of its gzip stream; gzip it again")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


class _Gzip:
    # gzip.open skips zeros at the end of a file one by one, which takes hours for a sparse file.

    def __init__(self, raw: BinaryIO):
        self._raw = raw
        self._decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def read(self, size: int) -> bytearray:
        """Decompress `size` bytes, or all that are left if there are fewer."""
        body = bytearray()
        while len(body) < size and not self._decompressor.eof:
            packed = self._decompressor.unconsumed_tail or self._raw.read(1 << 16)
            if not packed:
                raise EOFError("its gzip stream is truncated; fetch the file again")
            body += self._decompressor.decompress(packed, min(size - len(body), 1 << 24))
        return body

    def has_more(self) -> bool:
        """Whether there are bytes after the stream."""
        return bool(self._decompressor.unused_data or self._raw.read(1))
