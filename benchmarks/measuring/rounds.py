"""The loop over rounds of jobs, each of which is measured in a fresh process."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.measuring import provenance, state
from benchmarks.measuring.machine import steal_seconds, warn_if_busy
from benchmarks.measuring.results import Results
from benchmarks.measuring.spawn import WorkerError

Outcomes = dict[str, dict[str, Any]]

# How often a job is measured at most, to find the machine in its usual state.
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
    """The jobs, and of each the tasks, that the results lack; says how many there are already."""
    found = lacking(results, jobs)
    if done := len(jobs) - len(found):
        console.print(f"{done} of {len(jobs)} processes are in {results.path} already")
    return found


def lacking(results: Results, jobs: Sequence[Job]) -> list[Job]:
    """The jobs, and of each the tasks, that the results lack."""
    return _each(jobs, lambda task, job: not results.has(task, job.framework, job.round))


def measure_jobs(
    results: Results,
    jobs: Sequence[Job],
    measure: Callable[[Job], Outcomes],
    common: dict[str, Any],
    console: Console,
    hang_ends_all: bool = False,
    show: Callable[[Sequence[str]], None] = lambda _: None,
) -> list[str]:
    """Measure what the results lack, group by group, and store each outcome at once.

    A job that failed is skipped in later rounds. At the end of a group, jobs that found the machine
    slow are measured again; what they found is kept, but does not count. The last of three tries
    counts in any case.

    Args:
      results: where outcomes and failures are stored.
      jobs: all jobs, those of a group in order of their rounds.
      measure: runs a job; returns the outcome of each of its tasks.
      common: what to store with each outcome.
      console: shows a progress bar on a terminal, one line per job elsewhere.
      hang_ends_all: whether a framework that hung is skipped in all groups.
      show: called with the names of a group's tasks, after its first round and its last.

    Returns:
      What failed and why, one line each.
    """
    groups = tuple(dict.fromkeys(job.group for job in jobs))
    with _progress(console) as progress:
        loop = _Loop(results, measure, common, console, progress, hang_ends_all, groups)
        loop.expect(len(lacking(results, jobs)))
        for group in groups:
            members = [job for job in jobs if job.group == group]
            tasks = list(dict.fromkeys(task for job in members for task in job.tasks))
            todo = lacking(results, members)
            first = [job for job in todo if job.round == todo[0].round]
            loop.run(first)
            if rest := todo[len(first) :]:
                show(tasks)
                loop.run(rest)
            # On a busy machine most processes are slow, so that repeating would not help.
            for _ in range(0 if "busy" in common else _TRIES - 1):
                if slow := _slow(results, members, common.get("machine")):
                    console.print(f"processes that found the machine slow, run again: {len(slow)}")
                for job in slow:
                    for task in job.tasks:
                        results.mark_slow(task, job.framework, job.round)
                loop.expect(len(slow))
                loop.run(slow)
            show(tasks)
    return loop.failed


@dataclass
class _Loop:
    """Jobs that are measured one after the other, their progress, and what failed."""

    results: Results
    measure: Callable[[Job], Outcomes]
    common: dict[str, Any]
    console: Console
    progress: Progress
    hang_ends_all: bool
    groups: tuple[str, ...]
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start the clock."""
        self.skipped: set[tuple[str, str]] = set()
        self.done, self.total, self.started = 0, 0, time.monotonic()
        self.bar = self.progress.add_task("", total=None)

    def expect(self, more: int) -> None:
        """Count jobs that are going to be run."""
        self.total += more
        self.progress.update(self.bar, total=self.total)

    def run(self, jobs: Sequence[Job]) -> None:
        """Measure the jobs, without those that failed before."""
        for job in jobs:
            self.progress.update(self.bar, description=f"round {job.round + 1} {job.title}")
            if (job.framework, job.group) not in self.skipped:
                self._run(job)
            self.done += 1
            self.progress.update(self.bar, completed=self.done)

    def _run(self, job: Job) -> None:
        if not self.console.is_terminal:
            elapsed = time.monotonic() - self.started
            self.console.print(_line(job, self.done, self.total, elapsed))
        try:
            _measure(self.results, job, self.measure, self.common)
        except WorkerError as error:
            what = {"task": job.group, "tasks": list(job.tasks), "round": job.round}
            self.results.note_failure(error, framework=job.framework, **what)
            ends_all = error.hung and self.hang_ends_all
            groups = self.groups if ends_all else (job.group,)
            self.skipped.update((job.framework, group) for group in groups)
            later = "all its other tasks" if ends_all else "it in later rounds"
            self.failed.append(f"{job.group}/{job.framework}: {error}; skipping {later}")
            self.console.print(self.failed[-1])


def _measure(
    results: Results, job: Job, measure: Callable[[Job], Outcomes], common: dict[str, Any]
) -> None:
    steal = steal_seconds()
    outcomes = measure(job)
    steal = steal_seconds() - steal
    stolen = {} if math.isnan(steal) else {"steal_seconds": round(steal, 2)}
    for task, outcome in outcomes.items():
        known = {"round": job.round} | common | stolen | provenance.provenance()
        results.add(task, job.framework, outcome | known)
    results.save()


def _slow(results: Results, jobs: Sequence[Job], machine: str | None) -> list[Job]:
    """The jobs, and of each the tasks, whose process found the machine slow."""
    known = results.references(machine)

    def is_slow(task: str, job: Job) -> bool:
        counted = results.processes(task, job.framework)
        found = [process.metadata for process in counted if process.round == job.round]
        return state.slowdown(found, known) > state.TOLERANCE

    return _each(jobs, is_slow)


def _each(jobs: Sequence[Job], holds: Callable[[str, Job], bool]) -> list[Job]:
    chosen = [job._replace(tasks=tuple(t for t in job.tasks if holds(t, job))) for job in jobs]
    return [job for job in chosen if job.tasks]


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


def _line(job: Job, done: int, total: int, elapsed: float) -> str:
    line = f"{done + 1} of {total}: round {job.round + 1}, {job.title}"
    return f"{line}, {elapsed / done * (total - done) / 60:.0f} min left" if done else line
