"""Arrays on disk: .npy files, never unpickled, written whole or not at all."""

import contextlib
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jaxae._utils.files import atomic
from jaxae._utils.text import reason

_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class Header(NamedTuple):
    """What an .npy file says of its array, and the byte at which the numbers begin."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    offset: int


def read_array(path: Path) -> npt.NDArray[Any]:
    """Map an .npy file into memory, read-only.

    Raises:
      ValueError: the file is not .npy, is truncated, or holds objects or records.
      OSError: the file cannot be opened.
    """
    with _damage_named():
        _read_header(path)
        return np.lib.format.open_memmap(path, mode="r")


def read_header(path: Path) -> Header:
    """Read an .npy file's header, and hold it against the file's size.

    Raises:
      ValueError, OSError: as `read_array`.
    """
    with _damage_named():
        return _read_header(path)


@contextlib.contextmanager
def _damage_named() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError):
        raise
    except Exception as error:  # NumPy evaluates the header, and lets through what that raises.
        raise ValueError(f"its header is damaged: {reason(error)}") from error


def _read_header(path: Path) -> Header:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if file.read(6) != b"\x93NUMPY":
            raise ValueError("not an .npy file; expected one array as numpy.save writes it")
        version, length = tuple(file.read(2)), int.from_bytes(file.read(4), "little")
        if version not in _READ_HEADER:
            raise ValueError(f".npy of version {version}; expected (1, 0) or (2, 0)")
        if version == (2, 0) and length > size:  # NumPy would allocate it.
            raise ValueError(f"its header claims {length:,} bytes, the file has {size:,}")
        file.seek(8)
        header = Header(*_READ_HEADER[version](file), file.tell())
    dtype, shape = header.dtype, header.shape
    if dtype.kind in "OV":  # Objects would be unpickled; V are records and nested arrays.
        raise ValueError(f"it holds {dtype}; expected numbers")
    claimed, found = math.prod(shape) * dtype.itemsize, size - header.offset
    if min(shape, default=0) < 0 or claimed > found:
        raise ValueError(f"{dtype} of shape {shape} takes {claimed:,} bytes, it has {found:,}")
    return header


class ArrayFile:
    """An .npy file that is read by slices, of which memory holds those in use and no more.

    Args:
      path: the file.

    Raises:
      ValueError: as `read_array`.
      OSError: as `read_array`.
    """

    def __init__(self, path: Path):
        """Read the header."""
        header = read_header(path)
        self.shape, self.dtype = header.shape, header.dtype
        self._layout: dict[str, Any] = {
            "filename": path,
            "dtype": header.dtype,
            "offset": header.offset,
            "shape": header.shape,
            "order": "F" if header.fortran_order else "C",
        }

    def __getitem__(self, rows: slice) -> npt.NDArray[Any]:
        """Read some rows.

        Raises:
          ValueError: the file was cut short since it was opened.
        """
        if self._layout["order"] == "F":  # Each row is scattered over the file.
            return np.memmap(mode="r", **self._layout)[rows]
        start, stop, _ = rows.indices(self.shape[0])
        shape = (max(0, stop - start), *self.shape[1:])
        # Not a mapping: its pages would stay in memory, and where the file was cut short it would
        # end the process.
        row = math.prod(self.shape[1:])
        offset = self._layout["offset"] + start * row * self.dtype.itemsize
        values = np.fromfile(self._layout["filename"], self.dtype, math.prod(shape), offset=offset)
        if len(values) < math.prod(shape):
            raise ValueError("it was cut short after it had been opened; write it again")
        return values.reshape(shape)


def write_array(path: Path, shape: tuple[int, ...], blocks: Iterable[npt.NDArray[Any]]) -> None:
    """Write an .npy file of float32, whole or not at all.

    Args:
      path: the file; one that is there is replaced at the end.
      shape: the array's.
      blocks: its rows, in order; written as they come, and only if they all do.

    Raises:
      OSError: the file cannot be written.
    """
    descr = np.lib.format.dtype_to_descr(np.dtype(np.float32))
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    with atomic(path) as partial, partial.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, np.float32).data)


@contextlib.contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Put the file's name before the text of a ValueError that the block raises."""
    try:
        yield
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: {reason(error)}") from error
