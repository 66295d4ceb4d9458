"""Measure a model: every number of the lecture's argument, from its embedding of a data set.

A number that a data set or a latent space does not have (the silhouette of one class, a map of one
dimension) is listed in the report as undefined, with the reason.
"""

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jaxae import analysis
from jaxae.analysis import Classifier, Estimate, UndefinedError
from jaxae.analysis.embedding import Embedding
from jaxae.analysis.report import OF_TILES, Report
from jaxae.data import Dataset, Split
from jaxae.latent import LECTURE_BOX, Box, decode
from jaxae.models import VariationalAutoencoder

_NEIGHBOURS = 10
_EVIDENCE_IMAGES, _EVIDENCE_SAMPLES = 2000, 100
_DISORDER_BITS = 2.0


def classifier_of(dataset: Dataset) -> Classifier | None:
    """Train the classifier to judge decoded images by; None where there is one class."""
    return analysis.fit_classifier(dataset) if len(dataset.class_names) > 1 else None


def measure(
    embedding: Embedding, classifier: Classifier | None, *, kl_weight: float = 1.0
) -> Report:
    """Compute every number that the model and its data have.

    Args:
      embedding: of the model to judge.
      classifier: from `classifier_of` the data set.
      kl_weight: as a variational model was trained with.
    """
    report = Report(class_names=embedding.dataset.class_names)
    _reconstruction(report, embedding)
    _shape(report, embedding)
    _separation(report, embedding)
    _gaps(report, embedding)
    if classifier is None:
        names = ("classifier_accuracy", *OF_TILES, *(f"central_{name}" for name in OF_TILES))
        report.undefined |= dict.fromkeys(names, "one class; a classifier needs two or more")
    else:
        tests = len(embedding.dataset.test)
        hits = round(classifier.test_accuracy * tests)
        report.add("classifier_accuracy", analysis.share, hits, tests)
        _nonsense(report, embedding, classifier, "")
        _nonsense(report, embedding, classifier, "central_")
    if isinstance(embedding.model, VariationalAutoencoder):
        _evidence(report, embedding.model, embedding.dataset, kl_weight)
    return report


def _reconstruction(report: Report, embedding: Embedding) -> None:
    data = embedding.dataset
    pixels = np.prod(data.image_shape)
    for name, split, z in (
        ("train", data.train, embedding.z_train),
        ("test", data.test, embedding.z_test),
    ):
        errors = analysis.squared_errors(np.asarray(split.images), decode(embedding.model, z))
        report.add(f"{name}_squared_error", analysis.mean, errors)
        report.add(f"{name}_mse_per_pixel", analysis.mean, errors / pixels)
        for label, own in _classes(data, split):
            report.add(f"{name}_squared_error/{label}", analysis.mean, errors[own])
            report.add(f"{name}_mse_per_pixel/{label}", analysis.mean, errors[own] / pixels)


def _shape(report: Report, embedding: Embedding) -> None:
    z = embedding.z_test
    normality = functools.cache(lambda: analysis.henze_zirkler(z))
    report.add("non_normality", lambda: normality().effect)
    report.add("normality_p", lambda: normality().p_value)
    for name, own in _classes(embedding.dataset, embedding.dataset.test):
        report.add(f"non_normality/{name}", lambda z: analysis.henze_zirkler(z).effect, z[own])
        report.add(f"elongation/{name}", analysis.elongation, z[own])
    found = [number.value for name, number in report.numbers.items() if "elongation/" in name]

    def elongation() -> float:
        if not found:
            raise UndefinedError("no class has an elongation")
        return float(np.median(found))

    report.add("elongation", elongation)


def _separation(report: Report, embedding: Embedding) -> None:
    train, test = embedding.dataset.train, embedding.dataset.test
    z, z_test = embedding.z_train, embedding.z_test
    for k in (1, 5):
        name = f"knn{k}_accuracy"
        report.add(name, analysis.knn_accuracy, z, train.labels, z_test, test.labels, k)
    k, classes = min(_NEIGHBOURS, len(train)), len(report.class_names)
    mixing = analysis.class_neighbours(z, train.labels, z_test, test.labels, classes, k)
    report.mixing = mixing.tolist()
    purities = {name: mixing[i, i] for i, name in enumerate(report.class_names) if mixing[i].any()}
    report.add("purity", lambda: float(np.mean(list(purities.values()))))
    for name, purity in purities.items():
        report.add(f"purity/{name}", float, purity)
    report.add("silhouette", analysis.silhouette, z_test, test.labels)
    report.add("trustworthiness", analysis.trustworthiness, test.images, z_test)
    report.add("largest_entropy", lambda: float(np.nanmax(_entropies(embedding))))
    report.add("disorder", _disorder, embedding)


