"""The lecture's observations as numbers, for any embedding: functions of plain arrays.

estimates        Estimate, a number with its 95 % interval: mean, proportion, difference
reconstruction   squared_errors: how well images are reconstructed
shape            henze_zirkler, elongation: is the cloud normal, are its classes strips
separation       knn_accuracy, neighbour_confusion, silhouette, trustworthiness
entropy          entropy_map: where in the plane classes mix
gaps             gap_fraction, hull_gap_fraction: how much of the plane is far from any embedding
classifier       fit_classifier: a small network that classifies images
nonsense         nearest_image_distance: do gaps decode to images unlike any real one
evidence         divergences, log_evidence_bound: variational models
embedding        Embedding, a model's view of a data set
measurements     measure: all of the above, for one embedding
report           Report, the numbers of one model; NUMBERS, their names and units
claims           evaluate_claims: the lecture's sentences, evaluated on a report
summary          summarize, verdicts: reports and claims of several seeds
"""

from jaxae.analysis.claims import Claim, evaluate_claims
from jaxae.analysis.classifier import Classifier, fit_classifier
from jaxae.analysis.embedding import Embedding, Tiles
from jaxae.analysis.entropy import entropy_map
from jaxae.analysis.estimates import Estimate, UndefinedError, difference, mean, proportion
from jaxae.analysis.evidence import divergences, log_evidence_bound
from jaxae.analysis.gaps import distance_to_nearest, gap_fraction, gap_radius, hull_gap_fraction
from jaxae.analysis.measurements import classifier_of, measure
from jaxae.analysis.nonsense import nearest_image_distance
from jaxae.analysis.reconstruction import squared_errors
from jaxae.analysis.report import NUMBERS, Report
from jaxae.analysis.separation import (
    knn_accuracy,
    neighbour_confusion,
    silhouette,
    trustworthiness,
)
from jaxae.analysis.shape import Normality, elongation, henze_zirkler
from jaxae.analysis.summary import Verdict, summarize, verdicts

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
    "classifier_of",
    "difference",
    "distance_to_nearest",
    "divergences",
    "elongation",
    "entropy_map",
    "evaluate_claims",
    "fit_classifier",
    "gap_fraction",
    "gap_radius",
    "henze_zirkler",
    "hull_gap_fraction",
    "knn_accuracy",
    "log_evidence_bound",
    "mean",
    "measure",
    "nearest_image_distance",
    "neighbour_confusion",
    "proportion",
    "silhouette",
    "squared_errors",
    "summarize",
    "trustworthiness",
    "verdicts",
]
