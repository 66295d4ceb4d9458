"""Images that stay on disk and are read when asked for: an .npy file, or one of array_record.

A read holds what it returns and one block besides, however large the file. Nothing stays mapped:
the pages of a mapping that were touched once count as the process's own memory, and the system
fetches a page's neighbours too, of which a random order has no use. Any number of threads may read
at once, and pickling takes the path along, not the pixels.
"""

import abc
import importlib
import math
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jaxae.arrays import blaming, read_header
from jaxae.data.dataset import Images, Rows, blocks
from jaxae.files import atomic
from jaxae.text import reason

# A block's limits. What array_record spends on a call is small beside so many records of 28×28.
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


class _OnDisk(abc.ABC):
    """What stands for a uint8 array of shape (n, height, width) whose rows a subclass reads."""

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, path: Path, shape: tuple[int, ...]):
        self.path = path.absolute()
        self.shape = shape

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

    @abc.abstractmethod
    def _read(self, rows: npt.NDArray[np.int64], size: int) -> bytes:
        """Return the images of these rows, `size` bytes each, one after another."""


class NpyImages(_OnDisk):
    """The images of an .npy file: uint8 of shape (n, height, width), in C order.

    Raises:
      ValueError: the file is damaged or holds something else; the text names it.
      OSError: the file cannot be opened.
    """

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
        super().__init__(path, header.shape)
        self._offset = header.offset

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


class RecordImages(_OnDisk):
    """The images of an array_record file, each record the height × width bytes of one image.

    Random reads are fast where the file was written with `group_size:1`, as `write_records` does.

    Args:
      path: the file.
      image_shape: height and width.

    Raises:
      ValueError: the file is damaged, its first record has another length, or the package
        array-record is missing.
      OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, image_shape: tuple[int, int]):
        """Read the number of records, and the first one for its length."""
        super().__init__(path, (_open_records(path).num_records(), *image_shape))
        self._read(np.arange(len(self))[:1], math.prod(image_shape))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind."""
        return {name: value for name, value in vars(self).items() if name != "_reader"}

    @cached_property
    def _reader(self) -> Any:
        return _open_records(self.path)

    def _read(self, rows: npt.NDArray[np.int64], size: int) -> bytes:
        try:
            records = self._reader.read(rows.tolist())
        except RuntimeError as error:
            raise ValueError(f"{self.path} is damaged: {reason(error)}") from error
        if set(map(len, records)) - {size}:
            row = next(row for row, record in enumerate(records) if len(record) != size)
            _, height, width = self.shape
            raise ValueError(
                f"{self.path}: record {rows[row]:,} has {len(records[row]):,} bytes; "
                f"expected {size:,}, an image of {height}×{width}"
            )
        return b"".join(records)


def write_records(path: Path, images: Images) -> None:
    """Write images as an array_record file that is fast to read at random, whole or not at all.

    Args:
      path: the file, by convention ending in `.array_record`.
      images: uint8 of shape (n, height, width), in memory or on disk.

    Raises:
      ValueError: these are no such images, or the package array-record is missing.
      OSError: the file cannot be written.
    """
    if images.ndim != 3 or images.dtype != np.uint8 or images.size == 0:
        raise ValueError(
            f"images are {images.dtype} of shape {images.shape}; "
            "expected uint8 of shape (n, height, width)"
        )
    module = _import_array_record(path)
    with atomic(path) as partial:
        # Uncompressed, because unpacking an image of 28×28 takes as long as all else in reading it.
        writer = module.ArrayRecordWriter(str(partial), "group_size:1,uncompressed")
        try:
            for block in blocks(images, _BLOCK_BYTES):
                for image in block:
                    writer.write(image.tobytes())
            writer.close()
        except RuntimeError as error:
            raise OSError(f"{path} cannot be written: {reason(error)}") from error


def _open_records(path: Path) -> Any:
    module = _import_array_record(path)
    path.open("rb").close()  # The reader would not say at once that there is no such file.
    options = "readahead_buffer_size:0,max_parallelism:0"  # Those for reading at random.
    reader = module.ArrayRecordReader(str(path), options, file_reader_buffer_size=1024)
    if not reader.ok():
        try:
            reader.read([0])  # What is wrong is told only by a read.
        except RuntimeError as error:
            raise ValueError(f"{path} is not an array_record file: {reason(error)}") from error
    return reader


def _import_array_record(path: Path) -> Any:
    try:
        return importlib.import_module("array_record.python.array_record_module")
    except ImportError as error:
        raise ValueError(
            f"{path}: array_record files need 'pip install array-record', which not every "
            "platform has; .npy files need nothing"
        ) from error
