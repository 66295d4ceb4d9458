"""Do classes separate in latent space, which of them mix, and where.

scikit-learn is imported where it is used: it takes a second, which no other command needs to wait.
"""

import numpy as np
import numpy.typing as npt

from jaxae.analysis.estimates import Estimate, UndefinedError, share
from jaxae.latent import Box

Points = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]


def knn_accuracy(
    z_train: Points, labels_train: Labels, z_test: Points, labels_test: Labels, k: int
) -> Estimate:
    """Share of test points whose k nearest training points vote for their class, 0 to 1.

    Cover and Hart 1967; a tie goes to the class with the lower label.

    Args:
      z_train: points of shape (n, d) to vote, k ≤ n.
      labels_train: their classes, integers from 0 on, shape (n,).
      z_test: points of shape (m, d) to judge.
      labels_test: their classes, shape (m,).
      k: how many vote.

    Raises:
      UndefinedError: fewer training points than k.
    """
    votes = labels_train[_neighbours(z_train, z_test, k)]
    classes = int(max(labels_train.max(), labels_test.max())) + 1
    counts = np.zeros((len(votes), classes), np.int64)
    np.add.at(counts, (np.arange(len(votes))[:, None], votes), 1)
    hits = counts.argmax(axis=1) == labels_test
    return share(int(hits.sum()), len(hits))


def class_neighbours(
    z_train: Points,
    labels_train: Labels,
    z_test: Points,
    labels_test: Labels,
    classes: int,
    k: int = 10,
) -> npt.NDArray[np.float64]:
    """Whose neighbours a class has: a row for each class, of shares that add up to 1.

    Entry [a, b] is the share of class b among the k nearest training points of class a's test
    points. The diagonal is each class's purity; 1 there is a class apart, and 1 / classes is what
    chance gives. A class without test points has a row of zeros.

    Args:
      z_train: points of shape (n, d), k ≤ n.
      labels_train: their classes, integers from 0 to classes − 1, shape (n,).
      z_test: points of shape (m, d).
      labels_test: their classes, shape (m,).
      classes: how many there are.
      k: neighbours of each.

    Raises:
      UndefinedError: fewer training points than k.
    """
    found = labels_train[_neighbours(z_train, z_test, k)]
    counts = np.zeros((classes, classes))
    np.add.at(counts, (np.repeat(labels_test, k), found.ravel()), 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def silhouette(z: Points, labels: Labels, *, at_most: int = 5000, seed: int = 0) -> float:
    """Mean silhouette, −1 to 1 (Rousseeuw 1987): how much nearer the own class is than the next.

    Args:
      z: points of shape (n, d).
      labels: their classes, shape (n,); at least two of them.
      at_most: points to judge, drawn at random if there are more.
      seed: draws them.

    Raises:
      UndefinedError: only one class, or a class for each point.
    """
    from sklearn.metrics import silhouette_score

    rows = _some(len(z), at_most, seed)
    found = len(np.unique(labels[rows]))
    if found < 2:
        raise UndefinedError("there is only one class")
    if found == len(rows):
        raise UndefinedError("each point has a class of its own")
    return float(silhouette_score(z[rows], labels[rows]))


def trustworthiness(
    images: npt.NDArray[np.uint8], z: Points, *, k: int = 5, at_most: int = 2000, seed: int = 0
) -> float:
    """How far near points are near images too, 0 to 1 (Venna and Kaski 2001).

    1 − 2 / (n k (2 n − 3 k − 1)) Σ_i Σ_j max(0, r(i, j) − k), over the k nearest points j of each
    i in latent space, with r the rank of j among i's nearest images.

    Args:
      images: shape (n, height, width), n > 2 k.
      z: their points, shape (n, d).
      k: neighbours of each.
      at_most: examples to judge, drawn at random if there are more.
      seed: draws them.

    Raises:
      UndefinedError: too few examples for so many neighbours.
    """
    from sklearn import manifold

    rows = _some(len(z), at_most, seed)
    if len(rows) <= 2 * k:
        raise UndefinedError(f"too few examples, {len(rows)}; expected more than {2 * k}")
    flat = images[rows].reshape(len(rows), -1) / 255
    return float(manifold.trustworthiness(flat, z[rows], n_neighbors=k))


def entropy_map(
    points: Points, labels: Labels, box: Box, *, cells: int = 48, least: int = 5
) -> npt.NDArray[np.float64]:
    """Entropy of the labels in each cell of a box, in bits: 0 (one class) to log₂(classes).

    Args:
      points: coordinates in the plane, shape (n, 2).
      labels: their classes, integers from 0 on, shape (n,).
      box: the rectangle to cut into cells.
      cells: how many along each side.
      least: points that a cell needs, or its entropy is NaN.

    Returns:
      Shape (cells, cells); y grows with the row.

    Raises:
      UndefinedError: points on a line, a box without area, or no cell with enough points.
    """
    if points.shape[1] != 2:
        raise UndefinedError("one latent dimension has no map; expected two or more")
    if not (box.x_min < box.x_max and box.y_min < box.y_max):
        raise UndefinedError("the box has no area: the points are on a line, or all the same")
    edges = [
        np.linspace(low, high, cells + 1)
        for low, high in ((box.x_min, box.x_max), (box.y_min, box.y_max))
    ]
    counts = np.stack(
        [
            np.histogramdd(points[labels == label], bins=edges)[0].T
            for label in range(int(labels.max()) + 1)
        ]
    )
    total = counts.sum(axis=0)
    if total.max() < least:
        raise UndefinedError(f"no cell of the map has {least} points")
    p = counts / np.maximum(total, 1)
    entropy = -np.sum(p * np.log2(np.where(p > 0, p, 1)), axis=0)
    return np.where(total >= least, entropy, np.nan)


def _neighbours(z_train: Points, z_test: Points, k: int) -> npt.NDArray[np.intp]:
    if k < 1:
        raise ValueError(f"k is {k}; expected 1 or more")
    if k > len(z_train):
        raise UndefinedError(f"too few training points, {len(z_train)}, for {k} neighbours")
    from sklearn.neighbors import NearestNeighbors

    found: npt.NDArray[np.intp] = (
        NearestNeighbors(n_neighbors=k).fit(z_train).kneighbors(z_test, return_distance=False)
    )
    return found


def _some(n: int, at_most: int, seed: int) -> npt.NDArray[np.intp]:
    return np.sort(np.random.default_rng(seed).choice(n, min(n, at_most), replace=False))
