"""Every number of a report, by name, against NumPy, SciPy and scikit-learn."""

import dataclasses
import itertools

import jax
import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn import manifold, metrics
from sklearn.neighbors import KNeighborsClassifier

from jaxae import Box, Split, analysis, decode, encode, fitted_box, pca_plane
from jaxae.analysis import Classifier, Estimate
from jaxae.analysis.embedding import Embedding
from jaxae.analysis.measurements import measure
from jaxae.analysis.report import NUMBERS, Report
from jaxae.geometry import curve_length, geodesic
from jaxae.models import AutoencoderLike
from tests import made_up
from tests.made_up import NAMES

Floats = npt.NDArray[np.floating]

LECTURE = Box(-5, 10, -10, 5)
_TILES = [f"{where}_{what}" for where in ("gap", "occupied") for what in ("entropy", "distance")]
_TILES += ["gap_confidence", "occupied_confidence", "confidence_drop"]
_TILES += ["entropy_rise", "distance_rise"]
OF_TILES = [prefix + name for prefix in ("", "central_") for name in _TILES]
OF_CLASSES = [
    f"{name}/{label}"
    for name, label in itertools.product(
        (
            *("test_squared_error", "test_mse_per_pixel", "non_normality", "elongation"),
            *("image_elongation", "purity"),
        ),
        NAMES[:5],
    )
]
OF_CLASSES += [f"train_{name}/{x}" for name in ("squared_error", "mse_per_pixel") for x in NAMES]
OVER_SEEDS = {"euclidean_variation", "geodesic_variation"}
OF_ALL = sorted(NUMBERS.keys() - {"divergence", "log_evidence"} - OVER_SEEDS)


@pytest.fixture(scope="module")
def own() -> Embedding:
    return made_up.embedding()


@pytest.fixture(scope="module")
def report(own: Embedding) -> Report:
    return measure(own, made_up.classifier(HITS, 150))


@pytest.fixture(scope="module")
def expected(own: Embedding) -> dict[str, Estimate | float]:
    data, z, z_test = own.dataset, own.z_train, own.z_test
    both, labels = (
        np.concatenate([z, z_test]),
        np.concatenate([data.train.labels, data.test.labels]),
    )
    found = errors("train", own.model, data.train) | errors("test", own.model, data.test)
    found |= shape(z_test, data.test.labels)
    found |= separation(z, data.train, z_test, data.test)
    found |= disorder(both, labels)
    found |= gaps(both)
    found |= of_metric(own.model, z_test, data.test.labels)
    found |= of_pairs(own, both)
    found["classifier_accuracy"] = analysis.proportion(HITS, 150)
    for prefix, box in (("", LECTURE), ("central_", fitted_box(both))):
        found |= tiles(prefix, own.model, box, both, data.train, made_up.classifier())
    return found


# A fraction of 150 that, times 150, is below its whole number in floating point.
HITS = next(hits for hits in range(20, 150) if int(hits / 150 * 150) < hits)


@pytest.mark.parametrize("name", [*OF_ALL, *OF_CLASSES])
def test_a_number_and_its_interval_equal_the_truth(
    name: str, report: Report, expected: dict[str, Estimate | float]
) -> None:
    assert_same(report.numbers[name], expected[name], rel=5e-4)


def test_there_are_no_other_numbers_and_no_two_are_equal_by_accident(
    report: Report, expected: dict[str, Estimate | float]
) -> None:
    assert report.numbers.keys() == expected.keys() == {*OF_ALL, *OF_CLASSES}
    assert report.undefined == {}
    values = sorted(report.numbers[name].value for name in OF_ALL)
    assert (np.diff(values) > 5e-4 * np.abs(values[1:])).all()


def test_neighbour_confusion_counts_the_ten_nearest_training_points(
    own: Embedding, report: Report
) -> None:
    data = own.dataset
    truth = neighbours(own.z_train, data.train, own.z_test, data.test)
    np.testing.assert_allclose(report.neighbour_confusion, truth, atol=1e-12)
    assert report.class_names == NAMES


