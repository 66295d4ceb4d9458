"""The entropy of the labels over the plane: where classes mix."""

import numpy as np
import numpy.typing as npt

from jaxae.analysis.estimates import UndefinedError
from jaxae.latent import Box

LEAST_PER_CELL = 5  # points; the entropy of fewer says little


def entropy_map(
    points: npt.NDArray[np.floating],
    labels: npt.NDArray[np.integer],
    box: Box,
    *,
    cells: int = 48,
    least: int = LEAST_PER_CELL,
) -> npt.NDArray[np.float64]:
    """Compute the entropy of the labels in each cell of a box, in bits, 0 to log₂(classes).

    Args:
      points: coordinates in the plane, shape (n, 2).
      labels: their classes, integers from 0 on, shape (n,).
      box: the rectangle to divide into cells.
      cells: number of cells along each side.
      least: number of points below which the entropy of a cell is NaN.

    Returns:
      Shape (cells, cells); y grows with the row.

    Raises:
      UndefinedError: a single latent dimension, a box without area, or no cell with enough
        points.

    Example:
      >>> points, labels = np.full((8, 2), 0.25), np.array([0, 1, 2, 3] * 2)
      >>> jaxae.analysis.entropy_map(points, labels, jaxae.Box(0, 1, 0, 1), cells=2)
      array([[ 2., nan],
             [nan, nan]])
    """
    if points.shape[1] != 2:
        raise UndefinedError("one latent dimension has no map; expected two or more")
    if not (box.x_min < box.x_max and box.y_min < box.y_max):
        raise UndefinedError("the box has no area: the points are on a line, or all the same")
    classes = range(int(labels.max()) + 1)
    counts = np.stack([count_in_cells(points[labels == label], box, cells) for label in classes])
    total = counts.sum(axis=0)
    if total.max() < least:
        raise UndefinedError(f"no cell of the map has {least} points")
    entropy = entropy_bits(counts / np.maximum(total, 1), axis=0)
    return np.where(total >= least, entropy, np.nan)


def count_in_cells(
    points: npt.NDArray[np.floating], box: Box, cells: int
) -> npt.NDArray[np.float64]:
    """Count points, shape (n, 2), in each cell of a box; return shape (cells, cells), rows along y.

    The upper edges of the box belong to its last cells.
    """
    limits = [(box.x_min, box.x_max), (box.y_min, box.y_max)]
    return np.histogramdd(points, bins=cells, range=limits)[0].T


def entropy_bits(p: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
    """Compute Shannon entropy in bits, −Σ p log₂ p over an axis of probabilities.

    Exact where all probabilities are powers of two, which `scipy.stats.entropy` is not.
    """
    entropy: npt.NDArray[np.float64] = -np.sum(p * np.log2(np.where(p > 0, p, 1)), axis=axis)
    return entropy
