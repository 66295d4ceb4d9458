"""The lecture's claims, each tested on a report's numbers by a stated rule."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxae.analysis.report import Report

_SEPARATE_BELOW = 0.05


class Claim(NamedTuple):
    """A claim of the lecture about a model, and whether it holds.

    Attributes:
      sentence: what the lecture says.
      rule: the condition under which the claim holds.
      holds: whether it holds; None where a number that the rule needs is undefined.
      found: the numbers that the rule was applied to, or why they are undefined.
      over_seeds: whether the rule needs the interval of a number over several seeds.
    """

    sentence: str
    rule: str
    holds: bool | None
    found: str
    over_seeds: bool = False


def evaluate_claims(report: Report) -> list[Claim]:
    """Evaluate every claim on the report of a run, or of several seeds from `summarize`."""
    max_entropy = float(np.log2(max(2, len(report.class_names))))
    return [
        _evaluate(
            report,
            "The cloud is nothing like a normal distribution.",
            "normality_p < 0.001",
            ("normality_p", "non_normality"),
            lambda p, _: p.value < 0.001,
        ),
        _evaluate(
            report,
            "The digits lie in long strips.",
            "elongation ≥ 2",
            ("elongation",),
            lambda ratio: ratio.value >= 2,
        ),
        _evaluate(
            report,
            "The digits lie in long strips, as measured on images.",
            "image_elongation ≥ 2",
            ("image_elongation",),
            lambda ratio: ratio.value >= 2,
        ),
        _one_and_seven(report),
        _evaluate(
            report,
            "In one region the digits are in disorder.",
            "largest_entropy ≥ ¾ log₂(classes) bits",
            ("largest_entropy",),
            lambda entropy: entropy.value >= 0.75 * max_entropy,
        ),
        _evaluate(
            report,
            "There are wide gaps between them.",
            "gap_share ≥ 0.1",
            ("gap_share",),
            lambda fraction: fraction.value >= 0.1,
        ),
        _evaluate(
            report,
            "There are wide gaps between them, also along geodesics.",
            "geodesic_gap_share ≥ 0.1",
            ("geodesic_gap_share",),
            lambda fraction: fraction.value >= 0.1,
        ),
        _over_seeds(report, "Gaps decode to images that are like no digit.", "distance_rise"),
        _over_seeds(report, "A classifier is less sure of what gaps decode to.", "confidence_drop"),
        _evaluate(
            report,
            "The box x from −5 to 10, y from −10 to 5 holds the cloud.",
            "box_coverage ≥ 0.9",
            ("box_coverage",),
            lambda fraction: fraction.value >= 0.9,
        ),
    ]


def _evaluate(
    report: Report, sentence: str, rule: str, names: tuple[str, ...], holds: Callable[..., bool]
) -> Claim:
    missing = [name for name in names if name not in report.numbers]
    if missing:
        reasons = [report.undefined.get(name, "not measured") for name in missing]
        return Claim(sentence, rule, None, "; ".join(dict.fromkeys(reasons)))
    numbers = [report.numbers[name] for name in names]
    found = ", ".join(f"{name} {number}" for name, number in zip(names, numbers, strict=True))
    return Claim(sentence, rule, bool(holds(*numbers)), found)


def _over_seeds(report: Report, sentence: str, name: str) -> Claim:
    rule = f"95 % interval of {name} over seeds above 0"
    claim = _evaluate(report, sentence, rule, (name,), lambda rise: (rise.low or 0) > 0)
    if name in report.numbers and report.numbers[name].low is None:
        claim = claim._replace(holds=None, found=f"{claim.found}; needs several seeds")
    return claim._replace(over_seeds=True)


def _one_and_seven(report: Report) -> Claim:
    sentence = "1 and 7 separate well."
    percent = f"{100 * _SEPARATE_BELOW:.0f} %"
    rule = f"below {percent} of the ten nearest neighbours of a 1 are 7s, and vice versa"
    if not {"1", "7"} <= set(report.class_names):
        return Claim(sentence, rule, None, "there are no classes named 1 and 7")
    one, seven = report.class_names.index("1"), report.class_names.index("7")
    confused = report.neighbour_confusion[one][seven], report.neighbour_confusion[seven][one]
    holds = max(confused) < _SEPARATE_BELOW
    return Claim(sentence, rule, holds, "{:.1%} and {:.1%}".format(*confused))
