"""Compute every number of the lecture's argument for one model.

The report lists the numbers that are undefined for a data set or a latent space, such as the
silhouette of a single class, with the reason.
"""

import functools
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jaxae.analysis.classifier import Classifier, fit_classifier
from jaxae.analysis.embedding import Embedding
from jaxae.analysis.entropy import count_in_cells, entropy_map
from jaxae.analysis.estimates import Estimate, UndefinedError, mean, proportion
from jaxae.analysis.evidence import (
    binarized,
    decoder_variance,
    divergences,
    log_evidence_bound,
)
from jaxae.analysis.gaps import gap_fraction, gap_radius, hull_gap_fraction
from jaxae.analysis.image_distance import nearest_image_distance
from jaxae.analysis.magnification import image_elongation, log_det_variance
from jaxae.analysis.pairs import add_pairs
from jaxae.analysis.reconstruction import squared_errors
from jaxae.analysis.reference import add_neighbours
from jaxae.analysis.report import OF_TILES, Evidence, Report
from jaxae.analysis.separation import neighbour_confusion, silhouette, trustworthiness
from jaxae.analysis.shape import elongation, henze_zirkler
from jaxae.config import Likelihood
from jaxae.data import Dataset, Split
from jaxae.geometry import metric
from jaxae.latent import LECTURE_BOX, Box, decode
from jaxae.models import AutoencoderLike, is_variational

_NEIGHBOURS = 10
_EVIDENCE_IMAGES, _EVIDENCE_SAMPLES = 2000, 100
_DISORDER_BITS = 2.0


def classifier_of(dataset: Dataset) -> Classifier | None:
    """Train the classifier that `measure` needs; None for a data set of one class."""
    return fit_classifier(dataset) if len(dataset.class_names) > 1 else None


def measure(
    embedding: Embedding,
    classifier: Classifier | None,
    *,
    kl_weight: float = 1.0,
    likelihood: Likelihood = "squared",
    binarize: bool = False,
) -> Report:
    """Compute every number that is defined for a model and its data.

    Args:
      embedding: the model's embedding of the data set.
      classifier: the classifier from `classifier_of` for the same data set.
      kl_weight: the weight of the divergence that a variational model was trained with.
      likelihood: the likelihood that it was trained with.
      binarize: whether its divergence and its bound on log p(x) are those of images whose pixels
        are drawn as black and white, once; all other numbers are those of the grey images.
    """
    report = Report(class_names=embedding.dataset.class_names)
    _reconstruction(report, embedding)
    _shape(report, embedding)
    _separation(report, embedding)
    _gaps(report, embedding)
    _metric(report, embedding)
    add_pairs(report, embedding)
    if classifier is None:
        names = ("classifier_accuracy", *OF_TILES, *(f"central_{name}" for name in OF_TILES))
        report.undefined |= dict.fromkeys(names, "one class; a classifier needs two or more")
    else:
        n = len(embedding.dataset.test)
        report.add("classifier_accuracy", proportion, round(classifier.test_accuracy * n), n)
        _nonsense(report, embedding, classifier, "")
        _nonsense(report, embedding, classifier, "central_")
    if is_variational(embedding.model):
        _evidence(report, embedding.model, embedding.dataset, kl_weight, likelihood, binarize)
    return report


def _reconstruction(report: Report, embedding: Embedding) -> None:
    data = embedding.dataset
    pixels = np.prod(data.image_shape)
    for name, split, z in (
        ("train", data.train, embedding.z_train),
        ("test", data.test, embedding.z_test),
    ):
        errors = squared_errors(np.asarray(split.images), decode(embedding.model, z))
        of_all = "", np.ones(len(split), bool)
        of_classes = ((f"/{label}", rows) for label, rows in _classes(data, split))
        for suffix, rows in (of_all, *of_classes):
            report.add(f"{name}_squared_error{suffix}", mean, errors[rows])
            report.add(f"{name}_mse_per_pixel{suffix}", mean, errors[rows] / pixels)


def _shape(report: Report, embedding: Embedding) -> None:
    z = embedding.z_test
    normality = functools.cache(lambda: henze_zirkler(z))
    report.add("non_normality", lambda: normality().effect)
    report.add("normality_p", lambda: normality().p_value)
    for name, own in _classes(embedding.dataset, embedding.dataset.test):
        report.add(f"non_normality/{name}", lambda z: henze_zirkler(z).effect, z[own])
        report.add(f"elongation/{name}", elongation, z[own])
    report.add("elongation", _median_of_classes, report, "elongation")


def _metric(report: Report, embedding: Embedding) -> None:
    z, metrics = embedding.z_test, np.asarray(metric(embedding.model.decoder, embedding.z_test))
    report.add("log_det_variance", log_det_variance, metrics)
    for name, own in _classes(embedding.dataset, embedding.dataset.test):
        report.add(f"image_elongation/{name}", image_elongation, z[own], metrics[own])
    report.add("image_elongation", _median_of_classes, report, "image_elongation")


def _median_of_classes(report: Report, of: str) -> float:
    elongations = [n.value for name, n in report.numbers.items() if name.startswith(f"{of}/")]
    if not elongations:
        raise UndefinedError("no class has an elongation")
    return float(np.median(elongations))


