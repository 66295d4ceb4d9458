"""Whether classes separate in latent space, and which of them mix.

scikit-learn is imported where it is used: it takes a second, and most commands don't need it.
"""

import warnings

import numpy as np
import numpy.typing as npt

from jaxae.analysis.estimates import Estimate, UndefinedError, proportion
from jaxae.analysis.image_distance import image_ranks

Points = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]


def knn_accuracy(
    z_train: Points, labels_train: Labels, z_test: Points, labels_test: Labels, k: int
) -> Estimate:
    """Compute the accuracy of a k-nearest-neighbour classifier (Cover and Hart 1967).

    It classifies points in latent space. Ties are resolved in favour of the lower label.

    Args:
      z_train: training points, shape (n, d) with n ≥ k.
      labels_train: their classes, integers from 0 on, shape (n,).
      z_test: test points, shape (m, d).
      labels_test: their classes, shape (m,).
      k: number of neighbours, at least 1.

    Returns:
      The proportion of test points classified correctly, 0 to 1.

    Raises:
      UndefinedError: fewer training points than k.
    """
    _check_enough(z_train, k)
    from sklearn.neighbors import KNeighborsClassifier

    predicted = KNeighborsClassifier(k).fit(z_train, labels_train).predict(z_test)
    return proportion(int(np.sum(predicted == labels_test)), len(labels_test))


def neighbour_confusion(
    z_train: Points,
    labels_train: Labels,
    z_test: Points,
    labels_test: Labels,
    classes: int,
    k: int = 10,
) -> npt.NDArray[np.float64]:
    """Compute the confusion matrix of test points and their nearest training points.

    Entry [a, b] is the fraction of class b among the k nearest training points of the test points
    of class a. The diagonal holds the purity of each class: 1 for a class that is separate from
    all others, 1 / classes for classes mixed at random.

    Args:
      z_train: training points, shape (n, d) with n ≥ k.
      labels_train: their classes, integers from 0 to classes − 1, shape (n,).
      z_test: test points, shape (m, d).
      labels_test: their classes, shape (m,).
      classes: number of classes.
      k: number of neighbours, at least 1.

    Returns:
      Shape (classes, classes). Rows add up to 1, except that the row of a class without test points
      is 0.

    Raises:
      UndefinedError: fewer training points than k.

    Example:
      >>> z, labels = np.array([[0.0], [1.0], [10.0]]), np.array([0, 0, 1])
      >>> jaxae.analysis.neighbour_confusion(z, labels, z, labels, classes=2, k=2)
      array([[1. , 0. ],
             [0.5, 0.5]])
    """
    _check_enough(z_train, k)
    from sklearn.metrics import confusion_matrix
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=k).fit(z_train).kneighbors(z_test, return_distance=False)
    own, found = np.repeat(labels_test, k), labels_train[nearest].ravel()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A single label", UserWarning)
        confusion = confusion_matrix(own, found, labels=np.arange(classes), normalize="true")
    return np.asarray(confusion, np.float64)


def silhouette(z: Points, labels: Labels, *, at_most: int = 5000, seed: int = 0) -> float:
    """Compute the mean silhouette coefficient, −1 to 1 (Rousseeuw 1987).

    It compares the distance of a point to its own class with that to the nearest other class.

    Args:
      z: points of shape (n, d).
      labels: their classes, shape (n,); at least two classes.
      at_most: number of points above which a random subset is used.
      seed: seed of the subset.

    Raises:
      UndefinedError: there is only one class, or one for each point.
    """
    from sklearn.metrics import silhouette_score

    rows = _subset(len(z), at_most, seed)
    found = len(np.unique(labels[rows]))
    if found < 2:
        raise UndefinedError("there is only one class")
    if found == len(rows):
        raise UndefinedError("each point is the only one of its class")
    return float(silhouette_score(z[rows], labels[rows]))


def trustworthiness(
    images: npt.NDArray[np.uint8], z: Points, *, k: int = 5, at_most: int = 2000, seed: int = 0
) -> float:
    """Compute how far latent neighbours are also neighbours as images (Venna and Kaski 2001).

    1 − 2 / (n k (2 n − 3 k − 1)) Σ_i Σ_j max(0, r(i, j) − k), over the k nearest points j of each
    i in latent space, where r is the rank of j among the nearest images of i; 0 to 1. Images at
    the same distance have the same rank, the lowest.

    Args:
      images: shape (n, height, width) or (n, height, width, 3), n > 2 k.
      z: their points, shape (n, d).
      k: number of neighbours.
      at_most: number of examples above which a random subset is used.
      seed: seed of the subset.

    Raises:
      UndefinedError: 2 k examples or fewer.
    """
    from sklearn.neighbors import NearestNeighbors

    rows = _subset(len(z), at_most, seed)
    if len(rows) <= 2 * k:
        raise UndefinedError(f"too few examples, {len(rows)}; expected more than {2 * k}")
    n = len(rows)
    near = NearestNeighbors(n_neighbors=k).fit(z[rows]).kneighbors(return_distance=False)
    excess = np.maximum(image_ranks(images[rows], near) - k, 0).sum(dtype=np.int64)
    return float(1 - 2 / (n * k * (2 * n - 3 * k - 1)) * excess)


def _check_enough(z_train: Points, k: int) -> None:
    if k > len(z_train):
        raise UndefinedError(f"too few training points, {len(z_train)}, for {k} neighbours")


def _subset(n: int, at_most: int, seed: int) -> npt.NDArray[np.intp]:
    return np.sort(np.random.default_rng(seed).choice(n, min(n, at_most), replace=False))
