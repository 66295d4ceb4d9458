"""Images that stay on disk, in an .npy file, and are read when asked for.

A read holds what it returns and one block besides, however large the file. Nothing stays mapped:
the pages of a mapping that were touched once count as the process's own memory, and the system
fetches a page's neighbours too, of which a random order has no use. Any number of threads may read
at once, and pickling takes the path along, not the pixels.
"""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jaxae._utils.npy import blaming, read_header
from jaxae.data.dataset import Rows

# What is read at a time, at most.
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
    except OSError:  # It would have had to wait, or the file system cannot tell.
        return False
    return True


class NpyImages:
    """The images of an .npy file, which stands for an array of uint8 of shape (n, height, width).

    Raises:
      ValueError: the file is damaged, holds something else, or is in Fortran order; the text names
        it.
      OSError: the file cannot be opened.
    """

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, path: Path):
        """Read the header and hold it against the file."""
        with blaming(path):
            header = read_header(path)
            if header.dtype != np.uint8 or len(header.shape) != 3:
                raise ValueError(
                    f"it holds {header.dtype} of shape {header.shape}; "
                    "expected uint8 of shape (n, height, width)"
                )
            if header.fortran_order:
                raise ValueError(
                    "its pixels are in Fortran order, each image's scattered over the file; "
                    "save numpy.ascontiguousarray(images)"
                )
        self.path = path.absolute()
        self.shape = header.shape
        self._offset = header.offset

    @property
    def size(self) -> int:
        """Number of pixels in all images."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        """Number of images."""
        return self.shape[0]

    def __getitem__(self, rows: Rows, /) -> npt.NDArray[np.uint8]:
        """Read what an array in memory would give: one image, or those of any shape of rows.

        Raises:
          IndexError: a row that is not there, or an index of another kind.
          ValueError: the file is damaged, or no longer what it was when opened.
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
            part = pixels[start : start + step]
            packed = self._read(flat[start : start + step], size)
            part[:] = np.frombuffer(packed, np.uint8).reshape(part.shape)
        return pixels.reshape(*index.shape, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read all images."""
        if copy is False:
            raise ValueError(f"{self.path} is on disk; its images cannot be had without a copy")
        return self[:].astype(dtype or self.dtype, copy=False)

    def _read(self, rows: npt.NDArray[np.int64], size: int) -> bytes:
        offsets = (rows * size + self._offset).tolist()
        with self.path.open("rb", buffering=0) as file:
            handle = file.fileno()
            if hasattr(os, "RWF_NOWAIT") and not _in_memory(handle, offsets[::64]):
                # The disk fetches all of them at once, where it would fetch image by image.
                for offset in offsets:
                    os.posix_fadvise(handle, offset, size, os.POSIX_FADV_WILLNEED)
            packed = b"".join([_read_at(handle, size, offset) for offset in offsets])
        if len(packed) != len(rows) * size:
            raise ValueError(f"{self.path} was cut short after it had been opened; write it again")
        return packed
