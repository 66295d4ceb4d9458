"""What every source of data gives: two splits of uint8 images with their labels."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

Rows = int | slice | list[int] | npt.NDArray[np.integer]

# Pixels that a checksum holds at a time.
_BLOCK_BYTES = 8 << 20


class Images(Protocol):
    """Images of one size: a NumPy array, or what reads them from disk when asked.

    A row number, a slice, or a list or an array of row numbers gives what it gives of an array;
    `numpy.asarray(images)` reads them all.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width)."""

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """uint8; 0 is black."""

    @property
    def ndim(self) -> int:
        """3."""

    @property
    def size(self) -> int:
        """Number of pixels in all images."""

    def __len__(self) -> int:
        """Number of images."""

    def __getitem__(self, rows: Rows, /) -> npt.NDArray[np.uint8]:
        """Read some images."""

    def __array__(self) -> npt.NDArray[np.uint8]:
        """Read all images."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels, in the source's order.

    Splits are compared by identity. To compare contents, use `Dataset.checksum`.

    Attributes:
      images: uint8 of shape (n, height, width), 0 is black; an array, or images on disk.
      labels: integer array of shape (n,), each an index into the data set's class names.

    Raises:
      ValueError: the arrays are not of that kind, differ in number, or are empty.
    """

    images: Images
    labels: npt.NDArray[np.integer]

    def __post_init__(self) -> None:
        """Hold the arrays against the promise."""
        if self.images.ndim != 3 or self.images.dtype != np.uint8:
            raise ValueError(
                f"images are {self.images.dtype} of shape {self.images.shape}; "
                "expected uint8 of shape (n, height, width)"
            )
        if self.labels.ndim != 1 or not np.issubdtype(self.labels.dtype, np.integer):
            raise ValueError(
                f"labels are {self.labels.dtype} of shape {self.labels.shape}; "
                "expected integers of shape (n,)"
            )
        if len(self.images) != len(self.labels):
            raise ValueError(
                f"{len(self.images):,} images but {len(self.labels):,} labels; "
                "expected one label an image"
            )
        if self.images.size == 0:
            raise ValueError(f"no images: their shape is {self.images.shape}")

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.images)


@dataclass(frozen=True)
class Dataset:
    """A training and a test split of the same kind of image.

    Attributes:
      name: what figures and messages call it.
      train: the examples to fit.
      test: the examples to judge by.
      class_names: a name per label, in the labels' order.

    Raises:
      ValueError: the splits differ in image size, or a label has no name.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Hold the splits against each other and against the names."""
        train_shape, test_shape = self.train.images.shape[1:], self.test.images.shape[1:]
        if train_shape != test_shape:
            raise ValueError(
                f"training images are {train_shape}, test images {test_shape}; expected one size"
            )
        for split in (self.train, self.test):
            low, high = int(split.labels.min()), int(split.labels.max())
            if low < 0 or high >= len(self.class_names):
                raise ValueError(
                    f"labels run from {low} to {high}; "
                    f"expected 0 to {len(self.class_names) - 1}, one for each class name"
                )

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of every image, in pixels."""
        _, height, width = self.train.images.shape
        return height, width

    @cached_property
    def checksum(self) -> str:
        """SHA-256, in hex, over shapes, pixels and labels (as int64) of both splits."""
        digest = hashlib.sha256()
        for split in (self.train, self.test):
            digest.update(repr(split.images.shape).encode())
            for block in blocks(split.images, _BLOCK_BYTES):
                digest.update(np.ascontiguousarray(block).data)
            digest.update(np.ascontiguousarray(split.labels, dtype=np.int64).data)
        return digest.hexdigest()


def blocks(images: Images, max_bytes: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Give all images, in order, in arrays of so many bytes at most, or of one image."""
    rows = max(1, max_bytes // math.prod(images.shape[1:]))
    for start in range(0, len(images), rows):
        yield images[start : start + rows]
