"""Keep some training images out of training, to choose a checkpoint on them."""

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from jaxae.config import check_validation
from jaxae.data.dataset import Dataset, Images, RowIndex, Split


def hold_out(dataset: Dataset, n: int) -> tuple[Dataset, Split | None]:
    """Keep n training images out of a data set.

    The images are the first n of a fixed permutation, so that data sets that are sorted by class
    work, and all seeds and models are compared on the same images. Those of a smaller n are among
    those of a larger n. Nothing is copied, and images on disk stay there.

    Args:
      dataset: the data set; it is not changed.
      n: number of images to keep out.

    Returns:
      The data set without these images, and the images; both in the source's order. If n is 0, the
      data set itself and None.

    Raises:
      ValueError: n is negative, or not less than the number of training images.
    """
    check_validation(n, len(dataset.train))
    if n == 0:
        return dataset, None
    # NumPy never changes the numbers that RandomState draws, so a run can always be resumed.
    permuted = np.random.RandomState(0).permutation(len(dataset.train))
    validation, train = (_rows_of(dataset.train, part) for part in np.split(permuted, [n]))
    return dataclasses.replace(dataset, train=train), validation


def _rows_of(split: Split, rows: npt.NDArray[np.integer]) -> Split:
    rows = np.sort(rows)
    return Split(_Rows(split.images, rows), split.labels[rows])


class _Rows:
    """Some rows of images, which are read from the images when they are indexed."""

    dtype = np.dtype(np.uint8)

    def __init__(self, images: Images, rows: npt.NDArray[np.integer]):
        self._images, self._rows = images, rows
        self.shape = (len(rows), *images.shape[1:])
        self.ndim, self.size = len(self.shape), math.prod(self.shape)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: RowIndex, /) -> npt.NDArray[np.uint8]:
        return self._images[self._rows[rows]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self[:], dtype)
