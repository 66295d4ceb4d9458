"""The lecture's sentences, each held against a report's numbers by a rule that is stated."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxae.analysis.report import Report

_APART = 0.05


class Claim(NamedTuple):
    """A sentence about a model, and whether it holds.

    Attributes:
      sentence: what the lecture says, or means.
      rule: when it counts as holding.
      holds: whether it does; None where a number that it needs is undefined.
      found: the numbers that decide.
    """

    sentence: str
    rule: str
    holds: bool | None
    found: str


def claims(report: Report) -> list[Claim]:
    """Judge every sentence."""
    most = float(np.log2(max(2, len(report.class_names))))
    return [
        _judge(
            report,
            "The cloud is nothing like a normal distribution.",
            "normality_p < 0.001",
            ("normality_p", "non_normality"),
            lambda p, _: p < 0.001,
        ),
        _judge(
            report,
            "The digits lie in long strips.",
            "elongation ≥ 2",
            ("elongation",),
            lambda ratio: ratio >= 2,
        ),
        _one_and_seven(report),
        _judge(
            report,
            "In one region the digits are in disorder.",
            "a cell is as mixed as ¾ of log₂(classes) bits",
            ("largest_entropy",),
            lambda bits: bits >= 0.75 * most,
        ),
        _judge(
            report,
            "There are wide gaps between them.",
            "gap_share ≥ 0.1",
            ("gap_share",),
            lambda share: share >= 0.1,
        ),
        _judge(
            report,
            "Gaps decode to images that are like no digit.",
            "distance_rise above 0, interval and all",
            ("distance_rise",),
            lambda _: (report.numbers["distance_rise"].low or 0) > 0,
        ),
        _judge(
            report,
            "A classifier is less sure of what gaps decode to.",
            "confidence_drop above 0, interval and all",
            ("confidence_drop",),
            lambda _: (report.numbers["confidence_drop"].low or 0) > 0,
        ),
        _judge(
            report,
            "The box x from −5 to 10, y from −10 to 5 holds the cloud.",
            "box_coverage ≥ 0.9",
            ("box_coverage",),
            lambda share: share >= 0.9,
        ),
    ]


def _judge(
    report: Report, sentence: str, rule: str, names: tuple[str, ...], holds: Callable[..., bool]
) -> Claim:
    missing = [name for name in names if name not in report.numbers]
    if missing:
        reasons = [report.undefined.get(name, "not measured") for name in missing]
        return Claim(sentence, rule, None, "; ".join(dict.fromkeys(reasons)))
    numbers = [report.numbers[name] for name in names]
    found = ", ".join(f"{name} {number}" for name, number in zip(names, numbers, strict=True))
    return Claim(sentence, rule, bool(holds(*(number.value for number in numbers))), found)


def _one_and_seven(report: Report) -> Claim:
    sentence = "1 and 7 separate well."
    rule = f"below {_APART:.0%} of each one's ten nearest neighbours are the other"
    if not {"1", "7"} <= set(report.class_names):
        return Claim(sentence, rule, None, "there are no such classes")
    one, seven = report.class_names.index("1"), report.class_names.index("7")
    shares = report.mixing[one][seven], report.mixing[seven][one]
    return Claim(sentence, rule, max(shares) < _APART, "{:.1%} and {:.1%}".format(*shares))
