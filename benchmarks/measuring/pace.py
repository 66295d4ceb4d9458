"""How far a run is, and the time left: a bar on a terminal, one line per job elsewhere."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Paced(Protocol):
    """What a job says of itself: its round, counted from 0, and what it is."""

    @property
    def round(self) -> int:
        """Its round."""

    @property
    def title(self) -> str:
        """What it is, in a few words."""


J = TypeVar("J", bound=Paced)


@contextmanager
def paced(jobs: Sequence[J], rounds: int, console: Console) -> Iterator[Iterator[J]]:
    """Give the jobs one after the other, in the order of their rounds, and show how far it is."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    # The time left follows from the speed of the last hour; by default from that of 30 seconds,
    # in which few jobs end.
    with Progress(
        *columns, console=console, disable=not console.is_terminal, speed_estimate_period=3600
    ) as progress:
        yield _shown(jobs, rounds, console, progress)


def _shown(jobs: Sequence[J], rounds: int, console: Console, progress: Progress) -> Iterator[J]:
    bar = progress.add_task("", total=len(jobs))
    started = time.monotonic()
    for number, job in enumerate(jobs):
        if not console.is_terminal:
            step = f"{number + 1} of {len(jobs)}: round {job.round + 1} of {rounds}, {job.title}"
            each = (time.monotonic() - started) / max(1, number)
            left = f", {each * (len(jobs) - number) / 60:.0f} min left" if number else ""
            console.print(step + left)  # Rich flushes each line.
        progress.update(bar, description=f"round {job.round + 1} {job.title}")
        yield job
        progress.advance(bar)
