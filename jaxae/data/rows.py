"""Some examples of a split, whose images stay where they are."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from jaxae.data.dataset import Images, RowIndex, Split


def take_rows(split: Split, rows: npt.NDArray[np.integer]) -> Split:
    """Return some examples of a split, in the order of their rows; no image is copied."""
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