def _separation(report: Report, embedding: Embedding) -> None:
    train, test = embedding.dataset.train, embedding.dataset.test
    z, z_test = embedding.z_train, embedding.z_test
    add_neighbours(report, embedding.dataset, z, z_test)
    k, classes = min(_NEIGHBOURS, len(train)), len(report.class_names)
    confusion = neighbour_confusion(z, train.labels, z_test, test.labels, classes, k)
    report.neighbour_confusion = confusion.tolist()
    labels = np.unique(test.labels)
    report.add("purity", lambda: float(np.mean(confusion[labels, labels])))
    for label in labels:
        report.add(f"purity/{report.class_names[label]}", float, confusion[label, label])
    report.add("silhouette", silhouette, z_test, test.labels)
    report.add("trustworthiness", trustworthiness, test.images, z_test)
    report.add("largest_entropy", lambda: float(np.nanmax(_entropies(embedding))))
    report.add("disorder", _disorder, embedding)


def _entropies(embedding: Embedding) -> npt.NDArray[np.float64]:
    return entropy_map(embedding.points, embedding.labels, embedding.percentile_box)


def _disorder(embedding: Embedding) -> Estimate:
    entropy, points = _entropies(embedding), embedding.points
    counts = count_in_cells(points, embedding.percentile_box, len(entropy))
    return proportion(int(counts[entropy > _DISORDER_BITS].sum()), len(points))


def _gaps(report: Report, embedding: Embedding) -> None:
    z, plane = embedding.z, embedding.plane
    low, high = np.reshape(LECTURE_BOX, (2, 2)).T[:, : len(plane.axes)]
    inside = np.all((embedding.points >= low) & (embedding.points <= high), axis=1)
    report.add("box_coverage", proportion, int(inside.sum()), len(inside))

    def in_box(box: Box) -> float:
        return gap_fraction(z, plane, box, gap_radius(box))

    def in_hull() -> float:
        return hull_gap_fraction(z, plane, gap_radius(embedding.percentile_box))

    report.add("gap_share", in_box, LECTURE_BOX)
    report.add("central_gap_share", lambda: in_box(embedding.percentile_box))
    report.add("hull_gap_share", in_hull)


def _nonsense(report: Report, embedding: Embedding, classifier: Classifier, prefix: str) -> None:
    try:
        tiles = embedding.tiles(embedding.percentile_box if prefix else LECTURE_BOX)
    except UndefinedError as error:
        report.undefined |= {f"{prefix}{name}": str(error) for name in OF_TILES}
        return
    gap = tiles.in_gap
    reason = f"no {'tile near an embedding' if gap.all() else 'gap'} in the box"
    add = functools.partial(report.add, otherwise=reason)
    _, confidence, entropy = classifier.predict(tiles.images)
    train_images = np.asarray(embedding.dataset.train.images)
    distance = nearest_image_distance(tiles.images, train_images)
    for what, values in (("confidence", confidence), ("entropy", entropy), ("distance", distance)):
        add(f"{prefix}gap_{what}", _average, values[gap])
        add(f"{prefix}occupied_{what}", _average, values[~gap])
    add(f"{prefix}confidence_drop", _rise, confidence[~gap], confidence[gap])
    add(f"{prefix}entropy_rise", _rise, entropy[gap], entropy[~gap])
    add(f"{prefix}distance_rise", _rise, distance[gap], distance[~gap])


def _average(of_tiles: npt.ArrayLike) -> float:
    # Neighbouring tiles decode to similar images, so they are not independent samples: their mean
    # has no interval.
    return mean(of_tiles).value


def _rise(of_tiles: npt.ArrayLike, of_others: npt.ArrayLike) -> float:
    return _average(of_tiles) - _average(of_others)


def _evidence(
    report: Report,
    model: AutoencoderLike,
    dataset: Dataset,
    kl_weight: float,
    likelihood: Likelihood,
    binarize: bool,
) -> None:
    images = np.asarray(dataset.test.images)
    if binarize:
        images = binarized(images)
    report.add("divergence", lambda: mean(divergences(model, images)))
    some, variance = images[:_EVIDENCE_IMAGES], None
    if likelihood == "normal":  # Not estimated from the images whose evidence it bounds.
        variance = decoder_variance(model, np.asarray(dataset.train.images))

    def bound() -> Estimate:
        return mean(
            log_evidence_bound(
                *(model, some),
                samples=_EVIDENCE_SAMPLES,
                kl_weight=kl_weight,
                likelihood=likelihood,
                variance=variance,
            )
        )

    report.add("log_evidence", bound)
    if "log_evidence" in report.numbers:
        used = kl_weight / 2 if likelihood == "squared" else variance
        deviation = None if used is None else math.sqrt(used)
        pixels = math.prod(dataset.image_shape)
        report.evidence = Evidence(
            likelihood, len(some), _EVIDENCE_SAMPLES, pixels, binarize, deviation
        )


def _classes(dataset: Dataset, split: Split) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    # The name of each class that occurs in a split, and which images are of that class.
    for label in np.unique(split.labels):
        yield dataset.class_names[label], split.labels == label
