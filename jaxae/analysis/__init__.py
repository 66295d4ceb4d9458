"""The lecture's observations as numbers, of any embedding: functions over plain arrays.

estimates        a number with its 95 % interval
reconstruction   how well images come back
shape            is the cloud normal, are its classes strips
separation       do classes separate in latent space, which mix, where
gaps             how much of the plane no embedding is near
classifier       a small network that says which class an image is of
nonsense         do gaps decode to images that are none of any class
evidence         a bound on log p(x), of variational models
embedding        a model's embedding of a data set
measurements     `measure`: all of the above, of one embedding
report           the numbers, with their names and units
claims           the lecture's sentences, evaluated on a report
summary          reports and claims of several seeds
"""

from jaxae.analysis.claims import Claim, claims
from jaxae.analysis.classifier import Classifier, fit_classifier
from jaxae.analysis.embedding import Embedding, Tiles
from jaxae.analysis.estimates import Estimate, UndefinedError, difference, mean, share
from jaxae.analysis.evidence import divergences, log_evidence_bound
from jaxae.analysis.gaps import distance_to_nearest, gap_radius, gap_share, hull_gap_share
from jaxae.analysis.measurements import classifier_of, measure
from jaxae.analysis.nonsense import nearest_image_distance
from jaxae.analysis.reconstruction import squared_errors
from jaxae.analysis.report import NUMBERS, Report
from jaxae.analysis.separation import (
    class_neighbours,
    entropy_map,
    knn_accuracy,
    silhouette,
    trustworthiness,
)
from jaxae.analysis.shape import Normality, elongation, henze_zirkler
from jaxae.analysis.summary import Verdict, summary, verdicts

__all__ = [
    "NUMBERS",
    "Claim",
    "Classifier",
    "Embedding",
    "Estimate",
    "Normality",
    "Report",
    "Tiles",
    "UndefinedError",
    "Verdict",
    "claims",
    "class_neighbours",
    "classifier_of",
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
    "measure",
    "nearest_image_distance",
    "share",
    "silhouette",
    "squared_errors",
    "summary",
    "trustworthiness",
    "verdicts",
]
