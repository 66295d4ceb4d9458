"""What the tables amount to: who is first, and how much of a ratio the products explain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Results
from benchmarks.reporting.rows import BASELINE, Row, baseline_of, products_of
from benchmarks.stats import Ratio, paired_ratio

Tables = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Split:
    """A framework's time / the baseline's, split into the matrix products and the rest.

    Attributes:
      framework: one that computes with another library than the baseline.
      ratio: its time / the baseline's.
      library: what it computes with.
      products: the products' time in its library / their time in the baseline's; None if either
        was not measured.
    """

    framework: str
    ratio: Ratio
    library: str
    products: Ratio | None

    @property
    def rest(self) -> float | None:
        """The factor that the products do not explain."""
        return self.ratio.median / self.products.median if self.products else None


@dataclass(frozen=True)
class Standing:
    """Who is first at a task.

    Attributes:
      leaders: the framework with the lowest median, then those that are not significantly slower.
      ahead: rows that take significantly less time than the baseline, fastest first.
      enough: whether the rounds suffice to compare the baseline with the first, or with any other
        if it is the first itself.
    """

    leaders: Sequence[str]
    ahead: Sequence[Row]
    enough: bool


def same_code(name: str = BASELINE) -> list[str]:
    """The contestants that run a contestant's code under another name."""
    entry = CONTESTANTS[name]
    return [
        other
        for other, found in CONTESTANTS.items()
        if other != name and (found.module, found.cls) == (entry.module, entry.cls)
    ]


def splits(results: Results, task: str, rows: Sequence[Row]) -> list[Split]:
    """The fastest framework of each library but the baseline's, fastest first."""
    own = CONTESTANTS[baseline_of(results, task)].library
    products = products_of(results, task)
    found: dict[str, Split] = {}
    for row in rows:
        library = CONTESTANTS[row.framework].library
        if row.ratio is None or library in (own, *found):
            continue
        alone = paired_ratio(products.get(library, []), products.get(own, []))
        found[library] = Split(row.framework, row.ratio, library, alone)
    return list(found.values())


def standing(rows: Sequence[Row]) -> Standing | None:
    """Who is first in a task's rows, without the baseline's code under other names or recipes.

    None if the baseline has no row, or nothing to be compared with.
    """
    comparisons = sum(row.ratio is not None for row in rows)
    left_out = {name for name, entry in CONTESTANTS.items() if entry.one_cycle_of} | {*same_code()}
    rows = [row for row in rows if row.framework not in left_out and not row.conditions]
    if len(rows) < 2 or not any(row.framework == BASELINE for row in rows):
        return None
    first, *others = rows
    against = {
        row.framework: paired_ratio(row.processes, first.processes, comparisons) for row in others
    }
    intervals = [name for name, ratio in against.items() if ratio and ratio.low is not None]
    alike = [name for name in intervals if (of := against[name]) and not of.significant]
    return Standing(
        leaders=[first.framework, *alike],
        ahead=[row for row in rows if row.ratio and row.ratio.verdict == "faster"],
        enough=bool(intervals) if first.framework == BASELINE else BASELINE in intervals,
    )


def noise(tables: Tables) -> dict[str, Ratio]:
    """At each task, the ratio of the baseline's code under a second name to the baseline."""
    return {
        task: row.ratio
        for task, rows in tables.items()
        for row in rows
        if row.framework in same_code() and row.ratio is not None
    }
