"""Compare new results with old ones: has anything become slower?"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.contestants import is_limit
from benchmarks.measuring.results import Process, Results, Row
from benchmarks.stats.ratios import Ratio

# `paired_ratio` or `unpaired_ratio`: of the new processes, the old ones, and the number of rows.
RatioOf = Callable[[list[Process], list[Process], int], Ratio | None]


@dataclass(frozen=True)
class Change:
    """One row's change.

    Attributes:
      name: task/framework.
      ratio: new / old.
      factor: the largest ratio that is tolerated.
    """

    name: str
    ratio: Ratio
    factor: float

    @property
    def slower(self) -> bool:
        """Whether it is slower both significantly and by more than the factor."""
        return self.ratio.verdict == "slower" and self.ratio.median > self.factor

    def __str__(self) -> str:
        """One line."""
        verdict = "SLOWER" if self.slower else self.ratio.verdict
        return f"{self.name:<36} new / old {self.ratio.interval}   {verdict}"


def changes(old: Results, new: Results, factor: float, ratio_of: RatioOf) -> list[Change]:
    """Compare the rows of both results, in the order of the new ones, without the limits.

    Args:
      old: the results to compare with.
      new: the results in question.
      factor: the largest ratio new / old that is tolerated, 1 or more.
      ratio_of: `paired_ratio` if old and new were measured in the same rounds, which leaves out
        rows that share none; else `unpaired_ratio`.
    """
    rows = shared(old, new)
    ratios = {row: ratio_of(new.processes(*row), old.processes(*row), len(rows)) for row in rows}
    return [
        Change("/".join(row), ratio, factor) for row, ratio in ratios.items() if ratio is not None
    ]


def shared(old: Results, new: Results) -> list[Row]:
    """The rows of both results, in the order of the new ones, without the limits."""
    known = set(old.names())
    return [row for row in new.names() if row in known and not is_limit(row[1])]


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