def _entropies(embedding: Embedding) -> npt.NDArray[np.float64]:
    return analysis.entropy_map(embedding.points, embedding.labels, embedding.percentile_box)


def _disorder(embedding: Embedding) -> Estimate:
    entropy, box, points = _entropies(embedding), embedding.percentile_box, embedding.points
    low, high = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]])
    inside = points[np.all((points >= low) & (points <= high), axis=1)]
    cell = np.floor((inside - low) / (high - low) * len(entropy)).astype(int)
    # The box's upper edges belong to the last cells.
    column, row = np.minimum(cell, len(entropy) - 1).T
    disordered = int(np.sum(entropy[row, column] > _DISORDER_BITS))
    return analysis.share(disordered, len(points))


def _gaps(report: Report, embedding: Embedding) -> None:
    z, plane = embedding.z, embedding.plane
    axes = len(plane.axes)
    low = np.array([LECTURE_BOX.x_min, LECTURE_BOX.y_min])[:axes]
    high = np.array([LECTURE_BOX.x_max, LECTURE_BOX.y_max])[:axes]
    inside = np.all((embedding.points >= low) & (embedding.points <= high), axis=1)
    report.add("box_coverage", analysis.share, int(inside.sum()), len(inside))

    def gap_share(box: Box) -> float:
        return analysis.gap_share(z, plane, box, analysis.gap_radius(box))

    def hull_gap_share() -> float:
        return analysis.hull_gap_share(z, plane, analysis.gap_radius(embedding.percentile_box))

    report.add("gap_share", gap_share, LECTURE_BOX)
    report.add("central_gap_share", lambda: gap_share(embedding.percentile_box))
    report.add("hull_gap_share", hull_gap_share)


def _nonsense(report: Report, embedding: Embedding, classifier: Classifier, prefix: str) -> None:
    try:
        tiles = embedding.tiles(embedding.percentile_box if prefix else LECTURE_BOX)
    except UndefinedError as error:
        report.undefined |= {f"{prefix}{name}": str(error) for name in OF_TILES}
        return
    gap = tiles.in_gap
    few, tile = min((gap.sum(), "gap"), ((~gap).sum(), "tile near an embedding"))
    reason = f"{'only one' if few else 'no'} {tile} in the box"
    add = functools.partial(report.add, otherwise=reason)
    _, confidence, entropy = classifier.predict(tiles.images)
    train_images = np.asarray(embedding.dataset.train.images)
    distance = analysis.nearest_image_distance(tiles.images, train_images)
    for what, values in (("confidence", confidence), ("entropy", entropy), ("distance", distance)):
        add(f"{prefix}gap_{what}", analysis.mean, values[gap])
        add(f"{prefix}occupied_{what}", analysis.mean, values[~gap])
    difference = analysis.difference
    add(f"{prefix}confidence_drop", difference, confidence[~gap], confidence[gap])
    add(f"{prefix}entropy_rise", difference, entropy[gap], entropy[~gap])
    add(f"{prefix}distance_rise", difference, distance[gap], distance[~gap])


def _evidence(
    report: Report, model: VariationalAutoencoder, dataset: Dataset, kl_weight: float
) -> None:
    images = np.asarray(dataset.test.images)
    report.add("divergence", lambda: analysis.mean(analysis.divergences(model, images)))

    def bound() -> Estimate:
        some, samples = images[:_EVIDENCE_IMAGES], _EVIDENCE_SAMPLES
        return analysis.mean(
            analysis.log_evidence_bound(model, some, samples=samples, kl_weight=kl_weight)
        )

    report.add("log_evidence", bound)


def _classes(dataset: Dataset, split: Split) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    # Each class that a split's images have, and which of them.
    for label in np.unique(split.labels):
        yield dataset.class_names[label], split.labels == label
