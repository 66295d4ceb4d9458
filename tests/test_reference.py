"""The reference rows of a report, against NumPy and scikit-learn in float64."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from sklearn import manifold
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from jaxae import Dataset, Split, analysis
from jaxae.analysis import reference
from jaxae.analysis.image_distance import image_ranks, nearest_images
from jaxae.analysis.reference import references


def made(train: int, test: int, seed: int = 0) -> Dataset:
    """Noisy images of 20×20 pixels in four overlapping classes."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(100, 130, (4, 20, 20))

    def split(n: int) -> Split:
        labels = rng.integers(0, 4, n)
        images = np.clip(centres[labels] + rng.normal(0, 60, (n, 20, 20)), 0, 255)
        return Split(images.astype(np.uint8), labels)

    return Dataset("made", split(train), split(test), ("a", "b", "c", "d"))


def pixels(split: Split) -> npt.NDArray[np.float64]:
    return np.asarray(split.images).reshape(len(split), -1) / 255


# More images than are compared at a time.
DATA = made(2100, 200)
X, X_TEST = pixels(DATA.train), pixels(DATA.test)


@pytest.fixture(scope="module")
def rows() -> analysis.References:
    return references(DATA, 2)


def accuracy(z: npt.NDArray[np.float64], z_test: npt.NDArray[np.float64], k: int) -> float:
    voters = KNeighborsClassifier(k, algorithm="brute").fit(z, DATA.train.labels)
    return float(voters.score(z_test, DATA.test.labels))


def test_the_row_of_pca_is_that_of_scikit_learns_decomposition(rows: analysis.References) -> None:
    pca = PCA(2, svd_solver="full").fit(X)
    z, z_test = pca.transform(X), pca.transform(X_TEST)
    squares = (pca.inverse_transform(z_test) - X_TEST) ** 2
    found = {name: estimate.value for name, estimate in rows["pca"].items()}
    # scikit-learn gives images at the same distance different ranks, in an arbitrary order.
    trust = manifold.trustworthiness(X, z, n_neighbors=5)
    assert found.pop("train_trustworthiness") == pytest.approx(trust, abs=1e-5)
    assert found == pytest.approx(
        {
            "knn1_accuracy": accuracy(z, z_test, 1),
            "knn5_accuracy": accuracy(z, z_test, 5),
            "test_squared_error": squares.sum(axis=1).mean(),
            "test_mse_per_pixel": squares.mean(),
        },
        rel=1e-6,
    )
    assert rows["pca"].keys() == set(analysis.REFERENCE_NUMBERS) <= analysis.NUMBERS.keys()
    of_images = analysis.mean(squares.sum(axis=1))
    assert rows["pca"]["test_squared_error"] == pytest.approx(of_images, rel=1e-6)


def test_the_mean_image_has_the_error_of_the_training_images_mean(
    rows: analysis.References,
) -> None:
    squares = (X.mean(axis=0) - X_TEST) ** 2
    assert {name: estimate.value for name, estimate in rows["mean_image"].items()} == pytest.approx(
        {"test_squared_error": squares.sum(axis=1).mean(), "test_mse_per_pixel": squares.mean()}
    )


def test_pixel_space_has_the_accuracies_of_scikit_learns_brute_force(
    rows: analysis.References,
) -> None:
    truth = {f"knn{k}_accuracy": accuracy(X, X_TEST, k) for k in (1, 5)}
    assert {name: estimate.value for name, estimate in rows["pixel_space"].items()} == truth
    assert 0.4 < truth["knn1_accuracy"] < truth["knn5_accuracy"] < 1, "of no use for a comparison"


def test_the_first_images_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_AT_MOST", 150)
    found = references(DATA, 2)
    z = PCA(2, svd_solver="full").fit_transform(X)[:150]
    assert found["pca"]["train_trustworthiness"].value == pytest.approx(
        manifold.trustworthiness(X[:150], z, n_neighbors=5), abs=1e-5
    )
    voters = KNeighborsClassifier(5, algorithm="brute").fit(X, DATA.train.labels)
    of_first = voters.score(X_TEST[:150], DATA.test.labels[:150])
    assert found["pixel_space"]["knn5_accuracy"].value == of_first


def test_more_components_than_pixels_or_images_reconstruct_all() -> None:
    assert references(DATA, 1000)["pca"]["test_squared_error"].value < 1e-20
    few = dataclasses.replace(DATA, test=Split(DATA.train.images[:7], DATA.train.labels[:7]))
    few = dataclasses.replace(few, train=few.test)
    assert references(few, 1000)["pca"]["test_squared_error"].value < 1e-20


@pytest.mark.parametrize(("n", "lacks"), [(1, {"knn5_accuracy"}), (10, set())])
def test_rows_lack_what_few_or_equal_images_do_not_define(n: int, lacks: set[str]) -> None:
    same = Split(np.full((n, 3, 2), 51, np.uint8), np.zeros(n, int))
    found = references(Dataset("same", same, same, ("all",)), 2)
    assert found["mean_image"]["test_squared_error"].value == pytest.approx(0, abs=1e-20)
    expected = set(analysis.REFERENCE_NUMBERS) - lacks - {"train_trustworthiness"}
    assert found["pca"].keys() == (expected if n > 1 else set())
    assert found["pixel_space"].keys() == {"knn1_accuracy", "knn5_accuracy"} - lacks


def test_colours_are_pixels_too() -> None:
    def in_colour(split: Split) -> Split:
        return Split(np.asarray(split.images).reshape(-1, 20, 5, 4)[..., :3], split.labels)

    data = dataclasses.replace(DATA, train=in_colour(DATA.train), test=in_colour(DATA.test))
    x, x_test = pixels(data.train), pixels(data.test)
    found = references(data, 2)
    error = float(np.mean((x.mean(axis=0) - x_test) ** 2))
    assert found["mean_image"]["test_mse_per_pixel"].value == pytest.approx(error)
    assert found["pixel_space"]["knn1_accuracy"].value == accuracy(x, x_test, 1)


def test_nearest_images_and_ranks_by_hand() -> None:
    """Of images with one pixel; two of them are equal, and two are at the same distance from 10."""
    images = np.array([10, 14, 6, 10, 30], np.uint8).reshape(5, 1, 1)
    assert nearest_images(images[:1], images, 4).tolist() == [[0, 3, 1, 2]]
    others = np.array([[3, 2, 1, 4], [0, 3, 2, 4], [0, 3, 1, 4], [0, 1, 2, 4], [1, 0, 3, 2]])
    ranks = [[1, 2, 2, 4], [1, 1, 3, 4], [1, 1, 3, 4], [1, 2, 2, 4], [1, 2, 2, 4]]
    assert image_ranks(images, others).tolist() == ranks


def test_distances_of_large_images_are_exact_enough() -> None:
    """White images of 40×40 pixels differ in a single step of one pixel."""
    images = np.full((4, 40, 40), 255, np.uint8)
    images[1, 0, 0], images[2, 0, :3], images[3, 0, :20] = 155, 155, 155
    near = nearest_images(images, images, 4)
    assert near[0].tolist() == [0, 1, 2, 3] and near[3].tolist() == [3, 2, 1, 0]
