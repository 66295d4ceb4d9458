"""The numbers of one model: their names, units and values, and why any are undefined."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxae.analysis.estimates import Estimate, UndefinedError
from jaxae.config import Likelihood

_SEPARATE, _MIXED = 0.9, 0.1

# Name: (unit, description). A name followed by /CLASS is the same number for one class.
_OF_CLOUD = {
    "train_squared_error": ("pixels²", "squared error per training image, summed over pixels"),
    "train_mse_per_pixel": ("0 to 1", "mean squared error per pixel of the training images"),
    "test_squared_error": ("pixels²", "squared error per test image, summed over pixels"),
    "test_mse_per_pixel": ("0 to 1", "mean squared error per pixel of the test images"),
    "non_normality": ("0 to 4", "Henze-Zirkler T / n of the test embeddings; 0 if normal"),
    "normality_p": ("0 to 1", "p-value of T under normality; over seeds, the largest"),
    "elongation": ("ratio", "ratio of the two largest principal deviations; class median"),
    "knn1_accuracy": ("0 to 1", "accuracy of the nearest-neighbour classifier in latent space"),
    "knn5_accuracy": ("0 to 1", "accuracy of the 5-nearest-neighbour classifier in latent space"),
    "purity": ("0 to 1", "fraction of the ten nearest neighbours in the same class; class mean"),
    "silhouette": ("−1 to 1", "mean silhouette coefficient of the test embeddings"),
    "trustworthiness": ("0 to 1", "how far neighbours in latent space are neighbours as images"),
    "train_trustworthiness": ("0 to 1", "trustworthiness of the first 10,000 training embeddings"),
    "disorder": ("0 to 1", "fraction of embeddings in cells with over 2 bits of label entropy"),
    "largest_entropy": ("bits", "largest entropy of the labels in a cell of the plane"),
    "box_coverage": ("0 to 1", "fraction of embeddings inside the lecture's box"),
    "gap_share": ("0 to 1", "gap fraction of the lecture's box: over half a tile from embeddings"),
    "central_gap_share": ("0 to 1", "gap fraction of the percentile box (1st to 99th percentile)"),
    "hull_gap_share": ("0 to 1", "gap fraction of the convex hull, tiles as in the percentile box"),
    "classifier_accuracy": ("0 to 1", "accuracy of the image classifier on test images"),
}
OF_TILES = {
    "gap_confidence": ("0 to 1", "mean confidence of the image classifier in gap tiles"),
    "occupied_confidence": ("0 to 1", "mean confidence of the image classifier in occupied tiles"),
    "confidence_drop": ("−1 to 1", "occupied_confidence minus gap_confidence"),
    "gap_entropy": ("bits", "mean entropy of the classifier's predictions for gap tiles"),
    "occupied_entropy": ("bits", "mean entropy of the classifier's predictions for occupied tiles"),
    "entropy_rise": ("bits", "gap_entropy minus occupied_entropy"),
    "gap_distance": ("pixels", "mean distance of gap tiles to nearest training images"),
    "occupied_distance": ("pixels", "mean distance of occupied tiles to nearest training images"),
    "distance_rise": ("pixels", "gap_distance minus occupied_distance"),
}
# Of the decoder's geometry; for pairs, see `pairs.fixed_pairs`.
_OF_METRIC = {
    "log_det_variance": ("nats²", "variance of log det of the pull-back metric; test embeddings"),
    "image_elongation": ("ratio", "elongation with lengths measured on images; class median"),
}
OF_PAIRS = {
    "geodesic_gain": (
        "0 to 1",
        "how much shorter geodesics are than straight lines, on images; median of test pairs",
    ),
    "straight_gap_share": ("0 to 1", "fraction of a straight line in gaps; mean of test pairs"),
    "geodesic_gap_share": ("0 to 1", "fraction of a geodesic in gaps; mean of test pairs"),
}
_OVER_SEEDS = {
    "euclidean_variation": (
        "deviation / mean",
        "coefficient of variation of latent distances over seeds; mean of test pairs",
    ),
    "geodesic_variation": (
        "deviation / mean",
        "coefficient of variation of geodesics' lengths over seeds; mean of test pairs",
    ),
}
_OF_VARIATIONAL = {
    "divergence": ("nats", "KL(q(z|x) ‖ N(0, I)) per test image"),
    "log_evidence": (
        "nats",
        "lower bound on log p(x), 100 samples; compare only under the same likelihood",
    ),
}
# The numbers of tiles again, for a grid on the percentile box.
_CENTRAL = {
    f"central_{name}": (unit, f"{words}; percentile box")
    for name, (unit, words) in OF_TILES.items()
}
NUMBERS = _OF_CLOUD | OF_TILES | _OF_METRIC | OF_PAIRS | _OVER_SEEDS | _OF_VARIATIONAL | _CENTRAL


def limits(name: str) -> tuple[float, float]:
    """Return the smallest and the largest value that a number can take."""
    base = name.partition("/")[0]
    unit = NUMBERS[base][0]
    if " to " in unit:
        low, high = unit.replace("−", "-").split(" to ")
        return float(low), float(high)
    signed = base.endswith("_rise") or base == "log_evidence"
    return -math.inf if signed else float(unit == "ratio"), math.inf


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What the number `log_evidence` is a bound under.

    Attributes:
      likelihood: how the model was trained, see `TrainConfig.likelihood`.
      images: number of test images, the first ones.
      samples: number of samples per image.
      pixels: number of pixels of an image.
      binarized: whether the pixels were drawn as black and white.
      deviation: σ of a normal p(x|z), in units of pixels from 0 to 1; over seeds, the mean.
    """

    likelihood: Likelihood
    images: int
    samples: int
    pixels: int
    binarized: bool = False
    deviation: float | None = None

    @property
    def words(self) -> str:
        """The likelihood and the protocol in one sentence."""
        if self.deviation is None:
            grey = "grey pixels, of which it is not a normalised density"
            which = "Bernoulli, " + ("pixels drawn once as 0 or 1" if self.binarized else grey)
        else:
            constant = -self.pixels / 2 * math.log(2 * math.pi * self.deviation**2)
            why = {"squared": "σ² = β/2", "normal": "estimated on training images"}
            which = (
                f"normal, σ = {self.deviation:.3g} ({why[self.likelihood]}), which contributes "
                f"{constant:.0f} nats as −pixels/2 · log(2πσ²)"
            )
        return (
            f"log_evidence: {which}; {self.samples} samples for each of the first "
            f"{self.images:,} test images"
        )


