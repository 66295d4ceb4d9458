"""Hold new results against old ones: has anything become slower?

Of many rows some look slower by chance. A permutation test over all of them at once, Westfall and
Young's, keeps the chance of one false alarm or more to 5 %: it mixes up which rounds are the old
ones and which the new, for all rows alike, and asks how often any row would look so much slower. A
rank test of each row, corrected for their number, could never tell more than 46 rows of six rounds.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.measuring.results import Results
from benchmarks.stats.ratios import CONFIDENCE, Ratio, unpaired_ratio

_MACHINE = ("cpu_model_name", "cpu_count", "threads", "device")
_RESAMPLES = 9_999

Row = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """One row's change.

    Attributes:
      name: task/framework.
      ratio: new / old.
      p_value: of its being no slower, adjusted for all rows; None with too few rounds to tell.
      slower: whether it is slower both significantly and beyond the factor.
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
    """Compare every row that both have, in the new one's order; limits are no rows of anyone's.

    Args:
      old: the results to compare with.
      new: the results in question.
      factor: how many times longer is too long, 1 or more.
    """
    rows = shared(old, new)
    # Rounds are mixed up alike in all rows, so only those that ran in the same ones go together.
    families: defaultdict[tuple[tuple[int, ...], ...], list[Row]] = defaultdict(list)
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
            # Several families share the 5 %.
            p_values |= dict(zip(members, np.minimum(1, adjusted * len(able)), strict=True))
    found = []
    for row in rows:
        ratio = unpaired_ratio(new.processes(*row), old.processes(*row))
        p_value = p_values.get(row)
        slower = p_value is not None and p_value < alpha and ratio.median > factor
        found.append(Change("/".join(row), ratio, p_value, slower))
    return found


def shared(old: Results, new: Results) -> list[Row]:
    """The rows that both have, in the new one's order, limits left out."""
    known = set(old.names())
    return [row for row in new.names() if row in known and not row[1].startswith("limit")]


def slower_p_values(
    new: npt.NDArray[np.float64], old: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """For each row, how likely chance alone would make any row look as much slower.

    Args:
      new: log seconds, of shape (rows, rounds).
      old: log seconds, of shape (rows, rounds), of as many rows.

    Returns:
      p-values of shape (rows,), adjusted for the number of rows.
    """

    def largest(x: Any, y: Any, axis: int) -> Any:
        return _t(x, y).max(axis=-1)

    # Every arrangement where there are few enough, a sample otherwise.
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
    """What differs between the machines of the rows that two results share, in words."""
    rows = shared(old, new)
    before, after = ({key: r.distinct(key, rows) for key in _MACHINE} for r in (old, new))
    return [
        f"{key} {_words(before[key])} and {_words(after[key])}"
        for key in _MACHINE
        if set(before[key]) != set(after[key])
    ]


def _t(x: Any, y: Any) -> Any:
    # Student's t but for a constant; rows that never vary differ by nothing.
    scatter = np.var(x, axis=-1) * x.shape[-1] + np.var(y, axis=-1) * y.shape[-1]
    return (x.mean(axis=-1) - y.mean(axis=-1)) / np.sqrt(scatter + 1e-12)


def _least(rounds: tuple[tuple[int, ...], ...]) -> float:
    # The smallest p-value that so many rounds can give.
    new, old = (len(numbers) for numbers in rounds)
    return 2 / (1 + min(_RESAMPLES, math.comb(new + old, new)))


def _words(values: list[Any]) -> str:
    return ", ".join(map(str, values))
