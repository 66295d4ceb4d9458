"""The lecture's claims: each rule at its threshold, on both sides, and without its numbers."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from jaxae.analysis import Estimate
from jaxae.analysis.claims import Claim, evaluate_claims
from jaxae.analysis.report import Report

DIGITS = tuple("0123456789")

# Sentence, its number and threshold; whether the claim holds below, at and above the threshold.
THRESHOLDS = [
    ("The cloud is nothing like a normal distribution.", "normality_p", 0.001, (1, 0, 0)),
    ("The digits lie in long strips.", "elongation", 2.0, (0, 1, 1)),
    ("The digits lie in long strips, as measured on images.", "image_elongation", 2.0, (0, 1, 1)),
    ("In one region the digits are in disorder.", "largest_entropy", 0.75 * np.log2(10), (0, 1, 1)),
    ("There are wide gaps between them.", "gap_share", 0.1, (0, 1, 1)),
    (
        "There are wide gaps between them, also along geodesics.",
        "geodesic_gap_share",
        0.1,
        (0, 1, 1),
    ),
    ("The box x from −5 to 10, y from −10 to 5 holds the cloud.", "box_coverage", 0.9, (0, 1, 1)),
]
# Sentence, and the number whose interval the rule tests.
INTERVALS = [
    ("Gaps decode to images that are like no digit.", "distance_rise"),
    ("A classifier is less sure of what gaps decode to.", "confidence_drop"),
]
APART = "1 and 7 separate well."
SENTENCES = {sentence: number for sentence, number, *_ in THRESHOLDS} | dict(INTERVALS)


def report_of(
    numbers: Mapping[str, Estimate | float] | None = None, names: Sequence[str] = DIGITS
) -> Report:
    """Return a report for which every claim holds, except for the given numbers."""
    usual: dict[str, Estimate | float] = {
        "normality_p": 0.0,
        "non_normality": 0.125,
        "elongation": 2.5,
        "image_elongation": 2.5,
        "largest_entropy": 3.25,
        "gap_share": 0.25,
        "geodesic_gap_share": 0.25,
        "distance_rise": Estimate(3.0, 2.0, 4.0),
        "confidence_drop": Estimate(0.5, 0.25, 0.75),
        "box_coverage": 0.95,
    }
    made = {
        name: value if isinstance(value, Estimate) else Estimate(value)
        for name, value in {**usual, **(numbers or {})}.items()
    }
    return Report(made, np.eye(len(names)).tolist(), tuple(names))


def evaluated(report: Report) -> dict[str, Claim]:
    return {claim.sentence: claim for claim in evaluate_claims(report)}


def test_every_sentence_is_evaluated_once() -> None:
    sentences = [claim.sentence for claim in evaluate_claims(report_of())]
    assert sorted(sentences) == sorted([*SENTENCES, APART])
    assert all(claim.holds for claim in evaluate_claims(report_of()))


@pytest.mark.parametrize(("sentence", "number", "threshold", "holds"), THRESHOLDS)
@pytest.mark.parametrize("side", [-1, 0, 1])
def test_a_rule_depends_on_its_threshold_alone(
    sentence: str, number: str, threshold: float, holds: tuple[int, int, int], side: int
) -> None:
    value = float(np.nextafter(threshold, threshold + side))
    found = evaluated(report_of({number: value}))
    claim = found.pop(sentence)
    assert claim.holds is bool(holds[side + 1])
    said = "¾ log₂(classes)" if number == "largest_entropy" else f"{threshold:g}"
    assert claim.rule.removesuffix(" bits").endswith(f" {said}")
    assert all(claim.holds for claim in found.values())


@pytest.mark.parametrize(("sentence", "number"), INTERVALS)
@pytest.mark.parametrize(
    ("estimate", "holds"),
    [
        (Estimate(3.0, 1e-9, 7.0), True),
        (Estimate(3.0, 0.0, 6.0), False),
        (Estimate(3.0, -1e-9, 7.0), False),
        (Estimate(-3.0, -4.0, -2.0), False),
        (Estimate(3.0), None),
    ],
    ids=["above 0", "from 0", "below 0", "all below 0", "no interval"],
)
def test_a_difference_needs_an_interval_above_zero(
    sentence: str, number: str, estimate: Estimate, holds: bool | None
) -> None:
    found = evaluated(report_of({number: estimate}))
    claim = found.pop(sentence)
    assert claim.holds is holds and claim.over_seeds
    assert claim.found.endswith("needs several seeds") == (holds is None)
    assert all(claim.holds for claim in found.values())


@pytest.mark.parametrize("cell", [(1, 7), (7, 1)])
@pytest.mark.parametrize(("fraction", "holds"), [(0.0499, True), (0.05, False), (0.0501, False)])
def test_one_and_seven_separate_below_five_percent_in_both_directions(
    cell: tuple[int, int], fraction: float, holds: bool
) -> None:
    report = report_of()
    report.neighbour_confusion[cell[0]][cell[1]] = fraction
    claim = evaluated(report)[APART]
    assert claim.holds is holds and "5 %" in claim.rule
    assert claim.found == (
        f"{fraction:.1%} and 0.0%" if cell == (1, 7) else f"0.0% and {fraction:.1%}"
    )


def test_one_and_seven_are_found_by_their_names() -> None:
    report = report_of(names=["7", "a", "1"])
    report.neighbour_confusion[0][1] = report.neighbour_confusion[1][2] = 0.9
    assert evaluated(report)[APART].holds
    report.neighbour_confusion[2][0] = 0.06
    assert evaluated(report)[APART].found == "6.0% and 0.0%"
    assert not evaluated(report)[APART].holds


@pytest.mark.parametrize("names", [["1", "2"], ["7", "2"], ["a", "b"]])
def test_one_and_seven_are_not_evaluated_unless_both_are_classes(names: list[str]) -> None:
    claim = evaluated(report_of(names=names))[APART]
    assert claim.holds is None and claim.found == "there are no classes named 1 and 7"


@pytest.mark.parametrize(("classes", "bits"), [(2, 0.75), (4, 1.5), (47, 0.75 * np.log2(47))])
def test_disorder_starts_at_three_quarters_of_the_largest_entropy(
    classes: int, bits: float
) -> None:
    names = [str(label) for label in range(classes)]
    for value, holds in ((bits, True), (np.nextafter(bits, 0), False)):
        report = report_of({"largest_entropy": float(value)}, names)
        assert evaluated(report)["In one region the digits are in disorder."].holds is holds


@pytest.mark.parametrize(("sentence", "number"), SENTENCES.items())
def test_a_claim_gives_its_number_or_why_it_is_undefined(sentence: str, number: str) -> None:
    report = report_of()
    assert f"{number} {report.numbers[number]}" in evaluated(report)[sentence].found
    del report.numbers[number]
    report.undefined[number] = "the moon is full"
    found = evaluated(report)
    claim = found.pop(sentence)
    assert claim.holds is None and claim.found == "the moon is full"
    assert all(other.holds for other in found.values())
    del report.undefined[number]
    assert evaluated(report)[sentence].found == "not measured"


def test_the_same_reason_of_two_numbers_is_given_once() -> None:
    report = report_of()
    for name in ("normality_p", "non_normality"):
        del report.numbers[name]
        report.undefined[name] = "too few points"
    claim = evaluated(report)["The cloud is nothing like a normal distribution."]
    assert claim.found == "too few points"


@pytest.mark.parametrize(("purity", "separate"), [(0.9, ["1"]), (0.8999, [])])
def test_a_class_is_separate_at_a_purity_of_nine_tenths(purity: float, separate: list[str]) -> None:
    confusion = [[0.3, 0.7], [1 - purity, purity]]
    assert Report({}, confusion, ("0", "1")).separate == separate


def test_classes_mix_from_a_tenth_and_are_sorted() -> None:
    rows = [[0.9, 0.05, 0.05, 0.0], [0.15, 0.4, 0.45, 0], [0.125, 0.5, 0.375, 0], [0.2, 0, 0, 1]]
    report = Report({}, rows, ("a", "b", "c", "d"))
    assert [pair[:2] for pair in report.mixed] == [("b", "c"), ("a", "b"), ("a", "d")]
    assert [pair[2] for pair in report.mixed] == pytest.approx([0.475, 0.1, 0.1])


def test_a_report_as_json_is_complete() -> None:
    report = report_of({"gap_share": Estimate(0.25, 0.125, 0.5)}, ("a", "b"))
    report.neighbour_confusion = [[0.5, 0.5], [0.25, 0.75]]
    report.undefined = {"purity": "the moon is full"}
    found = report.as_json()
    assert found.pop("numbers")["gap_share"] == {"value": 0.25, "low": 0.125, "high": 0.5}
    assert found == {
        "neighbour_confusion": [[0.5, 0.5], [0.25, 0.75]],
        "mixing": [[0.5, 0.5], [0.25, 0.75]],
        "separate": [],
        "mixed": [("a", "b", 0.375)],
        "class_names": ["a", "b"],
        "undefined": {"purity": "the moon is full"},
        "evidence": None,
        "pairs": None,
    }