def test_edges_belong_to_a_box_and_disorder_begins_above_two_bits() -> None:
    """The 1st and 99th percentiles of these 101 points are the lecture's box."""
    heaps = [
        ((-5, -10), [0] * 40),
        ((10, 5), [1] * 40),
        ((0, 0), [0, 0, 1, 1, 2, 2, 3, 3]),  # Two bits.
        ((2, 1), [0, 1, 2, 3, 4]),
        ((3, -3), [2] * 7),
        ((-6, 6), [3]),
    ]
    z = np.array([place for place, own in heaps for _ in own], np.float32)
    labels = np.array([label for _, own in heaps for label in own])
    images = np.resize(np.asarray(made_up.dataset().train.images), (101, *made_up.SHAPE))
    train, test = np.arange(101) % 3 > 0, np.arange(101) % 3 == 0
    data = dataclasses.replace(
        made_up.dataset(),
        train=Split(images[train], labels[train]),
        test=Split(images[test], labels[test]),
    )
    own = Embedding(made_up.model(), data)
    vars(own).update(z_train=z[train], z_test=z[test])
    numbers = measure(own, None).numbers
    assert own.percentile_box == LECTURE
    assert numbers["box_coverage"] == analysis.proportion(100, 101)
    assert numbers["disorder"] == analysis.proportion(5, 101)
    assert numbers["largest_entropy"].value == pytest.approx(np.log2(5))


@pytest.mark.parametrize("kl_weight", [0.3, 4.0])
def test_numbers_of_a_variational_model_use_test_images_and_its_weight(
    kl_weight: float,
) -> None:
    data = made_up.dataset()
    rows = np.arange(2010) % 150  # The bound is of the first 2,000.
    test = Split(np.asarray(data.test.images)[rows], data.test.labels[rows])
    model = made_up.model("vae")
    own = Embedding(model, dataclasses.replace(data, test=test))
    numbers = measure(own, None, kl_weight=kl_weight).numbers
    images = np.asarray(test.images)
    hidden = images.reshape(2010, 12) / 255  # The hidden kernel is the identity.
    log_variance = hidden @ np.float64(model.encoder.log_variance.kernel[...])
    squares = np.float64(own.z_test) ** 2
    divergence = np.sum(squares + np.exp(log_variance) - 1 - log_variance, axis=1) / 2
    assert_same(numbers["divergence"], analysis.mean(divergence), rel=1e-4)
    bound = analysis.log_evidence_bound(model, images[:2000], samples=100, kl_weight=kl_weight)
    assert_same(numbers["log_evidence"], analysis.mean(bound), rel=1e-6)


def test_numbers_of_the_percentile_box_have_a_prefix() -> None:
    central = {name for name in NUMBERS if name.startswith("central_")}
    assert central == {f"central_{name}" for name in [*_TILES, "gap_share"]}
    for name in OF_TILES[len(_TILES) :]:
        assert NUMBERS[name][0] == NUMBERS[name.removeprefix("central_")][0]


def assert_same(found: Estimate, truth: Estimate | float, rel: float) -> None:
    """Compare value and interval; None counts as NaN."""
    whole = truth if isinstance(truth, Estimate) else Estimate(truth)
    np.testing.assert_allclose(np.array(found, float), np.array(whole, float), rtol=rel)


def errors(name: str, model: AutoencoderLike, split: Split) -> dict[str, Estimate | float]:
    x = np.asarray(split.images) / 255
    squares = (np.float64(decode(model, encode(model, split.images))) - x) ** 2
    found: dict[str, Estimate | float] = {}
    for suffix, own in {"": np.ones(len(split), bool), **classes(split.labels)}.items():
        found[f"{name}_squared_error{suffix}"] = analysis.mean(squares[own].sum(axis=(1, 2)))
        found[f"{name}_mse_per_pixel{suffix}"] = analysis.mean(squares[own].mean(axis=(1, 2)))
    return found


