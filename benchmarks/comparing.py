"""`python -m benchmarks compare`: of two files, or of the work tree with a commit."""

import math
import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks.measuring.interleave import interleave
from benchmarks.measuring.results import Results
from benchmarks.stats import (
    Change,
    changes,
    differing_machine,
    differing_versions,
    least_rounds,
    paired_ratio,
    shared,
    unpaired_ratio,
)

TASKS, FRAMEWORKS = ("train", "encode", "decode"), ("flax",)
# With 3 rows, one round may disagree with the others. With 9 rounds all would have to agree, and
# one slow process could hide a slowdown.
_ROUNDS = 11


def compare_files(old: Results, new: Results, factor: float, other_machine: bool) -> int:
    """Print how two results differ.

    Args:
      old: the results to compare with.
      new: the results in question.
      factor: the slowdown that is tolerated.
      other_machine: whether to compare results of different machines.

    Returns:
      The exit status: 1 if a row is slower, 2 if no row has enough rounds to tell.

    Raises:
      ValueError: the factor is out of range, the machines differ or are not identified, or no row
        is in both results.
    """
    _require_factor(factor)
    differing = differing_machine(old, new)
    if differing and not other_machine:
        raise ValueError(
            f"not known to be the same machine ({'; '.join(differing)}); pass --other-machine to "
            "compare them"
        )
    if not shared(old, new):
        raise ValueError(f"{old.path} and {new.path} have no row in common")
    status = _print(changes(old, new, factor, unpaired_ratio))
    if versions := differing_versions(old, new):
        print(f"besides their code, OLD and NEW differ in {'; '.join(versions)}")
    print(
        "OLD and NEW were measured at different times, so that a difference may be the machine's; "
        "compare --ref COMMIT measures both versions in turn"
    )
    return status


def enough_rounds(rows: int) -> int:
    """The default number of rounds of `compare_with_commit`, given the number of rows."""
    return max(_ROUNDS, least_rounds(rows))


def compare_with_commit(
    commit: str,
    frameworks: Sequence[str],
    tasks: Sequence[str],
    rounds: int,
    threads: int,
    factor: float,
) -> int:
    """Measure a commit and the work tree in turn, and print how they differ.

    Returns:
      The exit status: 1 if a row is slower or could not be measured, 2 if no row has enough rounds
      to tell.

    Raises:
      ValueError: as `compare_files` and `interleave`.
    """
    _require_factor(factor)
    console = Console(highlight=False, soft_wrap=True)
    old, new, failed = interleave(commit, frameworks, tasks, rounds, threads, console)
    for line in failed:
        print(f"benchmarks: not measured: {line}", file=sys.stderr)
    if not shared(old, new):
        print("nothing was measured in both versions")
        return 2
    print(f"new is this work tree, old is {commit}")
    return _print(changes(old, new, factor, paired_ratio)) or int(bool(failed))


def _require_factor(factor: float) -> None:
    if not 1 <= factor < math.inf:
        raise ValueError(f"factor is {factor}; expected a number from 1 up")


def _print(found: list[Change]) -> int:
    for change in found:
        print(change)
    if untold := [change for change in found if change.ratio.low is None]:
        print(f"{len(untold)} of {len(found)} rows have too few rounds to tell")
    if len(untold) == len(found):
        return 2
    return int(any(change.slower for change in found))
