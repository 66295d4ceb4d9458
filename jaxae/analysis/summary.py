"""Summarise the reports and claims of several seeds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxae.analysis.claims import Claim
from jaxae.analysis.estimates import mean
from jaxae.analysis.report import Report


class Verdict(NamedTuple):
    """A claim over all seeds: in how many it holds, of those in which it can be judged."""

    sentence: str
    rule: str
    holds: int
    judged: int

    @property
    def words(self) -> str:
        """Whether it holds whatever the seed."""
        if self.judged == 0:
            return "can't be judged"
        if self.holds in (0, self.judged):
            return f"{'holds' if self.holds else 'fails'} in every seed"
        return f"depends on the seed: holds in {self.holds} of {self.judged}"


def verdicts(claims: Sequence[Sequence[Claim]]) -> list[Verdict]:
    """Count in how many seeds each claim holds; a list of claims for each seed, in one order."""
    found = []
    for of_seeds in zip(*claims, strict=True):
        judged = [claim.holds for claim in of_seeds if claim.holds is not None]
        found.append(Verdict(of_seeds[0].sentence, of_seeds[0].rule, sum(judged), len(judged)))
    return found


def summary(reports: Sequence[Report]) -> Report:
    """Mean of each number over the seeds, with Student's t interval; of p-values, the largest.

    A number that some seeds lack is undefined in the summary, with the first one's reason.
    """
    first = reports[0]
    total = Report(class_names=first.class_names)
    total.mixing = np.mean([report.mixing for report in reports], axis=0).tolist()
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
    return total
