"""Arrays on disk: .npy files, never unpickled, written whole or not at all."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jaxae.files import atomic
from jaxae.text import reason

_MAGIC = b"\x93NUMPY"
# What NumPy accepts as a header, and what precedes it.
_MAX_START = 10_000 + 12


def read_array(path: Path) -> npt.NDArray[Any]:
    """Map an .npy file into memory, read-only.

    Raises:
      ValueError: the file is not .npy, is truncated, or holds objects.
      OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        start = file.read(_MAX_START)
    if not start.startswith(_MAGIC):
        raise ValueError("not an .npy file; expected one array as numpy.save writes it")
    # Versions from 2 on give the header's length as 32 bits, and NumPy allocates what they say.
    claimed = int.from_bytes(start[8:12], "little") if start[6:7] > b"\x01" else 0
    if claimed > len(start):
        raise ValueError(f"its header claims {claimed:,} bytes; expected {_MAX_START:,} at most")
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # NumPy evaluates the header, and lets through what that raises.
        raise ValueError(f"its header or size is wrong ({reason(error)})") from error
    return array


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
