"""Arrays on disk: .npy files, never unpickled, written whole or not at all."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jaxae.files import atomic

_MAGIC = b"\x93NUMPY"


def read_array(path: Path) -> npt.NDArray[Any]:
    """Map an .npy file into memory, read-only.

    Raises:
      ValueError: the file is not .npy, is truncated, or holds objects.
      OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if magic != _MAGIC:
        raise ValueError("not an .npy file; expected one array as numpy.save writes it")
    array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
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
        raise ValueError(f"{path}: {error}") from error
