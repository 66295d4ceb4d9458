"""The loop over rounds of jobs, each of which is measured in a fresh process."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.measuring import provenance, state
from benchmarks.measuring.machine import steal_seconds, warn_if_busy
from benchmarks.measuring.results import Results
from benchmarks.measuring.spawn import WorkerError

Outcomes = dict[str, dict[str, Any]]

# How often a job is measured at most, until it finds the machine in its usual state.
_TRIES = 3


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
    show: Callable[[Sequence[str]], None] = lambda _: None,
) -> list[str]:
    """Measure the jobs in order, and store each outcome at once.

    A job that failed is skipped in later rounds. One that found the machine slow is repeated, and
    its outcome is kept as a slow one; the last of three tries counts in any case.

    Args:
      results: where outcomes and failures are stored.
      jobs: those of a group one after the other, in order of their rounds.
      measure: runs a job; returns the outcome of each of its tasks.
      common: what to store with each outcome.
      console: shows a progress bar on a terminal, one line per job elsewhere.
      hang_ends_all: whether a framework that hung is skipped in all groups.
      show: called with the names of a group's tasks, after its first round and its last.

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
            if (job.framework, job.group) not in skipped:
                if not console.is_terminal:
                    console.print(_line(jobs, number, time.monotonic() - started))
                try:
                    _measure(results, job, measure, common, console)
                except WorkerError as error:
                    what = {"task": job.group, "tasks": list(job.tasks), "round": job.round}
                    results.note_failure(error, framework=job.framework, **what)
                    ends_all = error.hung and hang_ends_all
                    groups = {other.group for other in jobs} if ends_all else {job.group}
                    skipped |= {(job.framework, group) for group in groups}
                    later = "all its other tasks" if ends_all else "it in later rounds"
                    failed.append(f"{job.group}/{job.framework}: {error}; skipping {later}")
                    console.print(failed[-1])
            members = [other for other in jobs if other.group == job.group]
            if job is members[-1] or job is _last_of_first_round(members):
                show(list(dict.fromkeys(task for member in members for task in member.tasks)))
        progress.update(bar, completed=len(jobs))
    return failed


def _measure(
    results: Results,
    job: Job,
    measure: Callable[[Job], Outcomes],
    common: dict[str, Any],
    console: Console,
) -> None:
    """Measure one job, again if the machine was slow, and store the outcomes."""
    for tries_left in reversed(range(_TRIES)):
        steal = steal_seconds()
        outcomes = measure(job)
        steal = steal_seconds() - steal
        stolen = {} if math.isnan(steal) else {"steal_seconds": round(steal, 2)}
        slowdown = state.slowdown(outcomes.values(), results.references(common.get("machine")))
        # On a busy machine most processes are slow, so that repeating them would not help.
        repeat = slowdown > state.TOLERANCE and tries_left > 0 and "busy" not in common
        known = {"round": job.round} | common | stolen | provenance.provenance()
        for task, outcome in outcomes.items():
            results.add(task, job.framework, outcome | known | ({"slow": 1} if repeat else {}))
        results.save()
        if not repeat:
            return
        console.print(f"{job.title}: the machine was {slowdown:.2f} times slower; measuring again")


def _last_of_first_round(jobs: Sequence[Job]) -> Job:
    return [job for job in jobs if job.round == jobs[0].round][-1]


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
