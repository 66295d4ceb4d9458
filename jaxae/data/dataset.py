"""A data set: a training and a test split of labelled uint8 images."""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from jaxae.config import CHANNELS, DataConfig

RowIndex = int | slice | list[int] | npt.NDArray[np.integer]

EXPECTED_IMAGES = "uint8 of shape (n, height, width), or (n, height, width, 3) in colour"

# Bytes of pixels that the checksum reads at a time.
_BLOCK_BYTES = 8 << 20


class Images(Protocol):
    """Images of one size: a NumPy array, or an object that reads them from disk on demand.

    Row numbers, slices, and lists or arrays of row numbers index the images as they index an
    array; `numpy.asarray(images)` reads all of them.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width) or (n, height, width, 3)."""

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """uint8."""

    @property
    def ndim(self) -> int:
        """3 in grey, 4 in colour."""

    @property
    def size(self) -> int:
        """Number of values in all images."""

    def __len__(self) -> int:
        """Number of images."""

    def __getitem__(self, rows: RowIndex, /) -> npt.NDArray[np.uint8]:
        """Read the images at these rows."""

    def __array__(self) -> npt.NDArray[np.uint8]:
        """Read all images."""


def are_images(dtype: npt.DTypeLike, shape: tuple[int, ...]) -> bool:
    """Return whether an array of this type and shape is what `EXPECTED_IMAGES` says."""
    return dtype == np.uint8 and len(shape) >= 3 and shape[3:] in CHANNELS


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels, in the source's order.

    Splits are compared by identity. To compare contents, use `Dataset.checksum`.

    Attributes:
      images: uint8 of shape (n, height, width), 0 is black, or (n, height, width, 3) in colour
        (red, green, blue); in memory or on disk.
      labels: integer array of shape (n,), indices into the data set's class names.

    Raises:
      ValueError: a shape or dtype is wrong, the numbers of images and labels differ, or there are
        no images.

    Example:
      >>> split = jaxae.Split(np.zeros((3, 28, 28), np.uint8), labels=np.array([0, 1, 1]))
      >>> len(split)
      3
    """

    images: Images
    labels: npt.NDArray[np.integer]

    def __post_init__(self) -> None:
        """Validate shapes and dtypes."""
        if not are_images(self.images.dtype, self.images.shape):
            raise ValueError(
                f"images are {self.images.dtype} of shape {self.images.shape}; "
                f"expected {EXPECTED_IMAGES}"
            )
        if self.labels.ndim != 1 or not np.issubdtype(self.labels.dtype, np.integer):
            raise ValueError(
                f"labels are {self.labels.dtype} of shape {self.labels.shape}; "
                "expected integers of shape (n,)"
            )
        if len(self.images) != len(self.labels):
            raise ValueError(
                f"{len(self.images):,} images but {len(self.labels):,} labels; "
                "expected one label per image"
            )
        if self.images.size == 0:
            raise ValueError(f"no images: their shape is {self.images.shape}")

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.images)


@dataclass(frozen=True)
class Dataset:
    """A training and a test split with images of the same size.

    Attributes:
      name: the name that figures and messages show.
      train: the examples to train on.
      test: the examples to evaluate on.
      class_names: one name per label, in the labels' order.

    Raises:
      ValueError: the splits' image sizes differ, or a label has no name.

    Example:
      >>> images = np.zeros((3, 28, 28), np.uint8)
      >>> train, test = (jaxae.Split(images, np.array([0, 1, 1])) for _ in range(2))
      >>> jaxae.Dataset("letters", train, test, class_names=("a", "b")).image_shape
      (28, 28)
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Validate that image sizes agree and that each label has a name."""
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
    def image_shape(self) -> tuple[int, ...]:
        """Shape of every image: (height, width), or (height, width, 3) in colour."""
        return self.train.images.shape[1:]

    def describe(self, source: str) -> DataConfig:
        """Return the data set's entry in a run's configuration.

        Args:
          source: the name or folder that `load_dataset` was called with.
        """
        return DataConfig(self.name, source, self.checksum, self.image_shape, len(self.train))

    @cached_property
    def checksum(self) -> str:
        """SHA-256 in hex of the shapes, pixels and labels (as int64) of both splits."""
        digest = hashlib.sha256()
        for split in (self.train, self.test):
            digest.update(repr(split.images.shape).encode())
            rows = max(1, _BLOCK_BYTES // math.prod(split.images.shape[1:]))
            for start in range(0, len(split), rows):
                block = split.images[start : start + rows]
                digest.update(np.ascontiguousarray(block).data)
            digest.update(np.ascontiguousarray(split.labels, dtype=np.int64).data)
        return digest.hexdigest()
