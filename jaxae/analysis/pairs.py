"""Straight lines and geodesics between fixed pairs of test images."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

from jaxae.analysis.embedding import Embedding
from jaxae.analysis.estimates import Estimate, UndefinedError, mean
from jaxae.analysis.gaps import Points, distance_to_nearest, gap_radius
from jaxae.analysis.report import OF_PAIRS, PairDistances, Report
from jaxae.data import Dataset
from jaxae.geometry import Geodesic, geodesic
from jaxae.geometry.region import HULL_DIMENSIONS

_PAIRS, _POINTS = 100, 64


def fixed_pairs(dataset: Dataset) -> npt.NDArray[np.intp]:
    """Choose pairs of test images of different classes, the same for every model.

    Each image is in one pair at most, so that pairs are independent.

    Returns:
      Indices of test images, shape (pairs, 2), at most 100 pairs. If all test images are of one
      class, so are those of each pair.
    """
    labels = np.asarray(dataset.test.labels)
    # The stream of RandomState is the same in every version of NumPy.
    shuffled = np.random.RandomState(0).permutation(len(labels))
    pairs = shuffled[: len(labels) // 2 * 2].reshape(-1, 2)
    if len(np.unique(labels)) > 1:
        pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]
    return pairs[:_PAIRS]


def add_pairs(report: Report, embedding: Embedding) -> None:
    """Measure the lines and the geodesics between the fixed pairs.

    Geodesics stay in the convex hull of all embeddings, for up to five latent dimensions.

    Args:
      report: gains `pairs` and the numbers of `OF_PAIRS`, or why they are undefined.
      embedding: the model's embedding of the data set.
    """
    try:
        pairs = fixed_pairs(embedding.dataset)
        if len(pairs) == 0:
            raise UndefinedError("too few test images for a pair")
        cloud = _hull(embedding.z)
    except UndefinedError as error:
        report.undefined |= dict.fromkeys(OF_PAIRS, str(error))
        return
    a, b = np.moveaxis(embedding.z_test[pairs], 1, 0)
    found = geodesic(embedding.model.decoder, a, b, within=cloud, n=_POINTS)
    report.pairs = PairDistances(
        images=pairs.tolist(),
        euclidean=np.linalg.norm(b - a, axis=1).tolist(),
        straight=found.straight_length.tolist(),
        geodesic=found.length.tolist(),
        converged=found.converged.tolist(),
    )

    def gap_share(curves: Points) -> Estimate:
        return mean(gap_shares(curves, embedding.z, gap_radius(embedding.percentile_box)))

    report.add("geodesic_gain", _median_gain, found)
    report.add("straight_gap_share", gap_share, np.linspace(a, b, _POINTS, axis=1))
    report.add("geodesic_gap_share", gap_share, found.points)


def gap_shares(curves: Points, z: Points, radius: float) -> npt.NDArray[np.float64]:
    """Return the fraction of each curve's length with no embedding within a radius.

    Args:
      curves: points along each curve, shape (curves, n, latent_dim), n ≥ 2. Lengths are those in
        latent space, so that the fraction does not depend on where the points are.
      z: embeddings of shape (m, latent_dim), m ≥ 1.
      radius: distance in latent units, above 0.

    Returns:
      A fraction from 0 to 1 for each curve that has a length.
    """
    lengths = np.linalg.norm(np.diff(curves, axis=1), axis=2)
    middles = (curves[:, 1:] + curves[:, :-1]) / 2
    distances = distance_to_nearest(middles.reshape(-1, z.shape[1]), z).reshape(lengths.shape)
    total = lengths.sum(axis=1)
    shares = np.sum(lengths * (distances > radius), axis=1)[total > 0] / total[total > 0]
    return np.asarray(shares, np.float64)


def variation(distances: Sequence[Sequence[float]]) -> float:
    """Return the coefficient of variation of distances over seeds, averaged over pairs.

    For each pair, it is the standard deviation over seeds divided by the mean (Syrota,
    Moreno-Muñoz and Hauberg 2024, "Decoder ensembling for learned latent geometries").

    Args:
      distances: distances ≥ 0 of the same pairs for each seed, shape (seeds, pairs), seeds ≥ 2.

    Raises:
      UndefinedError: all distances are 0.

    Example:
      >>> round(jaxae.analysis.variation([[1, 10], [3, 30]]), 3)  # √2 / 2 for both pairs
      0.707
    """
    of_seeds = np.asarray(distances, np.float64)
    average = of_seeds.mean(axis=0)
    apart = average > 0
    if not apart.any():
        raise UndefinedError("all pairs have equal embeddings")
    return float(np.mean(of_seeds.std(axis=0, ddof=1)[apart] / average[apart]))


def _median_gain(found: Geodesic) -> float:
    apart = found.straight_length > 0
    if not apart.any():
        raise UndefinedError("all pairs decode to equal images")
    return float(np.median(found.gain[apart]))


def _hull(z: Points) -> Points | None:
    """Return points with the same convex hull, or None if there are too many dimensions."""
    latent_dim = z.shape[1]
    if latent_dim > HULL_DIMENSIONS:
        return None
    if latent_dim == 1:
        return z
    try:
        return z[ConvexHull(z).vertices]
    except QhullError:
        raise UndefinedError("the embeddings' convex hull has no volume") from None
