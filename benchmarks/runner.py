"""Run the suite: parity first, then rounds of fresh processes, one at a time, interleaved."""

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
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.contestants import CONTESTANTS
from benchmarks.results import Results
from benchmarks.tasks import TASKS, applies

LIMITS = ("limit-jax", "limit-torch", "limit-copy")
_TIMEOUT_SECONDS = 400
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
    compared = _present(results, frameworks, console)
    compared = [name for name in compared if _passes_parity(results, name, threads, console)]
    with tempfile.TemporaryDirectory() as caches, _progress(console) as progress:
        jobs = [job for number in range(rounds) for job in _round(number, compared, tasks)]
        bar = progress.add_task("", total=len(jobs))
        failed: set[tuple[str, str]] = set()
        warmed: set[str] = set()
        for number, task, framework in jobs:
            progress.update(bar, description=f"round {number + 1} {task} {framework}")
            done = {process.round for process in results.processes(task, framework)}
            if number not in done and (task, framework) not in failed:
                spec = {
                    "task": task,
                    "framework": framework,
                    "threads": threads,
                    "loops": results.loops(task, framework),
                }
                environment = _environment(task, Path(caches))
                try:
                    if TASKS[task].warm_cache and framework not in warmed:
                        _spawn("worker", spec, environment)  # Fills the cache, is not counted.
                        warmed.add(framework)
                    outcome = _spawn("worker", spec, environment)
                    metadata = {"framework": framework, "task": task, "threads": threads}
                    results.add(task, framework, number, outcome | metadata | _versions())
                except WorkerError as error:
                    failed.add((task, framework))
                    results.note(kind="failed", task=task, framework=framework, why=str(error))
                    console.print(f"{task}/{framework}: {error}")
            progress.advance(bar)


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


def _round(
    number: int, frameworks: Sequence[str], tasks: Sequence[str]
) -> list[tuple[int, str, str]]:
    # Task by task, so that what is compared is near in time; the order within is shuffled.
    shuffled = random.Random(number)
    jobs = []
    for task in tasks:
        entrants = [name for name in (*frameworks, *LIMITS) if applies(TASKS[task], name)]
        shuffled.shuffle(entrants)
        jobs += [(number, task, framework) for framework in entrants]
    return jobs


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


def _environment(task: str, caches: Path) -> dict[str, str]:
    environment = dict(os.environ)
    if TASKS[task].kind == "cold":
        # A cold process compiles all; a warm one finds what the round before has left.
        folder = caches / "warm" if TASKS[task].warm_cache else Path(tempfile.mkdtemp(dir=caches))
        environment["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "inductor")
        if TASKS[task].warm_cache:
            environment["JAX_COMPILATION_CACHE_DIR"] = str(folder / "xla")
            environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    return environment


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
