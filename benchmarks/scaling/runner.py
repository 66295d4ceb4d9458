"""Run the sweeps: rounds of trainings in fresh processes, one at a time."""

import os
import random
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from benchmarks.measuring.machine import processors
from benchmarks.measuring.provenance import identify
from benchmarks.measuring.results import Results
from benchmarks.measuring.rounds import Job, Outcomes, measure_jobs, prepare, remaining
from benchmarks.measuring.spawn import spawn
from benchmarks.scaling.sweeps import Sweep


def run(
    results: Results,
    sweeps: Sequence[Sweep],
    rounds: int,
    console: Console,
    mixed: bool = False,
) -> None:
    """Measure what the results lack.

    Args:
      results: where each training is stored, under `sweep/value`, as soon as it ends.
      sweeps: what to measure, at all their values.
      rounds: number of rounds; each trains once at every point, with the round as the seed.
      console: where progress and failures are shown.
      mixed: whether to add to results of another machine, version or commit.

    Raises:
      ValueError: the results belong to another machine, number of threads, version or commit.
      OSError: the results cannot be written.
    """
    busy = prepare(results, processors(), console, mixed)
    points = {
        (sweep.name, str(value)): (sweep, value) for sweep in sweeps for value in sweep.values
    }

    def measure(job: Job) -> Outcomes:
        return {job.group: _trained(*points[job.group, job.framework], job.round)}

    jobs = [job for number in range(rounds) for job in _round(number, sweeps)]
    jobs = remaining(results, jobs, console)
    machine = identify(results, processors(), console, mixed, bool(busy)) if jobs else {}
    common = {"threads": processors()} | busy | machine
    measure_jobs(results, jobs, measure, common, console)


def _round(number: int, sweeps: Sequence[Sweep]) -> list[Job]:
    # The points of a sweep are shuffled among themselves, so that they run close in time.
    shuffled = random.Random(number)
    return [
        Job(number, sweep.name, (sweep.name,), str(value))
        for sweep in sweeps
        for value in shuffled.sample(sweep.values, len(sweep.values))
    ]


def _trained(sweep: Sweep, value: Any, number: int) -> dict[str, Any]:
    point = asdict(sweep.point(value))
    outcome = spawn("scaling.worker", {"point": point, "round": number}, dict(os.environ))
    costs = [sweep.seconds(seconds, value) for seconds in outcome["values"]]
    return outcome | point | {"values": costs}
