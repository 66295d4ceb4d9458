"""Run the suite: parity first, then rounds of fresh processes, one at a time, interleaved."""

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.contestants import CONTESTANTS, library
from benchmarks.measuring.machine import warn_if_busy
from benchmarks.measuring.pace import paced
from benchmarks.measuring.provenance import is_of_this_code, provenance, require_same_conditions
from benchmarks.measuring.results import Results
from benchmarks.measuring.spawn import WorkerError, spawn
from benchmarks.tasks import TASKS, applies, due
from jaxae import load_dataset

LIMITS = ("limit-jax", "limit-torch", "limit-copy")


class Job(NamedTuple):
    """One process: a framework, and tasks of one group, in one round."""

    round: int
    tasks: tuple[str, ...]
    framework: str

    @property
    def group(self) -> str:
        """The tasks' group."""
        return TASKS[self.tasks[0]].group

    @property
    def title(self) -> str:
        """The group and the framework."""
        return f"{self.group} {self.framework}"


def run(
    results: Results,
    frameworks: Sequence[str],
    tasks: Sequence[str],
    rounds: int,
    threads: int,
    console: Console,
    mixed: bool = False,
) -> list[str]:
    """Measure what the results do not have yet.

    Args:
      results: where everything is filed, after each process; a suite that was interrupted goes on.
      frameworks: names from `CONTESTANTS`.
      tasks: names from `TASKS`.
      rounds: how many; in each a process for every framework and group of tasks that are due.
      threads: that every framework may use.
      console: where progress is shown, and what is left out and why.
      mixed: whether results of another machine, version or commit may be added to.

    Returns:
      What was not measured and why, a line each: frameworks that are not installed, that failed
      their parity check, that crashed or hung.

    Raises:
      ValueError: no framework takes part in any of the tasks, or the results are of another
        machine, number of threads, version or commit.
      OSError: the results cannot be written.
    """
    wanted = _taking_part(frameworks, tasks)
    if not mixed:
        require_same_conditions(results, threads)
    results.save()  # Before hours of work, for a file that cannot be written.
    busy = warn_if_busy(threads, console)
    left_out: list[str] = []

    def leave_out(line: str) -> None:
        console.print(line)
        left_out.append(line)

    compared = _present(results, wanted, leave_out)
    jobs = _remaining(results, _all_jobs(compared, tasks, rounds), console)
    faulty = [
        name
        for name in compared
        if any(job.framework == name for job in jobs)
        and not _passes_parity(results, name, threads, console, leave_out)
    ]
    jobs = [job for job in jobs if job.framework not in faulty]
    with tempfile.TemporaryDirectory() as scratch, paced(jobs, rounds, console) as remaining:
        images = _shared_images(Path(scratch))
        given_up: set[tuple[str, str]] = set()
        for job in remaining:
            if (job.framework, job.group) in given_up:
                continue
            try:
                outcomes = _measure(job, results, threads, images, Path(scratch))
            except WorkerError as error:
                _note_failure(results, job, error, leave_out)
                # What hung once would take as long in each of its other tasks.
                ended = {other.group for other in jobs} if error.hung else {job.group}
                given_up |= {(job.framework, group) for group in ended}
            else:
                common = {"framework": job.framework, "threads": threads, "round": job.round} | busy
                for task, outcome in outcomes.items():
                    results.add(task, job.framework, outcome | common | provenance())
                results.save()
    return left_out


def _taking_part(frameworks: Sequence[str], tasks: Sequence[str]) -> list[str]:
    wanted = [
        name
        for name in dict.fromkeys(frameworks)
        if any(applies(TASKS[task], name) for task in tasks)
    ]
    if not wanted:
        raise ValueError(
            f"no framework of {', '.join(frameworks)} takes part in {', '.join(tasks)}; "
            "see python -m benchmarks list"
        )
    return wanted


def _present(
    results: Results, frameworks: Sequence[str], leave_out: Callable[[str], None]
) -> list[str]:
    present = []
    for name in frameworks:
        entry = CONTESTANTS[name]
        if entry.missing:
            why = f"{', '.join(entry.missing)} not installed: {entry.install}"
            leave_out(f"{name} is not timed: {why}")
            results.note(kind="absent", framework=name, why=why)
        else:
            present.append(name)
    return present


