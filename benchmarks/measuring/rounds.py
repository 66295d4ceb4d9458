"""The loop over rounds of jobs, each of which is measured in a fresh process."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.measuring import provenance
from benchmarks.measuring.machine import steal_seconds, warn_if_busy
from benchmarks.measuring.results import Results
from benchmarks.measuring.spawn import WorkerError

Outcomes = dict[str, dict[str, Any]]


class Job(NamedTuple):
    """One process.

    Attributes:
      round: counted from 0.
      group: the group of its tasks.
      tasks: what it measures, one after the other.
      framework: what it measures them with; in a sweep, the value of the setting.
    """

    round: int
    group: str
    tasks: tuple[str, ...]
    framework: str

    @property
    def title(self) -> str:
        """What it measures, in a few words."""
        return f"{self.group} {self.framework}"


def prepare(results: Results, threads: int, console: Console, mixed: bool) -> dict[str, str]:
    """Check, before hours of work, that the results can be added to and written.

    Returns:
      What to store with each measurement, see `warn_if_busy`.

    Raises:
      ValueError: the results belong to other conditions, and `mixed` is False.
      OSError: the results cannot be written.
    """
    if not mixed:
        provenance.require_same_conditions(results, threads)
    results.save()
    return warn_if_busy(threads, console)


def remaining(results: Results, jobs: Sequence[Job], console: Console) -> list[Job]:
    """The jobs, and of each the tasks, that the results lack."""
    lacking = []
    for job in jobs:
        tasks = tuple(t for t in job.tasks if not results.has(t, job.framework, job.round))
        if tasks:
            lacking.append(job._replace(tasks=tasks))
    if done := len(jobs) - len(lacking):
        console.print(f"{done} of {len(jobs)} processes are in {results.path} already")
    return lacking


def measure_jobs(
    results: Results,
    jobs: Sequence[Job],
    measure: Callable[[Job], Outcomes],
    common: dict[str, Any],
    console: Console,
    hang_ends_all: bool = False,
) -> list[str]:
    """Measure the jobs in order, and store each outcome at once.

    A job that failed is skipped in later rounds.

    Args:
      results: where outcomes and failures are stored.
      jobs: in order of their rounds.
      measure: runs a job; returns the outcome of each of its tasks.
      common: what to store with each outcome.
      console: shows a progress bar on a terminal, one line per job elsewhere.
      hang_ends_all: whether a framework that hung is skipped in all groups.

    Returns:
      What failed and why, one line each.
    """
    failed: list[str] = []
    skipped: set[tuple[str, str]] = set()
    started = time.monotonic()
    with _progress(console) as progress:
        bar = progress.add_task("", total=len(jobs))
        for number, job in enumerate(jobs):
            progress.update(bar, completed=number, description=f"round {job.round + 1} {job.title}")
            if (job.framework, job.group) in skipped:
                continue
            if not console.is_terminal:
                console.print(_line(jobs, number, time.monotonic() - started))
            steal = steal_seconds()
            try:
                outcomes = measure(job)
            except WorkerError as error:
                what = {"task": job.group, "tasks": list(job.tasks), "round": job.round}
                results.note_failure(error, framework=job.framework, **what)
                ends_all = error.hung and hang_ends_all
                groups = {other.group for other in jobs} if ends_all else {job.group}
                skipped |= {(job.framework, group) for group in groups}
                later = "all its other tasks" if ends_all else "it in later rounds"
                failed.append(f"{job.group}/{job.framework}: {error}; skipping {later}")
                console.print(failed[-1])
                continue
            steal = steal_seconds() - steal
            stolen = {} if math.isnan(steal) else {"steal_seconds": round(steal, 2)}
            for task, outcome in outcomes.items():
                known = {"round": job.round} | common | stolen | provenance.provenance()
                results.add(task, job.framework, outcome | known)
            results.save()
        progress.update(bar, completed=len(jobs))
    return failed


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        # By default, the speed is estimated over 30 seconds, in which few jobs end.
        speed_estimate_period=3600,
    )


def _line(jobs: Sequence[Job], number: int, elapsed: float) -> str:
    job, total = jobs[number], len(jobs)
    line = f"{number + 1} of {total}: round {job.round + 1} of {jobs[-1].round + 1}, {job.title}"
    if number == 0:
        return line
    return f"{line}, {elapsed / number * (total - number) / 60:.0f} min left"
