"""A model's numbers: what each is called, its unit, its value, and why it may be missing."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxae.analysis.estimates import Estimate, UndefinedError

_SEPARATE, _MIXED = 0.9, 0.1

# Name: (unit, what it is). A name followed by /CLASS is the same of one class.
_OF_CLOUD = {
    "train_squared_error": ("pixels²", "squared error a training image, summed over its pixels"),
    "train_mse_per_pixel": ("0 to 1", "the same a pixel"),
    "test_squared_error": ("pixels²", "squared error a test image, summed over its pixels"),
    "test_mse_per_pixel": ("0 to 1", "the same a pixel"),
    "non_normality": ("0 to 4", "Henze and Zirkler's T / n of the test embeddings; 0 is normal"),
    "normality_p": (
        "0 to 1",
        "probability of so large a T if they were normal; largest of seeds",
    ),
    "elongation": ("ratio", "largest over second principal deviation; median of the classes"),
    "knn1_accuracy": ("0 to 1", "nearest training embedding names the test image's class"),
    "knn5_accuracy": ("0 to 1", "five nearest training embeddings vote for its class"),
    "purity": ("0 to 1", "own class among the ten nearest training embeddings; mean"),
    "silhouette": ("−1 to 1", "how much nearer the own class is than the next"),
    "trustworthiness": ("0 to 1", "how far latent neighbours are neighbours as images"),
    "disorder": ("0 to 1", "embeddings in cells whose labels have over 2 bits of entropy"),
    "largest_entropy": ("bits", "of the labels in a cell of the plane"),
    "box_coverage": ("0 to 1", "embeddings inside the lecture's box"),
    "gap_share": ("0 to 1", "of the box, with no embedding within half a tile's spacing"),
    "central_gap_share": ("0 to 1", "the same of the cloud's own 1st to 99th percentile"),
    "hull_gap_share": ("0 to 1", "the same of the cloud's convex hull, spacing of its own box"),
    "classifier_accuracy": ("0 to 1", "of the classifier below, on test images"),
}
OF_TILES = {
    "gap_confidence": ("0 to 1", "its confidence in tiles of the box that lie in gaps"),
    "occupied_confidence": ("0 to 1", "the same in tiles among embeddings"),
    "confidence_drop": ("−1 to 1", "occupied minus gap"),
    "gap_entropy": ("bits", "entropy of its answer in gap tiles"),
    "occupied_entropy": ("bits", "the same in tiles among embeddings"),
    "entropy_rise": ("bits", "gap minus occupied"),
    "gap_distance": ("pixels", "from a gap tile to the nearest training image"),
    "occupied_distance": ("pixels", "the same of tiles among embeddings"),
    "distance_rise": ("pixels", "gap minus occupied"),
}
_OF_VARIATIONAL = {
    "divergence": ("nats", "KL(q(z|x) ‖ N(0, I)) a test image"),
    "log_evidence": (
        "nats",
        "bound on log p(x), 100 samples each, the first 2,000 test images",
    ),
}
# The tiles' numbers once more, of a grid on the cloud's own 1st to 99th percentile.
_CENTRAL = {
    f"central_{name}": (unit, f"{words}; cloud's own box")
    for name, (unit, words) in OF_TILES.items()
}
NUMBERS = _OF_CLOUD | OF_TILES | _OF_VARIATIONAL | _CENTRAL


def limits(name: str) -> tuple[float, float]:
    """The least and the greatest value that a number can have."""
    base = name.partition("/")[0]
    unit = NUMBERS[base][0]
    if " to " in unit:
        low, high = unit.replace("−", "-").split(" to ")
        return float(low), float(high)
    signed = base.endswith("_rise") or base == "log_evidence"
    return -math.inf if signed else float(unit == "ratio"), math.inf


@dataclasses.dataclass
class Report:
    """The numbers of one model.

    Attributes:
      numbers: by name, see `NUMBERS`.
      mixing: `analysis.class_neighbours`, a row for each class.
      class_names: of the rows.
      undefined: names of numbers that do not exist here, with the reason.
    """

    numbers: dict[str, Estimate] = dataclasses.field(default_factory=dict)
    mixing: list[list[float]] = dataclasses.field(default_factory=list)
    class_names: tuple[str, ...] = ()
    undefined: dict[str, str] = dataclasses.field(default_factory=dict)

    def add(
        self,
        name: str,
        compute: Callable[..., Estimate | float],
        *args: Any,
        otherwise: str = "",
    ) -> None:
        """Compute a number.

        Args:
          name: a key of `NUMBERS`, or one followed by /CLASS.
          compute: called with the arguments; what it gives is cut to the number's limits.
          *args: the arguments.
          otherwise: why the number is missing where `compute` raises `UndefinedError`; by default
            what that says.
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
        # Student's t interval of a mean of shares may pass 0 or 1, which no share does.
        low, high = limits(name)
        within = (None if end is None else min(max(end, low), high) for end in interval)
        self.numbers[name] = Estimate(value, *within)

    @property
    def separate(self) -> list[str]:
        """Classes whose nearest neighbours are, to nine in ten or more, of their own class."""
        return [name for i, name in enumerate(self.class_names) if self.mixing[i][i] >= _SEPARATE]

    @property
    def mixed(self) -> list[tuple[str, str, float]]:
        """Pairs of classes that mix, the most first.

        Each with the mean of the shares that one has of the other's nearest neighbours, 0.1 to 0.5.
        """
        shares = np.asarray(self.mixing)
        names = self.class_names
        mean = (shares + shares.T) / 2
        pairs = [
            (names[i], names[j], float(mean[i, j]))
            for i, j in zip(*np.triu_indices(len(names), 1), strict=True)
            if mean[i, j] >= _MIXED
        ]
        return sorted(pairs, key=lambda pair: -pair[2])

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists, for report.json."""
        numbers = {name: estimate._asdict() for name, estimate in self.numbers.items()}
        return {
            "numbers": numbers,
            "mixing": self.mixing,
            "separate": self.separate,
            "mixed": self.mixed,
            "class_names": list(self.class_names),
            "undefined": self.undefined,
        }
