"""The reports and claims of several seeds, summarised."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxae.analysis.claims import Claim
from jaxae.analysis.estimates import mean
from jaxae.analysis.pairs import variation
from jaxae.analysis.report import Report


class Verdict(NamedTuple):
    """A claim over several seeds.

    Attributes:
      sentence: what the lecture says.
      rule: the condition under which the claim holds.
      holds: number of seeds in which it holds; 0 or 1 if `over_seeds`.
      judged: number of seeds in which the numbers that the rule needs are defined; 0 or 1 if
        `over_seeds`.
      over_seeds: whether the claim is evaluated once, on an interval over seeds.
    """

    sentence: str
    rule: str
    holds: int
    judged: int
    over_seeds: bool = False

    @property
    def words(self) -> str:
        """In how many seeds the claim holds, in words."""
        if self.judged == 0:
            return "can't be evaluated"
        if self.over_seeds:
            return "holds over the seeds" if self.holds else "is not shown over the seeds"
        if self.holds in (0, self.judged):
            return f"{'holds' if self.holds else 'fails'} in every seed"
        return f"depends on the seed: holds in {self.holds} of {self.judged}"


def verdicts(claims: Sequence[Sequence[Claim]], of_all: Sequence[Claim]) -> list[Verdict]:
    """Count the seeds in which each claim holds.

    Args:
      claims: the claims of each seed.
      of_all: those of the seeds' summary, which decide the claims that are `over_seeds`.
    """
    found = []
    for total, *of_seeds in zip(of_all, *claims, strict=True):
        decisive = [total] if total.over_seeds else of_seeds
        holds = [claim.holds for claim in decisive if claim.holds is not None]
        found.append(Verdict(total.sentence, total.rule, sum(holds), len(holds), total.over_seeds))
    return found


def summarize(reports: Sequence[Report]) -> Report:
    """Average each number over seeds, with Student's t interval; take the largest p-value.

    A number that is undefined in some seeds is undefined in the summary, with the reason of the
    first of them. If all seeds have `pairs`, and there are two or more, the summary has the
    coefficients of variation of their distances.
    """
    first = reports[0]
    total = Report(class_names=first.class_names)
    confusions = [report.neighbour_confusion for report in reports]
    total.neighbour_confusion = np.mean(confusions, axis=0).tolist()
    names = (name for report in reports for name in (*report.numbers, *report.undefined))
    for name in dict.fromkeys(names):
        without = [report for report in reports if name not in report.numbers]
        if not without:
            values = [report.numbers[name].value for report in reports]
            total.add(name, max if name == "normality_p" else mean, values)
        else:
            reason = without[0].undefined.get(name, "not measured")
            some = f" (in {len(without)} of {len(reports)} seeds)"
            total.undefined[name] = reason + some * (len(without) < len(reports))
    pairs = [report.pairs for report in reports if report.pairs is not None]
    if len(pairs) == len(reports) > 1:
        total.add("euclidean_variation", variation, [seed.euclidean for seed in pairs])
        total.add("geodesic_variation", variation, [seed.geodesic for seed in pairs])
    found = [report.evidence for report in reports if report.evidence is not None]
    if "log_evidence" in total.numbers and found:
        deviations = [own.deviation for own in found if own.deviation is not None]
        deviation = float(np.mean(deviations)) if deviations else None
        total.evidence = dataclasses.replace(found[0], deviation=deviation)
    return total
