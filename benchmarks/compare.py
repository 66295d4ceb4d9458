"""Hold new results against old ones: has anything become slower?"""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.results import Results
from benchmarks.stats import Ratio, unpaired_ratio

_MACHINE = ("cpu_model_name", "cpu_count", "threads", "device")


@dataclass(frozen=True)
class Change:
    """One row's change; slower where it is both significant and beyond the factor."""

    name: str
    ratio: Ratio
    slower: bool

    def __str__(self) -> str:
        """One line."""
        return f"{self.name:<36} new / old {self.ratio}{'   SLOWER' if self.slower else ''}"


def changes(old: Results, new: Results, factor: float) -> Iterator[Change]:
    """Compare every row that both have, in the new one's order.

    Args:
      old: the results to compare with.
      new: the results in question.
      factor: how many times longer is too long, above 1.
    """
    known = set(old.names())
    for task, framework in new.names():
        if (task, framework) in known:
            ratio = unpaired_ratio(new.processes(task, framework), old.processes(task, framework))
            slower = ratio.distinguishable and ratio.median > factor
            yield Change(f"{task}/{framework}", ratio, slower)


def differing_machine(old: Results, new: Results) -> list[str]:
    """What differs between the machines of two results, in words; empty for the same machine."""
    before, after = old.machine(), new.machine()
    return [
        f"{key} {before.get(key)} and {after.get(key)}"
        for key in _MACHINE
        if before.get(key) != after.get(key)
    ]
