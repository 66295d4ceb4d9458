"""Run the suite: parity first, then rounds of fresh processes, one at a time, interleaved."""

import functools
import importlib.metadata
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.contestants import CONTESTANTS
from benchmarks.results import Results
from benchmarks.tasks import TASKS, applies
from jaxae import load_dataset

LIMITS = ("limit-jax", "limit-torch", "limit-no-adam", "limit-copy")
_TIMEOUT_SECONDS = 600
_PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "equinox",
    "torch",
    "keras",
    "tensorflow-cpu",
    "numpy",
)


def run(
    results: Results,
    frameworks: Sequence[str],
    tasks: Sequence[str],
    rounds: int,
    threads: int,
    console: Console,
) -> None:
    """Measure what the results do not have yet.

    Args:
      results: where everything is filed, after each process; a suite that was interrupted goes on.
      frameworks: names from `CONTESTANTS`.
      tasks: names from `TASKS`.
      rounds: processes for each (task, framework).
      threads: that every framework may use.
      console: where progress is shown.
    """
    wanted = [name for name in frameworks if any(applies(TASKS[task], name) for task in tasks)]
    compared = _present(results, wanted, console)
    compared = [name for name in compared if _passes_parity(results, name, threads, console)]
    with tempfile.TemporaryDirectory() as scratch, _progress(console) as progress:
        images = _shared_images(Path(scratch))
        jobs = [job for number in range(rounds) for job in _round(number, compared, tasks)]
        jobs = [rest for job in jobs if (rest := _remaining(results, job)).tasks]
        bar = progress.add_task("", total=len(jobs))
        failed: set[tuple[str, str]] = set()
        started = time.monotonic()
        for number, job in enumerate(jobs):
            group = TASKS[job.tasks[0]].group
            if not console.is_terminal and number and job.round != jobs[number - 1].round:
                left = (time.monotonic() - started) / number * (len(jobs) - number)
                console.print(f"round {job.round + 1} of {rounds}, {left / 60:.0f} min left")
            progress.update(bar, description=f"round {job.round + 1} {group} {job.framework}")
            if (job.framework, group) not in failed:
                try:
                    outcomes = _measure(job, results, threads, images, Path(scratch))
                except WorkerError as error:
                    failed.add((job.framework, group))
                    results.note(kind="failed", task=group, framework=job.framework, why=str(error))
                    console.print(f"{group}/{job.framework}: {error}")
                else:
                    common = {"framework": job.framework, "threads": threads, "round": job.round}
                    for task, outcome in outcomes.items():
                        results.add(task, job.framework, outcome | common | _versions())
                    results.save()
            progress.advance(bar)


class Job(NamedTuple):
    """One process: a framework, and tasks of one group, in one round."""

    round: int
    tasks: tuple[str, ...]
    framework: str


class WorkerError(Exception):
    """A worker process crashed, hung, or printed no result."""


def _present(results: Results, frameworks: Sequence[str], console: Console) -> list[str]:
    present = []
    for name in frameworks:
        entry = CONTESTANTS[name]
        if entry.missing:
            why = f"{', '.join(entry.missing)} not installed: {entry.install}"
            console.print(f"{name}: absent, {why}")
            results.note(kind="absent", framework=name, why=why)
        else:
            present.append(name)
    return present


def _passes_parity(results: Results, name: str, threads: int, console: Console) -> bool:
    known = results.receipt(name)
    if known is None:
        console.print(f"parity: {name}")
        try:
            receipt = _spawn("check", {"framework": name, "threads": threads}, dict(os.environ))
        except WorkerError as error:
            receipt = {"failures": [str(error)]}
        results.note(kind="parity", framework=name, **receipt)
        known = results.receipt(name)
    failures = known["failures"] if known else []
    for failure in failures:
        console.print(f"{name} is not timed: {failure}")
    return not failures


def _round(number: int, frameworks: Sequence[str], tasks: Sequence[str]) -> list[Job]:
    # Group by group, so that what is compared is near in time; the order within is shuffled.
    shuffled = random.Random(number)
    jobs = []
    for group in dict.fromkeys(TASKS[task].group for task in tasks):
        members = [
            task
            for task in tasks
            if TASKS[task].group == group and (number % 3 == 0 or not TASKS[task].sparse)
        ]
        entrants = [
            Job(number, applying, name)
            for name in (*frameworks, *LIMITS)
            if (applying := tuple(task for task in members if applies(TASKS[task], name)))
        ]
        shuffled.shuffle(entrants)
        jobs += entrants
    return jobs


def _remaining(results: Results, job: Job) -> Job:
    def is_done(task: str) -> bool:
        return job.round in {process.round for process in results.processes(task, job.framework)}

    return job._replace(tasks=tuple(task for task in job.tasks if not is_done(task)))


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
    if task.kind == "cold":
        # A cold process compiles all; a warm one finds what an earlier one has left.
        cache = scratch / f"cache-{job.framework}"
        if not task.warm_cache:
            cache = Path(tempfile.mkdtemp(dir=scratch))
        fill = task.warm_cache and not cache.exists()
        environment |= {
            "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
            "JAX_COMPILATION_CACHE_DIR": str(cache / "xla"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        if fill:
            _spawn("worker", spec, environment)
    return _spawn("worker", spec, environment)


def _spawn(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        f"benchmarks.{module}",
        json.dumps(spec | {"started": time.time()}),
    ]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise WorkerError(f"no result within {_TIMEOUT_SECONDS} s") from error
    last = done.stdout.strip().splitlines()[-1:] or [""]
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise WorkerError(lines[0])
    try:
        outcome: dict[str, Any] = json.loads(last[0])
    except ValueError as error:
        raise WorkerError(f"printed no result but {last[0]!r}") from error
    return outcome


@functools.cache
def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[f"version_{name.replace('-', '_')}"] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    return found | ({"commit": commit.stdout.strip()} if commit.returncode == 0 else {})


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal)
