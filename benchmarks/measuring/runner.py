"""Run a comparison: first the parity checks, then rounds of interleaved measurements."""

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.contestants import CONTESTANTS, INSTALL, applies, due, limits
from benchmarks.measuring import provenance, reported
from benchmarks.measuring.results import Results
from benchmarks.measuring.rounds import Job, Outcomes, measure_jobs, prepare, remaining
from benchmarks.measuring.spawn import WorkerError, spawn, stop_all
from benchmarks.tasks import TASKS
from jaxae import load_dataset


def run(
    results: Results,
    frameworks: Sequence[str],
    tasks: Sequence[str],
    rounds: int,
    threads: int,
    console: Console,
    mixed: bool = False,
    show: Callable[[Sequence[str]], None] = lambda _: None,
) -> list[str]:
    """Measure what the results lack.

    Args:
      results: where each process's outcome is stored as soon as it ends.
      frameworks: names from `CONTESTANTS`.
      tasks: names from `TASKS`.
      rounds: number of rounds; each runs one process per framework and group of due tasks.
      threads: number of threads for every framework.
      console: where progress, and what is not measured, is shown.
      mixed: whether to add to results of another machine, version or commit.
      show: shows what is known of these tasks, after the first round and when they are done.

    Returns:
      What was not measured and why, one line each: a framework that is not installed, failed its
      parity check, crashed or hung.

    Raises:
      ValueError: no framework takes part in any of the tasks, or the results belong to another
        machine, number of threads, version or commit.
      OSError: the results cannot be written.
    """
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
    busy = prepare(results, threads, console, mixed)
    obstacles = {name: _missing(results, name) for name in wanted}
    present = [name for name in wanted if not obstacles[name]]
    groups = dict.fromkeys(TASKS[task].group for task in tasks)
    planned = [
        job
        for group in groups
        for number in range(rounds)
        for job in _round(number, present, [task for task in tasks if TASKS[task].group == group])
    ]
    jobs = remaining(results, planned, console)
    machine = provenance.identify(results, threads, console, mixed, bool(busy)) if jobs else {}
    timed = [name for name in present if any(job.framework == name for job in jobs)]
    obstacles |= _parity_failures(results, timed, threads, console)
    planned = [job for job in planned if not obstacles.get(job.framework)]
    left_out = [f"{name} is not timed: {why}" for name, found in obstacles.items() for why in found]
    for line in left_out:
        console.print(line)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        images = shared_images(scratch)

        def measured(job: Job) -> Outcomes:
            loops = {task: results.loops(task, job.framework) for task in job.tasks}
            return measure(job, threads, images, scratch, loops, os.environ)

        common = {"threads": threads} | busy | machine
        left_out += measure_jobs(results, planned, measured, common, console, True, show)
    return left_out


def _missing(results: Results, name: str) -> list[str]:
    missing = CONTESTANTS[name].missing
    if not missing:
        return []
    why = f"{', '.join(missing)} not installed: {INSTALL}"
    results.note(kind="absent", framework=name, why=why)
    return [why]


def _parity_failures(
    results: Results, names: Sequence[str], threads: int, console: Console
) -> dict[str, list[str]]:
    """Check the frameworks that have no receipt of this code; return the failures of all."""

    def check(name: str) -> dict[str, Any] | WorkerError:
        console.print(f"parity: {name}")
        try:
            return spawn("measuring.check", {"framework": name, "threads": threads}, environment)
        except WorkerError as error:
            return error

    environment, receipts = dict(os.environ), {name: results.receipt(name) for name in names}
    failures: dict[str, list[str]] = {
        name: receipt["failures"]
        for name, receipt in receipts.items()
        if receipt is not None and provenance.is_of_this_code(receipt)
    }
    lacking = [name for name in names if name not in failures]
    # Nothing is timed yet, so that two checks may run at once, unless they share a chip.
    with ThreadPoolExecutor(1 if reported.gpus() or reported.tpus() else 2) as pool:
        try:
            for name, receipt in zip(lacking, pool.map(check, lacking), strict=True):
                if isinstance(receipt, WorkerError):
                    results.note_failure(receipt, task="parity", framework=name)
                    failures[name] = [f"its parity check failed, {receipt}"]
                else:
                    results.note(
                        kind="parity", framework=name, **receipt, **provenance.provenance()
                    )
                    failures[name] = receipt["failures"]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop_all()
            raise
    return failures


def _round(number: int, frameworks: Sequence[str], tasks: Sequence[str]) -> list[Job]:
    """One round of a group's tasks, in which the frameworks take turns in shuffled order."""
    group = TASKS[tasks[0]].group
    jobs = [
        Job(number, group, applying, name)
        for name in [*frameworks, *limits(frameworks)]
        if (applying := tuple(task for task in tasks if due(TASKS[task], name, number)))
    ]
    random.Random(f"{group} {number}").shuffle(jobs)
    return jobs


def shared_images(folder: Path) -> Path:
    """Write the training images, then the test images, to an .npy file; return its path."""
    data = load_dataset()
    images = np.concatenate([data.train.images, data.test.images])
    np.save(folder / "images.npy", images.reshape(len(images), -1))
    return folder / "images.npy"


def measure(
    job: Job,
    threads: int,
    images: Path,
    scratch: Path,
    loops: Mapping[str, int | None],
    environment: Mapping[str, str],
) -> Outcomes:
    """Measure a job's tasks in a fresh process.

    A cold start finds its compilation cache empty, and a warm one finds what an earlier process of
    the framework left. Other tasks, whose clock starts after they are compiled, share a cache.

    Args:
      job: what to measure.
      threads: number of threads.
      images: the file that `shared_images` wrote.
      scratch: a folder for compilation caches, kept from one job to the next.
      loops: number of loops for each task; None to calibrate it.
      environment: of the process.

    Raises:
      WorkerError: the process crashed, hung, or printed no result.
    """
    spec = {
        "framework": job.framework,
        "tasks": job.tasks,
        "round": job.round,
        "threads": threads,
        "images": str(images),
        "loops": loops,
    }
    task = TASKS[job.tasks[0]]
    is_start = task.kind == "cold"
    cache = scratch / (f"cache-{job.framework}" if is_start else "cache")
    if is_start and not task.warm_cache:
        shutil.rmtree(cache, ignore_errors=True)
    environment = dict(environment) | {
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "JAX_COMPILATION_CACHE_DIR": str(cache / "xla"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    if is_start and task.warm_cache and not cache.exists():
        spawn("measuring.worker", spec, environment)
    outcomes = spawn("measuring.worker", spec, environment)
    return {name: outcome | {"framework": job.framework} for name, outcome in outcomes.items()}
