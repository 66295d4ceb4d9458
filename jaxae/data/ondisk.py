"""Images that stay on disk, in an .npy file, and are read on demand.

A read takes the memory of what it returns and of one block, however large the file is. The file is
read, not mapped: pages of a mapping that were touched count as the process's own memory, and the
system also reads their neighbours, which a random order does not need. Several threads may read at
the same time. Pickling keeps the path, not the pixels.
"""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jaxae._utils.npy import ArrayFile, prefix_errors
from jaxae.data.dataset import EXPECTED_IMAGES, RowIndex, are_images

# Limits of a block.
_BLOCK_IMAGES = 4096
_BLOCK_BYTES = 4 << 20


def _seek_and_read(handle: int, size: int, offset: int) -> bytes:
    os.lseek(handle, offset, os.SEEK_SET)
    return os.read(handle, size)


_read_at = getattr(os, "pread", _seek_and_read)  # Windows has no pread.


def _in_memory(handle: int, offsets: list[int]) -> bool:
    try:
        for offset in offsets:
            os.preadv(handle, [bytearray(1)], offset, os.RWF_NOWAIT)
    except OSError:  # The read would block, or the file system does not support the flag.
        return False
    return True


class NpyImages:
    """The images of an .npy file, indexed like a uint8 array.

    Their shape is (n, height, width), or (n, height, width, 3) in colour.

    Raises:
      ValueError: the file is damaged, holds another kind of array, or is in Fortran order; the
        message names it.
      OSError: the file cannot be opened.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, path: Path):
        """Open the file and validate its shape and dtype."""
        with prefix_errors(path):
            file = ArrayFile(path)
            if not are_images(file.dtype, file.shape):
                raise ValueError(
                    f"it holds {file.dtype} of shape {file.shape}; expected {EXPECTED_IMAGES}"
                )
            if file.fortran_order:
                raise ValueError(
                    "it is in Fortran order, which scatters each image over the file; "
                    "save numpy.ascontiguousarray(images)"
                )
        self.path, self.shape, self._offset = file.path, file.shape, file.offset

    @property
    def ndim(self) -> int:
        """3 in grey, 4 in colour."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values in all images."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        """Number of images."""
        return self.shape[0]

    def __getitem__(self, rows: RowIndex, /) -> npt.NDArray[np.uint8]:
        """Read one image, a slice, or the images of an array of row numbers, as NumPy indexes.

        Raises:
          IndexError: a row is out of range, or the index is of another kind.
          ValueError: the file was truncated after it was opened.
          OSError: the file cannot be read.
        """
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        index = np.asarray(rows)
        if isinstance(rows, tuple) or (index.size and index.dtype.kind not in "iu"):
            raise IndexError(f"rows are {rows!r}; expected integers or a slice")
        flat = index.ravel().astype(np.int64)
        if flat.size and not (-len(self) <= flat.min() and flat.max() < len(self)):
            raise IndexError(
                f"rows run from {flat.min()} to {flat.max()}; {self.path} has {len(self):,}"
            )
        flat[flat < 0] += len(self)
        size = math.prod(self.shape[1:])
        pixels = np.empty((len(flat), size), np.uint8)
        step = min(_BLOCK_IMAGES, max(1, _BLOCK_BYTES // max(1, size)))
        for start in range(0, len(flat), step):
            block = pixels[start : start + step]
            packed = self._read(flat[start : start + step], size)
            block[:] = np.frombuffer(packed, np.uint8).reshape(block.shape)
        return pixels.reshape(*index.shape, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read all images."""
        if copy is False:
            raise ValueError(f"{self.path} is on disk, and reading it copies; expected copy=None")
        return self[:].astype(dtype or self.dtype, copy=False)

    def _read(self, rows: npt.NDArray[np.int64], size: int) -> bytes:
        offsets = (rows * size + self._offset).tolist()
        with self.path.open("rb", buffering=0) as file:
            handle = file.fileno()
            if hasattr(os, "RWF_NOWAIT") and not _in_memory(handle, offsets[::64]):
                # Requested together, the images are read in parallel, not one after the other.
                for offset in offsets:
                    os.posix_fadvise(handle, offset, size, os.POSIX_FADV_WILLNEED)
            packed = b"".join([_read_at(handle, size, offset) for offset in offsets])
        if len(packed) != len(rows) * size:
            raise ValueError(f"{self.path} was truncated after it was opened; write it again")
        return packed
