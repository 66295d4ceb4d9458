"""Compare new results with old ones: has anything become slower?

Among many rows some look slower by chance. The permutation test of Westfall and Young (1993) covers
all rows at once and limits the chance of any false alarm to 5 %. It permutes which rounds are old
and which are new, for all rows alike, and counts how often any row looks as much slower. A rank
test of each row, corrected for their number, cannot reach significance for more than 46 rows of six
rounds.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.measuring.results import Results, Row
from benchmarks.stats.ratios import CONFIDENCE, Ratio, unpaired_ratio

_RESAMPLES = 9_999

Rounds = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Change:
    """One row's change.

    Attributes:
      name: task/framework.
      ratio: new / old.
      p_value: of being no slower, adjusted for all rows; None with too few rounds to tell.
      slower: whether it is slower both significantly and by more than the factor.
    """

    name: str
    ratio: Ratio
    p_value: float | None
    slower: bool

    def __str__(self) -> str:
        """One line."""
        verdict = "   SLOWER" if self.slower else ""
        p_value = "too few rounds" if self.p_value is None else f"p = {self.p_value:.3f}"
        return f"{self.name:<36} new / old {self.ratio.interval}   {p_value}{verdict}"


def changes(old: Results, new: Results, factor: float) -> list[Change]:
    """Compare the rows of both results, in the order of the new ones, without the limits.

    Args:
      old: the results to compare with.
      new: the results in question.
      factor: the largest ratio new / old that is tolerated, 1 or more.
    """
    rows = shared(old, new)
    # Rounds are permuted alike in all rows of a family, so these must have run in the same rounds.
    families: defaultdict[Rounds, list[Row]] = defaultdict(list)
    for row in rows:
        new_rounds, old_rounds = (tuple(p.round for p in r.processes(*row)) for r in (new, old))
        families[new_rounds, old_rounds].append(row)
    alpha = 1 - CONFIDENCE
    able = {rounds: members for rounds, members in families.items() if _least(rounds) <= alpha}
    p_values: dict[Row, float] = {}
    for rounds, members in able.items():
        if _least(rounds) <= alpha / len(able):
            seconds = (
                [[p.seconds for p in r.processes(*row)] for row in members] for r in (new, old)
            )
            adjusted = slower_p_values(*(np.log(group) for group in seconds))
            # The families share the 5 % (Bonferroni).
            p_values |= dict(zip(members, np.minimum(1, adjusted * len(able)), strict=True))
    found = []
    for row in rows:
        ratio = unpaired_ratio(new.processes(*row), old.processes(*row))
        p_value = p_values.get(row)
        slower = p_value is not None and p_value < alpha and ratio.median > factor
        found.append(Change("/".join(row), ratio, p_value, slower))
    return found


def shared(old: Results, new: Results) -> list[Row]:
    """The rows of both results, in the order of the new ones, without the limits."""
    known = set(old.names())
    return [row for row in new.names() if row in known and not row[1].startswith("limit")]


def slower_p_values(
    new: npt.NDArray[np.float64], old: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """For each row, the probability that by chance any row looks as much slower.

    Args:
      new: log seconds, of shape (rows, rounds).
      old: log seconds, of shape (rows, rounds), for the same rows.

    Returns:
      p-values of shape (rows,), adjusted for the number of rows.
    """

    def largest(x: Any, y: Any, axis: int) -> Any:
        return _t(x, y).max(axis=-1)

    # SciPy takes every permutation if there are few enough, otherwise a sample.
    null = stats.permutation_test(
        (new, old),
        largest,
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=500,
        alternative="greater",
        axis=-1,
        random_state=np.random.default_rng(0),
    ).null_distribution
    as_large = null[:, None] >= _t(new, old)[None] * (1 - 1e-9)
    adjusted: npt.NDArray[np.float64] = (1 + as_large.sum(axis=0)) / (1 + len(null))
    return adjusted


def differing_machine(old: Results, new: Results) -> list[str]:
    """How the machines differ on which the rows of both results were measured.

    That a machine is not identified counts as a difference.
    """
    rows = shared(old, new)
    known = [results.machines(rows) for results in (old, new)]
    unknown = [
        f"the machine of {results.path} is not identified"
        for results, machines in zip((old, new), known, strict=True)
        if None in machines.values()
    ]
    pairs = itertools.product(*(filter(None, machines.values()) for machines in known))
    differing = [
        f"{key} {before} and {after}"
        for was, now in pairs
        for key, before, after in was.differences(now)
    ]
    return [*dict.fromkeys(unknown + differing), *_differing(old, new, ("threads", "device"))]


def differing_versions(old: Results, new: Results) -> list[str]:
    """How versions and environment differ with which the rows of both results were measured."""
    keys = sorted(old.keys() | new.keys())
    return _differing(old, new, [key for key in keys if key.startswith(("version_", "env_"))])


def _differing(old: Results, new: Results, keys: Iterable[str]) -> list[str]:
    rows = shared(old, new)
    values = ((key, old.distinct(key, rows), new.distinct(key, rows)) for key in keys)
    return [
        f"{key} {', '.join(map(str, before))} and {', '.join(map(str, after))}"
        for key, before, after in values
        if set(before) != set(after)
    ]


def _t(x: Any, y: Any) -> Any:
    # Student's t up to a constant factor; 0 for rows that do not vary.
    scatter = np.var(x, axis=-1) * x.shape[-1] + np.var(y, axis=-1) * y.shape[-1]
    return (x.mean(axis=-1) - y.mean(axis=-1)) / np.sqrt(scatter + 1e-12)


def _least(rounds: Rounds) -> float:
    # The smallest p-value that this many rounds can give.
    new, old = (len(numbers) for numbers in rounds)
    return 2 / (1 + min(_RESAMPLES, math.comb(new + old, new)))
