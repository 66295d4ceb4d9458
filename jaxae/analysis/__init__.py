"""The lecture's observations as numbers, of any embedding: functions over plain arrays.

estimates        a number with its 95 % interval
reconstruction   how well images come back
shape            is the cloud normal, are its classes strips
separation       do classes separate in latent space, which mix, where
gaps             how much of the plane no embedding is near
classifier       a small network that says which class an image is of
nonsense         do gaps decode to images that are none of any class
evidence         a bound on log p(x), of variational models
"""

from jaxae.analysis.classifier import Classifier, fit_classifier
from jaxae.analysis.estimates import Estimate, UndefinedError, difference, mean, share
from jaxae.analysis.evidence import divergences, log_evidence_bound
from jaxae.analysis.gaps import distance_to_nearest, gap_radius, gap_share, hull_gap_share
from jaxae.analysis.nonsense import nearest_image_distance
from jaxae.analysis.reconstruction import squared_errors
from jaxae.analysis.separation import (
    class_neighbours,
    entropy_map,
    knn_accuracy,
    silhouette,
    trustworthiness,
)
from jaxae.analysis.shape import Normality, elongation, henze_zirkler

__all__ = [
    "Classifier",
    "Estimate",
    "Normality",
    "UndefinedError",
    "class_neighbours",
    "difference",
    "distance_to_nearest",
    "divergences",
    "elongation",
    "entropy_map",
    "fit_classifier",
    "gap_radius",
    "gap_share",
    "henze_zirkler",
    "hull_gap_share",
    "knn_accuracy",
    "log_evidence_bound",
    "mean",
    "nearest_image_distance",
    "share",
    "silhouette",
    "squared_errors",
    "trustworthiness",
]
