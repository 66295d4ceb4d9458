"""Arrays on disk: .npy files, never unpickled, written whole or not at all."""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from jaxae.files import atomic
from jaxae.text import reason

_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_array(path: Path) -> npt.NDArray[Any]:
    """Map an .npy file into memory, read-only.

    Raises:
      ValueError: the file is not .npy, is truncated, or holds objects or records.
      OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        try:
            _check_header(file, size)
            return np.lib.format.open_memmap(path, mode="r")
        except (ValueError, OSError):
            raise
        except Exception as error:  # NumPy evaluates the header, and lets through what that raises.
            raise ValueError(f"its header is damaged: {reason(error)}") from error


def _check_header(file: BinaryIO, size: int) -> None:
    if file.read(6) != b"\x93NUMPY":
        raise ValueError("not an .npy file; expected one array as numpy.save writes it")
    version, length = tuple(file.read(2)), int.from_bytes(file.read(4), "little")
    if version not in _READ_HEADER:
        raise ValueError(f".npy of version {version}; expected (1, 0) or (2, 0)")
    if version == (2, 0) and length > size:  # NumPy would allocate it.
        raise ValueError(f"its header claims {length:,} bytes, the file has {size:,}")
    file.seek(8)
    shape, _, dtype = _READ_HEADER[version](file)
    if dtype.kind in "OV":  # Objects would be unpickled; V are records and nested arrays.
        raise ValueError(f"it holds {dtype}; expected numbers")
    claimed, found = math.prod(shape) * dtype.itemsize, size - file.tell()
    if min(shape, default=0) < 0 or claimed > found:
        raise ValueError(f"{dtype} of shape {shape} takes {claimed:,} bytes, it has {found:,}")


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an .npy file, whole or not at all.

    Raises:
      OSError: the file cannot be written.
    """
    with atomic(path) as partial, partial.open("wb") as file:
        np.save(file, array)


@contextlib.contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Put the file's name before the text of a ValueError that the block raises."""
    try:
        yield
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: {reason(error)}") from error
