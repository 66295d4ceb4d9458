"""Read and write .npy files: no object is unpickled, and no header is trusted."""

import contextlib
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jaxae._utils.files import atomic
from jaxae._utils.text import reason

_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class ArrayFile:
    """An array in an .npy file, read one slice at a time.

    Slices are read, not mapped (except those of arrays in Fortran order): pages of a mapping that
    were touched count as the process's own memory, and touching one ends the process if the file
    was truncated.

    Attributes:
      path: the file, as an absolute path.
      shape: the array's shape.
      dtype: the array's dtype.
      fortran_order: whether the first index varies fastest.
      offset: the byte in the file at which the array begins.

    Raises:
      ValueError: the file is not .npy, is truncated, or holds objects or records.
      OSError: the file cannot be opened.
    """

    def __init__(self, path: Path):
        """Read the header and check it against the file's size."""
        self.path = path.absolute()
        with _any_error_as_value_error():
            self.shape, self.fortran_order, self.dtype, self.offset = _read_header(path)

    def map(self) -> npt.NDArray[Any]:
        """Map the array into memory, read-only.

        Raises:
          ValueError: NumPy has no array of this shape.
          OSError: the file cannot be opened.
        """
        order: Any = "F" if self.fortran_order else "C"
        with _any_error_as_value_error():
            return np.memmap(self.path, self.dtype, "r", self.offset, self.shape, order)

    def __getitem__(self, rows: slice) -> npt.NDArray[Any]:
        """Read a slice of step 1.

        Raises:
          ValueError: the file was truncated after it was opened.
          OSError: the file cannot be read.
        """
        if self.fortran_order:  # Each row is scattered over the file.
            return self.map()[rows]
        start, stop, _ = rows.indices(self.shape[0])
        shape = (max(0, stop - start), *self.shape[1:])
        offset = self.offset + start * math.prod(self.shape[1:]) * self.dtype.itemsize
        values = np.fromfile(self.path, self.dtype, math.prod(shape), offset=offset)
        if len(values) < math.prod(shape):
            raise ValueError("it was truncated after it was opened; write it again")
        return values.reshape(shape)


@contextlib.contextmanager
def _any_error_as_value_error() -> Iterator[None]:
    # NumPy evaluates the header, which can raise any exception.
    try:
        yield
    except (ValueError, OSError):
        raise
    except Exception as error:
        raise ValueError(f"its header is damaged: {reason(error)}") from error


def _read_header(path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
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
        shape, fortran_order, dtype = _READ_HEADER[version](file)
        offset = file.tell()
    if dtype.kind in "OV":  # Objects would be unpickled; V are records and nested arrays.
        raise ValueError(f"it holds {dtype}; expected numbers")
    claimed, found = math.prod(shape) * dtype.itemsize, size - offset
    if min(shape, default=0) < 0 or claimed > found:
        raise ValueError(
            f"{dtype} of shape {shape} takes {claimed:,} bytes, the file has {found:,}"
        )
    return shape, fortran_order, dtype, offset


def write_array(path: Path, shape: tuple[int, ...], blocks: Iterable[npt.NDArray[Any]]) -> None:
    """Write an .npy file of float32 atomically.

    Args:
      path: the file; an existing one is replaced once all blocks are written.
      shape: the array's shape.
      blocks: the array's rows, in order, each block written as it arrives.

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
def prefix_errors(source: Path | str) -> Iterator[None]:
    """Prefix the message of a ValueError or EOFError in the block with a name; raise ValueError."""
    try:
        yield
    except (ValueError, EOFError) as error:
        raise ValueError(f"{source}: {reason(error)}") from error