def shape(z_test: Floats, labels: npt.NDArray[np.integer]) -> dict[str, Estimate | float]:
    of_all = analysis.henze_zirkler(z_test)
    found: dict[str, Estimate | float] = {
        "non_normality": of_all.effect,
        "normality_p": of_all.p_value,
    }
    ratios = []
    for suffix, own in classes(labels).items():
        second, first = np.linalg.eigvalsh(np.cov(np.float64(z_test[own]).T))
        ratios.append(np.sqrt(first / second))
        found[f"elongation{suffix}"] = ratios[-1]
        found[f"non_normality{suffix}"] = analysis.henze_zirkler(z_test[own]).effect
    return found | {"elongation": float(np.median(ratios))}


def separation(z: Floats, train: Split, z_test: Floats, test: Split) -> dict[str, Estimate | float]:
    found: dict[str, Estimate | float] = {}
    for k in (1, 5):
        voters = KNeighborsClassifier(k).fit(z, train.labels)
        hits = int(np.sum(voters.predict(z_test) == test.labels))
        found[f"knn{k}_accuracy"] = analysis.proportion(hits, 150)
    own = np.diag(neighbours(z, train, z_test, test))[:5]  # No test image is of the last class.
    found |= {f"purity/{name}": purity for name, purity in zip(NAMES, own, strict=False)}
    pixels, pixels_train = (
        np.asarray(split.images).reshape(len(split), -1) / 255 for split in (test, train)
    )
    return found | {
        "train_trustworthiness": float(manifold.trustworthiness(pixels_train, z, n_neighbors=5)),
        "purity": float(own.mean()),
        "silhouette": float(metrics.silhouette_score(z_test, test.labels)),
        "trustworthiness": float(manifold.trustworthiness(pixels, z_test, n_neighbors=5)),
    }


def neighbours(z: Floats, train: Split, z_test: Floats, test: Split) -> npt.NDArray[np.float64]:
    nearest = train.labels[np.argsort(cdist(z_test, z), axis=1)[:, :10]]
    fractions = np.zeros((6, 6))
    for a, b in itertools.product(range(5), range(6)):
        fractions[a, b] = np.mean(nearest[test.labels == a] == b)
    return fractions


def disorder(both: Floats, labels: npt.NDArray[np.integer]) -> dict[str, Estimate | float]:
    """Divide the percentile box into 48×48 cells; those with five points or more count."""
    low, high = np.percentile(both, [1, 99], axis=0)
    inside = np.all((both >= low) & (both <= high), axis=1)
    cells = np.minimum((both[inside] - low) / (high - low) * 48, 47).astype(int)
    entropies, crowds = [], []
    for cell in np.unique(cells, axis=0):
        own = labels[inside][(cells == cell).all(axis=1)]
        if len(own) >= 5:
            entropies.append(float(stats.entropy(np.bincount(own), base=2)))
            crowds.append(len(own))
    mixed = sum(n for n, bits in zip(crowds, entropies, strict=True) if bits > 2)
    return {"largest_entropy": max(entropies), "disorder": analysis.proportion(mixed, 501)}


def gaps(both: Floats) -> dict[str, Estimate | float]:
    plane, box = pca_plane(both), fitted_box(both)
    spacing = np.sqrt((box.x_max - box.x_min) / 11 * (box.y_max - box.y_min) / 11)
    inside = np.all((both >= [-5, -10]) & (both <= [10, 5]), axis=1)
    return {
        "box_coverage": analysis.proportion(int(inside.sum()), 501),
        "gap_share": analysis.gap_fraction(both, plane, LECTURE, 15 / 11 / 2),
        "central_gap_share": analysis.gap_fraction(both, plane, box, spacing / 2),
        "hull_gap_share": analysis.hull_gap_fraction(both, plane, spacing / 2),
    }


