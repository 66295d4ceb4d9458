"""Run the sweeps: rounds of fresh trainings, one at a time, a round's points near in time."""

import os
import random
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from rich.console import Console

from benchmarks.measuring.machine import processors, warn_if_busy
from benchmarks.measuring.pace import paced
from benchmarks.measuring.provenance import provenance, require_same_conditions
from benchmarks.measuring.results import Results
from benchmarks.measuring.spawn import WorkerError, spawn
from benchmarks.scaling.sweeps import Sweep


class Job(NamedTuple):
    """One training: a sweep at one value, in one round."""

    round: int
    sweep: Sweep
    value: Any

    @property
    def title(self) -> str:
        """The setting and its value."""
        return f"{self.sweep.name} {self.value}"


def run(
    results: Results,
    sweeps: Sequence[Sweep],
    rounds: int,
    console: Console,
    mixed: bool = False,
) -> None:
    """Measure what the results do not have yet.

    Args:
      results: where each training is filed, under `sweep/value`; what was interrupted goes on.
      sweeps: what to measure, at all their values.
      rounds: how many; in each a training at every point, its seed the round's number.
      console: where progress is shown, and what fails and why.
      mixed: whether results of another machine, version or commit may be added to.

    Raises:
      ValueError: the results are of another machine, number of threads, version or commit.
      OSError: the results cannot be written.
    """
    if not mixed:
        require_same_conditions(results, processors())
    results.save()  # Before minutes of work, for a file that cannot be written.
    busy = warn_if_busy(processors(), console)
    jobs = [job for number in range(rounds) for job in _round(number, sweeps)]
    left = [job for job in jobs if not results.has(job.sweep.name, str(job.value), job.round)]
    if len(left) < len(jobs):
        done = len(jobs) - len(left)
        console.print(f"{done} of {len(jobs)} trainings are in {results.path} already")
    given_up: set[tuple[str, Any]] = set()
    with paced(left, rounds, console) as remaining:
        for job in remaining:
            if (job.sweep.name, job.value) in given_up:
                continue
            try:
                outcome = _measured(job)
            except WorkerError as error:
                given_up.add((job.sweep.name, job.value))
                where = {"task": job.sweep.name, "tasks": [job.sweep.name], "round": job.round}
                results.note_failure(error, framework=str(job.value), **where)
                console.print(f"{job.title}: {error}; skipping it in later rounds")
            else:
                results.add(job.sweep.name, str(job.value), outcome | busy | provenance())
                results.save()


def _round(number: int, sweeps: Sequence[Sweep]) -> list[Job]:
    # Sweep by sweep, so that what a fit compares is near in time; the order within is shuffled.
    shuffled = random.Random(number)
    jobs = []
    for sweep in sweeps:
        jobs += [
            Job(number, sweep, value) for value in shuffled.sample(sweep.values, len(sweep.values))
        ]
    return jobs


def _measured(job: Job) -> dict[str, Any]:
    point = job.sweep.point(job.value)
    spec = {"point": asdict(point), "round": job.round}
    outcome = spawn("scaling.worker", spec, dict(os.environ))
    costs = [job.sweep.seconds(value, job.value) for value in outcome.pop("values")]
    common = {"values": costs, "threads": processors(), "round": job.round}
    return outcome | asdict(point) | common