@dataclasses.dataclass(frozen=True)
class PairDistances:
    """Distances between fixed pairs of test images.

    Attributes:
      images: the indices of the two test images of each pair.
      euclidean: the distance between their embeddings, in latent units.
      straight: the length on images of the straight line between them, in pixels.
      geodesic: the length on images of the geodesic between them, in pixels.
      converged: whether the search for that geodesic converged.
    """

    images: list[list[int]]
    euclidean: list[float]
    straight: list[float]
    geodesic: list[float]
    converged: list[bool]


@dataclasses.dataclass
class Report:
    """The numbers of one model.

    Attributes:
      numbers: the numbers by name, see `NUMBERS`.
      neighbour_confusion: the matrix from `analysis.neighbour_confusion`, one row per class.
      class_names: names of the classes.
      undefined: names of the numbers that are undefined, each with the reason.
      evidence: what `log_evidence` is a bound under; None if there is none.
      pairs: distances between fixed pairs of test images; None if they are undefined, and for a
        summary of several seeds.
    """

    numbers: dict[str, Estimate] = dataclasses.field(default_factory=dict)
    neighbour_confusion: list[list[float]] = dataclasses.field(default_factory=list)
    class_names: tuple[str, ...] = ()
    undefined: dict[str, str] = dataclasses.field(default_factory=dict)
    evidence: Evidence | None = None
    pairs: PairDistances | None = None

    def add(
        self,
        name: str,
        compute: Callable[..., Estimate | float],
        *args: Any,
        otherwise: str = "",
    ) -> None:
        """Compute a number and add it, or the reason why it is undefined.

        Args:
          name: a key of `NUMBERS`, or one followed by /CLASS.
          compute: function to call; its result is clipped to the limits of the number.
          *args: arguments of the function.
          otherwise: the reason to give if the function raises `UndefinedError`; by default the
            message of the error.
        """
        try:
            found = compute(*args)
        except UndefinedError as error:
            self.undefined[name] = otherwise or str(error)
            return
        value, *interval = found if isinstance(found, Estimate) else Estimate(found)
        if not np.isfinite(value):
            self.undefined[name] = "it is not finite"
            return
        # Student's t interval of a mean of proportions may extend beyond 0 or 1.
        low, high = limits(name)
        within = (None if end is None else min(max(end, low), high) for end in interval)
        self.numbers[name] = Estimate(value, *within)

    @property
    def separate(self) -> list[str]:
        """Classes with a purity of 0.9 or more."""
        purity = np.diag(self.neighbour_confusion)
        return [name for i, name in enumerate(self.class_names) if purity[i] >= _SEPARATE]

    @property
    def mixed(self) -> list[tuple[str, str, float]]:
        """Pairs of classes with a neighbour confusion of 0.1 or more, in descending order.

        The third entry is the fraction of the nearest neighbours of one class that are of the
        other, averaged over both directions.
        """
        confusion = np.asarray(self.neighbour_confusion)
        names = self.class_names
        mean = (confusion + confusion.T) / 2
        pairs = [
            (names[i], names[j], float(mean[i, j]))
            for i, j in zip(*np.triu_indices(len(names), 1), strict=True)
            if mean[i, j] >= _MIXED
        ]
        return sorted(pairs, key=lambda pair: -pair[2])

    def as_json(self) -> dict[str, Any]:
        """Return the report as dictionaries and lists, as in report.json."""
        numbers = {name: estimate._asdict() for name, estimate in self.numbers.items()}
        return {
            "numbers": numbers,
            "neighbour_confusion": self.neighbour_confusion,
            "mixing": self.neighbour_confusion,  # Its name until 0.1.
            "separate": self.separate,
            "mixed": self.mixed,
            "class_names": list(self.class_names),
            "undefined": self.undefined,
            "evidence": self.evidence and dataclasses.asdict(self.evidence),
            "pairs": self.pairs and dataclasses.asdict(self.pairs),
        }
