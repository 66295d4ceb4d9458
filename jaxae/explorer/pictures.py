"""The examples whose images are in the file."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jaxae.data import Dataset

_HALVINGS = 40


def spread(clouds: Sequence[npt.NDArray[np.floating]], most: int) -> npt.NDArray[np.intp]:
    """Choose examples that are spread over each of some clouds of the same examples.

    Each cloud is divided into square cells, and the first example in each cell is chosen. The cells
    are as small as possible, so that sparse regions are as well covered as dense ones.

    Args:
      clouds: coordinates, each of shape (n, 2).
      most: number of examples that are not exceeded, 1 or more.

    Returns:
      The rows of the chosen examples, sorted.
    """
    if len(clouds[0]) <= most:
        return np.arange(len(clouds[0]))
    low, high = 0.0, 1.0  # The cells' size as a fraction of each cloud's extent.
    found = np.zeros(1, np.intp)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        chosen = np.unique(np.concatenate([_first_in_cells(cloud, middle) for cloud in clouds]))
        if len(chosen) > most:
            low = middle
        else:
            high, found = middle, chosen
        if len(found) == most:
            break
    return found


def images_of(dataset: Dataset, rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """Read the images in some rows, sorted, of the training images followed by the test images."""
    train = rows[rows < len(dataset.train)]
    test = rows[len(train) :] - len(dataset.train)
    return np.concatenate([dataset.train.images[train], dataset.test.images[test]])


def _first_in_cells(cloud: npt.NDArray[np.floating], size: float) -> npt.NDArray[np.intp]:
    extent = float(np.ptp(cloud, axis=0).max()) or 1.0
    cells = np.floor((cloud - cloud.min(axis=0)) / (extent * size)).astype(np.int64)
    return np.unique(cells, axis=0, return_index=True)[1]
