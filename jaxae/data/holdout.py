"""Keep some training images out of training, to choose a checkpoint on them."""

import dataclasses

import numpy as np

from jaxae.config import check_validation
from jaxae.data.dataset import Dataset, Split
from jaxae.data.rows import take_rows


def hold_out(dataset: Dataset, n: int) -> tuple[Dataset, Split | None]:
    """Keep n training images out of a data set.

    The images are the first n of a fixed permutation, so that data sets that are sorted by class
    work, and all seeds and models are compared on the same images. Those of a smaller n are among
    those of a larger n. Nothing is copied, and images on disk stay there.

    Args:
      dataset: the data set; it is not changed.
      n: number of images to hold out.

    Returns:
      The data set without these images, and the images; both in the source's order. If n is 0, the
      data set itself and None.

    Raises:
      ValueError: n is negative, or not less than the number of training images.

    Example:
      >>> rest, validation = jaxae.data.hold_out(jaxae.load_dataset("mnist"), 5000)
      >>> len(rest.train), len(validation), len(rest.test)
      (55000, 5000, 10000)
    """
    check_validation(n, len(dataset.train))
    if n == 0:
        return dataset, None
    # NumPy never changes the numbers that RandomState draws, so a run can always be resumed.
    permuted = np.random.RandomState(0).permutation(len(dataset.train))
    validation, train = (
        take_rows(dataset.train, np.sort(part)) for part in np.split(permuted, [n])
    )
    return dataclasses.replace(dataset, train=train), validation
