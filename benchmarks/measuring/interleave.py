"""Measure this work tree and another commit in turn, on this machine.

Two results that were measured at different times differ in more than their code. Here the processes
of both versions alternate, in the same environment.
"""

import os
import random
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.measuring.machine import warn_if_busy
from benchmarks.measuring.results import Results
from benchmarks.measuring.rounds import Job, Outcomes, measure_jobs
from benchmarks.measuring.runner import measure, shared_images
from benchmarks.measuring.spawn import ROOT, WorkerError, spawn
from benchmarks.tasks import TASKS
from jaxae.cli import raise_on_termination

# Both versions are in the same results while they are measured: as flax@old and flax@new.
_OLD, _NEW = "@old", "@new"
_WORKER = Path("benchmarks", "measuring", "worker.py")


def interleave(
    commit: str,
    frameworks: Sequence[str],
    tasks: Sequence[str],
    rounds: int,
    threads: int,
    console: Console,
    root: Path = ROOT,
) -> tuple[Results, Results, list[str]]:
    """Measure a commit and the work tree, as it is, in rounds.

    Each version is measured by its own benchmarks, so that both must measure in the same way for
    the ratio to be one of speed.

    Args:
      commit: anything that names a commit to Git.
      frameworks: names from `CONTESTANTS`; each is first checked for parity in both versions.
      tasks: names from `TASKS`.
      rounds: number of rounds; each runs a process per version, framework and group of tasks, with
        both versions of a framework one after the other, in random order.
      threads: number of threads.
      console: where progress and failures are shown.
      root: the work tree.

    Returns:
      The results of the commit, those of the work tree, which are not saved, and what was not
      measured and why, one line each.

    Raises:
      ValueError: the commit is unknown or has no such benchmarks, or a version fails its parity
        check.
    """
    with tempfile.TemporaryDirectory() as folder, checked_out(commit, root) as tree:
        busy = warn_if_busy(threads, console)
        scratch = Path(folder)
        environments = {_OLD: _environment(tree), _NEW: _environment(root)}
        for framework in dict.fromkeys(frameworks):
            for version, environment in environments.items():
                console.print(f"parity: {framework}{version}")
                _require_parity(framework, version, threads, environment)
        results = Results(scratch / "both.json")
        images = shared_images(scratch)

        def measured(job: Job) -> Outcomes:
            name, version = job.framework[: -len(_OLD)], job.framework[-len(_OLD) :]
            loops = {
                task: results.loops(task, name + _OLD) or results.loops(task, name + _NEW)
                for task in job.tasks
            }
            own = scratch / version
            return measure(
                job._replace(framework=name), threads, images, own, loops, environments[version]
            )

        jobs = [job for number in range(rounds) for job in _round(number, frameworks, tasks)]
        failed = measure_jobs(results, jobs, measured, {"threads": threads} | busy, console)
        old, new = (_of(results, version, scratch) for version in (_OLD, _NEW))
    return old, new, failed


@contextmanager
def checked_out(commit: str, root: Path) -> Iterator[Path]:
    """Check a commit out into a temporary work tree, which is removed in the end.

    It is removed after errors, Ctrl-C, SIGTERM and SIGHUP too.

    Raises:
      ValueError: the commit is unknown, or has no benchmarks that this version can run.
    """
    git = partial(subprocess.run, cwd=root, capture_output=True, text=True)
    with tempfile.TemporaryDirectory() as folder, raise_on_termination():
        name = ["git", "rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}"]
        found = git(name)
        if found.returncode:
            raise ValueError(
                f"unknown commit {commit!r} (git: {_last_line(found.stderr)}); expected a branch, "
                "a tag or a hash"
            )
        tree = Path(folder) / "tree"
        try:
            added = git(["git", "worktree", "add", "--detach", tree, found.stdout.strip()])
            if added.returncode:
                raise ValueError(f"cannot check out {commit} ({_last_line(added.stderr)})")
            if not (tree / _WORKER).exists():
                raise ValueError(f"{commit} has no {_WORKER}; expected a commit that has one")
            yield tree
        finally:
            git(["git", "worktree", "remove", "--force", tree])


def _last_line(errors: str) -> str:
    return (errors.strip().splitlines() or ["no reason given"])[-1].removeprefix("fatal: ")


def _environment(tree: Path) -> dict[str, str]:
    # Modules come from the tree, not from the working directory or an installed copy.
    paths = [str(tree), os.environ.get("PYTHONPATH", "")]
    own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONSAFEPATH": "1"}
    return dict(os.environ) | own


def _require_parity(
    framework: str, version: str, threads: int, environment: dict[str, str]
) -> None:
    spec = {"framework": framework, "threads": threads}
    try:
        failures = spawn("measuring.check", spec, environment)["failures"]
    except WorkerError as error:
        failures = [str(error)]
    if failures:
        raise ValueError(f"{framework}{version} fails its parity check: {'; '.join(failures)}")


def _round(number: int, frameworks: Sequence[str], tasks: Sequence[str]) -> list[Job]:
    shuffled = random.Random(number)
    jobs = []
    for group in dict.fromkeys(TASKS[task].group for task in tasks):
        members = tuple(dict.fromkeys(task for task in tasks if TASKS[task].group == group))
        names = list(dict.fromkeys(frameworks))
        for framework in shuffled.sample(names, len(names)):
            for version in shuffled.sample((_OLD, _NEW), 2):
                jobs.append(Job(number, group, members, framework + version))
    return jobs


def _of(results: Results, version: str, folder: Path) -> Results:
    """The results of one version, under the frameworks' own names."""
    found = Results(folder / f"{version}.json")
    for task, name in results.names():
        if name.endswith(version):
            for process in results.processes(task, name):
                known = {"round": process.round, "loops": process.metadata["loops"]}
                outcome = {"values": list(process.values)} | known
                found.add(task, name.removesuffix(version), outcome)
    return found