def _passes_parity(
    results: Results,
    name: str,
    threads: int,
    console: Console,
    leave_out: Callable[[str], None],
) -> bool:
    receipt = results.receipt(name)
    if receipt is None or not is_of_this_code(receipt):
        console.print(f"parity: {name}")
        try:
            spec = {"framework": name, "threads": threads}
            receipt = spawn("measuring.check", spec, dict(os.environ))
        except WorkerError as error:
            results.note_failure(error, task="parity", framework=name)
            leave_out(f"{name} is not timed: its parity check failed, {error}")
            return False
        results.note(kind="parity", framework=name, **receipt, **provenance())
    for failure in receipt["failures"]:
        leave_out(f"{name} is not timed: {failure}")
    return not receipt["failures"]


def _note_failure(
    results: Results, job: Job, error: WorkerError, leave_out: Callable[[str], None]
) -> None:
    where = {"task": job.group, "tasks": list(job.tasks), "round": job.round}
    results.note_failure(error, framework=job.framework, **where)
    skipped = "all that is left of it" if error.hung else f"{job.group} in later rounds"
    leave_out(f"{job.group}/{job.framework}: {error}; skipping {skipped}")


def _all_jobs(frameworks: Sequence[str], tasks: Sequence[str], rounds: int) -> list[Job]:
    return [job for number in range(rounds) for job in _round(number, frameworks, tasks)]


def _round(number: int, frameworks: Sequence[str], tasks: Sequence[str]) -> list[Job]:
    # Group by group, so that what is compared is near in time; the order within is shuffled.
    shuffled = random.Random(number)
    jobs = []
    for group in dict.fromkeys(TASKS[task].group for task in tasks):
        members = [TASKS[task] for task in tasks if TASKS[task].group == group]
        entrants = [
            Job(number, applying, name)
            for name in (*frameworks, *_limits(frameworks))
            if (applying := tuple(task.name for task in members if due(task, name, number)))
        ]
        shuffled.shuffle(entrants)
        jobs += entrants
    return jobs


def _limits(frameworks: Sequence[str]) -> list[str]:
    # Of the libraries that somebody asked for, and of the memory.
    asked = {f"limit-{library(name)}" for name in frameworks} | {"limit-copy"}
    return [name for name in LIMITS if name in asked]


def _remaining(results: Results, jobs: Sequence[Job], console: Console) -> list[Job]:
    remaining = []
    for job in jobs:
        if rest := tuple(
            task for task in job.tasks if not results.has(task, job.framework, job.round)
        ):
            remaining.append(job._replace(tasks=rest))
    done = len(jobs) - len(remaining)
    if done:
        console.print(f"{done} of {len(jobs)} processes are in {results.path} already")
    return remaining


def _shared_images(folder: Path) -> Path:
    # As an .npy file, which every framework's process reads without help from another.
    data = load_dataset()
    images = np.concatenate([data.train.images, data.test.images])
    np.save(folder / "images.npy", images.reshape(len(images), -1))
    return folder / "images.npy"


def _measure(
    job: Job, results: Results, threads: int, images: Path, scratch: Path
) -> dict[str, dict[str, Any]]:
    loops = {task: results.loops(task, job.framework) for task in job.tasks}
    spec = {
        "framework": job.framework,
        "tasks": job.tasks,
        "round": job.round,
        "threads": threads,
        "images": str(images),
        "loops": loops,
    }
    task = TASKS[job.tasks[0]]
    environment = dict(os.environ)
    # The first call is timed too: it compiles.
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    if task.kind == "cold":
        # A cold process compiles all; what it leaves, or one before it, a warm one finds.
        cache = scratch / f"cache-{job.framework}"
        if not task.warm_cache:
            shutil.rmtree(cache, ignore_errors=True)
        environment |= {
            "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
            "JAX_COMPILATION_CACHE_DIR": str(cache / "xla"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        if task.warm_cache and not cache.exists():
            spawn("measuring.worker", spec, environment)
    return spawn("measuring.worker", spec, environment)