def of_metric(
    model: AutoencoderLike, z: Floats, labels: npt.NDArray[np.integer]
) -> dict[str, Estimate | float]:
    """Compute the metric from a Jacobian by reverse mode."""
    j = np.asarray(jax.vmap(jax.jacrev(lambda z: model.decoder(z).reshape(-1)))(z), float)
    g = np.swapaxes(j, 1, 2) @ j
    ratios: dict[str, float] = {}
    for suffix, own in classes(labels).items():
        squares = np.linalg.eigvals(g[own].mean(axis=0) @ np.cov(np.float64(z[own]).T))
        ratios[f"image_elongation{suffix}"] = float(np.sqrt(squares.max() / squares.min()))
    return {
        **ratios,
        "image_elongation": float(np.median(list(ratios.values()))),
        "log_det_variance": float(np.linalg.slogdet(g)[1].var()),
    }


def of_pairs(own: Embedding, both: Floats) -> dict[str, Estimate | float]:
    box = fitted_box(both)
    radius = np.sqrt((box.x_max - box.x_min) * (box.y_max - box.y_min)) / 11 / 2
    a, b = np.moveaxis(own.z_test[analysis.fixed_pairs(own.dataset)], 1, 0)
    curves = geodesic(own.model.decoder, a, b, within=both)

    def share(curve: Floats) -> float:
        lengths = np.linalg.norm(curve[1:] - curve[:-1], axis=1)
        away = cdist((curve[1:] + curve[:-1]) / 2, both).min(axis=1) > radius
        return float(np.average(away, weights=lengths))

    straight = np.linspace(a, b, 64, axis=1)
    # Points of it whose images follow each other at equal distances, as those of a geodesic.
    t = np.linspace(0, 1, 4096)
    images = jax.vmap(jax.vmap(own.model.decoder))(a[:, None] + t[:, None] * (b - a)[:, None])
    steps = np.diff(np.float64(images).reshape(len(a), len(t), -1), axis=1)
    along = np.linalg.norm(steps, axis=2).cumsum(axis=1)
    even = [np.interp(np.linspace(0, s[-1], 64), np.append(0, s), t)[:, None] for s in along]
    lengths = curve_length(own.model.decoder, a[:, None] + even * (b - a)[:, None])
    ratios = np.asarray(curves.length / lengths)
    return {
        "geodesic_gain": 1 - float(np.median(ratios)),
        "straight_gap_share": analysis.mean([share(curve) for curve in straight]),
        "geodesic_gap_share": analysis.mean([share(curve) for curve in curves.points]),
    }


def tiles(
    prefix: str,
    model: AutoencoderLike,
    box: Box,
    both: Floats,
    train: Split,
    classifier: Classifier,
) -> dict[str, Estimate | float]:
    xs, ys = np.linspace(box.x_min, box.x_max, 12), np.linspace(box.y_min, box.y_max, 12)
    points = np.array([(x, y) for y in ys for x in xs])
    radius = np.sqrt((xs[1] - xs[0]) * (ys[1] - ys[0])) / 2
    gap = cdist(points, both).min(axis=1) > radius
    images = decode(model, points)
    p = made_up.probabilities(classifier, images)
    confidence, entropy = p.max(axis=1), stats.entropy(p, base=2, axis=1)
    known = np.asarray(train.images).reshape(len(train), -1) / 255
    distance = cdist(images.reshape(144, -1), known).min(axis=1)
    found: dict[str, Estimate | float] = {
        "confidence_drop": confidence[~gap].mean() - confidence[gap].mean(),
        "entropy_rise": entropy[gap].mean() - entropy[~gap].mean(),
        "distance_rise": distance[gap].mean() - distance[~gap].mean(),
    }
    for what, values in (("confidence", confidence), ("entropy", entropy), ("distance", distance)):
        found[f"gap_{what}"] = float(values[gap].mean())
        found[f"occupied_{what}"] = float(values[~gap].mean())
    return {f"{prefix}{name}": value for name, value in found.items()}


def classes(labels: npt.NDArray[np.integer]) -> dict[str, npt.NDArray[np.bool_]]:
    """Map the suffix of each class's numbers to a mask of its images."""
    return {f"/{NAMES[label]}": labels == label for label in np.unique(labels)}
