"""The lecture's claims as numbers: functions of plain arrays, for any embedding.

estimates        Estimate, a number with its 95 % interval: mean, proportion
reconstruction   squared_errors: how well images are reconstructed
shape            henze_zirkler, elongation: is the cloud normal, are its classes strips
separation       knn_accuracy, neighbour_confusion, silhouette, trustworthiness
entropy          entropy_map: where in the plane classes mix
gaps             gap_fraction, hull_gap_fraction: how much of the plane is far from any embedding
classifier       fit_classifier: a small network that classifies images
image_distance   nearest_image_distance, nearest_images, image_ranks: distances over all pixels
magnification    log_det_variance, image_elongation: numbers of the pull-back metric
pairs            fixed_pairs, gap_shares, variation: lines and geodesics between test images
evidence         divergences, log_evidence_bound: variational models, under any likelihood
embedding        Embedding, a data set as embedded by a model
reference        references: the same numbers of PCA, the mean image and the pixels
measurements     measure: all of the above, for one embedding
report           Report, the numbers of one model; NUMBERS, their names and units
claims           evaluate_claims: which of the lecture's claims hold for a report
summary          summarize, verdicts: reports and claims of several seeds
"""

from jaxae.analysis.claims import Claim as Claim
from jaxae.analysis.claims import evaluate_claims as evaluate_claims
from jaxae.analysis.classifier import Classifier as Classifier
from jaxae.analysis.classifier import fit_classifier as fit_classifier
from jaxae.analysis.embedding import Embedding as Embedding
from jaxae.analysis.embedding import Tiles as Tiles
from jaxae.analysis.entropy import entropy_map as entropy_map
from jaxae.analysis.estimates import Estimate as Estimate
from jaxae.analysis.estimates import UndefinedError as UndefinedError
from jaxae.analysis.estimates import mean as mean
from jaxae.analysis.estimates import proportion as proportion
from jaxae.analysis.evidence import binarized as binarized
from jaxae.analysis.evidence import decoder_variance as decoder_variance
from jaxae.analysis.evidence import divergences as divergences
from jaxae.analysis.evidence import log_evidence_bound as log_evidence_bound
from jaxae.analysis.gaps import distance_to_nearest as distance_to_nearest
from jaxae.analysis.gaps import gap_fraction as gap_fraction
from jaxae.analysis.gaps import gap_radius as gap_radius
from jaxae.analysis.gaps import hull_gap_fraction as hull_gap_fraction
from jaxae.analysis.image_distance import nearest_image_distance as nearest_image_distance
from jaxae.analysis.magnification import image_elongation as image_elongation
from jaxae.analysis.magnification import log_det_variance as log_det_variance
from jaxae.analysis.measurements import classifier_of as classifier_of
from jaxae.analysis.measurements import measure as measure
from jaxae.analysis.pairs import fixed_pairs as fixed_pairs
from jaxae.analysis.pairs import gap_shares as gap_shares
from jaxae.analysis.pairs import variation as variation
from jaxae.analysis.reconstruction import squared_errors as squared_errors
from jaxae.analysis.reference import REFERENCE_NUMBERS as REFERENCE_NUMBERS
from jaxae.analysis.reference import References as References
from jaxae.analysis.reference import references as references
from jaxae.analysis.report import NUMBERS as NUMBERS
from jaxae.analysis.report import Evidence as Evidence
from jaxae.analysis.report import PairDistances as PairDistances
from jaxae.analysis.report import Report as Report
from jaxae.analysis.separation import knn_accuracy as knn_accuracy
from jaxae.analysis.separation import neighbour_confusion as neighbour_confusion
from jaxae.analysis.separation import silhouette as silhouette
from jaxae.analysis.separation import trustworthiness as trustworthiness
from jaxae.analysis.shape import Normality as Normality
from jaxae.analysis.shape import elongation as elongation
from jaxae.analysis.shape import henze_zirkler as henze_zirkler
from jaxae.analysis.summary import Verdict as Verdict
from jaxae.analysis.summary import summarize as summarize
from jaxae.analysis.summary import verdicts as verdicts
