"""Numbers to compare those of a model with: of PCA, of the mean image and of the pixels themselves.

The protocol is that of Sainburg, McInnes and Gentner (2021), "Parametric UMAP Embeddings for
Representation and Semisupervised Learning", Neural Computation 33(11): neighbours of test
embeddings are sought among training embeddings, errors are those of test images, and
trustworthiness is that of the first 10,000 training images.
"""

import functools

import numpy as np
import numpy.typing as npt
from scipy import stats

from jaxae.analysis.estimates import Estimate, UndefinedError, mean, proportion
from jaxae.analysis.image_distance import nearest_images
from jaxae.analysis.reconstruction import squared_errors
from jaxae.analysis.report import Report
from jaxae.analysis.separation import knn_accuracy, trustworthiness
from jaxae.data import Dataset

_AT_MOST = 10_000
_NEIGHBOURS = 1, 5
# For larger images, the covariance of the pixels takes too long to decompose.
_EXACT_PIXELS = 4096

# The numbers of a row, in the order in which they are shown.
REFERENCE_NUMBERS = (
    "knn1_accuracy",
    "knn5_accuracy",
    "train_trustworthiness",
    "test_squared_error",
    "test_mse_per_pixel",
)

Points = npt.NDArray[np.floating]
References = dict[str, dict[str, Estimate]]


def references(dataset: Dataset, latent_dim: int) -> References:
    """Compute the reference rows of a data set.

    Args:
      dataset: the data set; all its images are read into memory.
      latent_dim: the number of principal components, at least 1.

    Returns:
      The rows `pca`, `mean_image` and `pixel_space`. A row has those of `REFERENCE_NUMBERS` that
      are defined for it: the mean image has only errors, and pixel space only accuracies, of the
      first 10,000 test images.
    """
    return {
        "pca": _pca(dataset, latent_dim),
        "mean_image": _mean_image(dataset),
        "pixel_space": _pixel_space(dataset),
    }


def add_neighbours(report: Report, dataset: Dataset, z_train: Points, z_test: Points) -> None:
    """Add the numbers of an embedding's neighbours to a report.

    Args:
      report: gains `knn1_accuracy`, `knn5_accuracy` and `train_trustworthiness`.
      dataset: the data set.
      z_train: embeddings of its training images, shape (n, latent_dim).
      z_test: embeddings of its test images, shape (m, latent_dim).
    """
    train, test = dataset.train, dataset.test
    for k in _NEIGHBOURS:
        name = f"knn{k}_accuracy"
        report.add(name, knn_accuracy, z_train, train.labels, z_test, test.labels, k)
    first = slice(_AT_MOST)
    of_all = functools.partial(trustworthiness, at_most=_AT_MOST)
    report.add("train_trustworthiness", of_all, train.images[first], z_train[first])


def _pca(dataset: Dataset, latent_dim: int) -> dict[str, Estimate]:
    from sklearn.decomposition import PCA

    images, test = np.asarray(dataset.train.images), np.asarray(dataset.test.images)
    if len(images) < 2:  # They have no variance.
        return {}
    x = _pixels(images)
    solver = "covariance_eigh" if x.shape[1] <= _EXACT_PIXELS else "randomized"
    pca = PCA(min(latent_dim, *x.shape), copy=False, svd_solver=solver, random_state=0)
    # The share of variance that each component explains is not defined if all images are equal.
    with np.errstate(invalid="ignore"):
        z_train = pca.fit_transform(x)
    z_test = pca.transform(_pixels(test))
    row = Report()
    add_neighbours(row, dataset, z_train, z_test)
    _add_errors(row, dataset, pca.inverse_transform(z_test).reshape(test.shape))
    return row.numbers


def _mean_image(dataset: Dataset) -> dict[str, Estimate]:
    average = np.mean(np.asarray(dataset.train.images), axis=0, dtype=np.float64) / 255
    row = Report()
    _add_errors(row, dataset, np.broadcast_to(average, dataset.test.images.shape))
    return row.numbers


def _pixel_space(dataset: Dataset) -> dict[str, Estimate]:
    train, test = dataset.train, dataset.test
    known, labels = np.asarray(train.images), test.labels[:_AT_MOST]
    near = nearest_images(test.images[:_AT_MOST], known, min(max(_NEIGHBOURS), len(known)))
    row = Report()
    for k in _NEIGHBOURS:
        row.add(f"knn{k}_accuracy", _vote, train.labels[near], labels, k)
    return row.numbers


def _vote(found: npt.NDArray[np.integer], labels: npt.NDArray[np.integer], k: int) -> Estimate:
    if found.shape[1] < k:
        raise UndefinedError(f"too few training images, {found.shape[1]}, for {k} neighbours")
    # Ties are resolved in favour of the lower label, as in `knn_accuracy`.
    hits = stats.mode(found[:, :k], axis=1).mode == labels
    return proportion(int(hits.sum()), len(labels))


def _add_errors(row: Report, dataset: Dataset, x_hat: npt.NDArray[np.float64]) -> None:
    errors = squared_errors(np.asarray(dataset.test.images), x_hat)
    row.add("test_squared_error", mean, errors)
    row.add("test_mse_per_pixel", mean, errors / np.prod(dataset.image_shape))


def _pixels(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    return images.reshape(len(images), -1) / 255
