"""Inject faults into real runs, then resume them: `python -m tests.faults`, or `make soak`.

It prints a Markdown table. With `--tally FILE` it adds its counts to those in the file, so that it
can be interrupted and run again.

A run counts as identical if its parameters, optimizer state, random state, counters and metrics
equal those of an uninterrupted run, bit for bit.
"""

import argparse
import contextlib
import dataclasses
import functools
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax

from jaxae._utils.files import write_json
from jaxae.cli import app as cli
from jaxae.runs.checkpoints import saved_numbers
from tests.fault_scene import EPOCHS, PATIENCE, PROGRAM, Scene, Tally, kill

# A clock that jumps by days, forwards or backwards, whenever it is read.
JUMPING_CLOCK = """
import datetime, itertools, sys, time
jumps = itertools.cycle((0, -9e5, 8e5, -7e6))
now, today = time.time, datetime.datetime.now
class Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return today(tz) + datetime.timedelta(seconds=next(jumps))
datetime.datetime = Jumping
time.time = lambda: now() + next(jumps)
time.time_ns = lambda: int(time.time() * 1e9)
from jaxae.cli.app import main
sys.exit(main())
"""


class Impossible(Exception):
    """The fault cannot be injected on this machine."""


Fault = Callable[[Scene], Tally]


def killed(scene: Scene, times: int, rng: random.Random) -> Tally:
    """Kill runs with SIGKILL at random moments of continual saving; resume each until it ends."""
    tally = Tally()
    while tally.faults < times:
        run = scene.new_path()
        start_or_resume = scene.command
        for _ in range(min(5, times - tally.faults)):
            process = scene.start(start_or_resume(run, "--checkpoint-every=1"))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=rng.uniform(0.1, 2) * scene.seconds)
                assert process.returncode == 0
                break
            kill(process)
            tally.faults += 1
            tally.noted += any((run / "checkpoints").glob("*tmp*"))
            if (run / "config.json").is_file():  # Otherwise it starts again in the same folder.
                start_or_resume = scene.resuming
        scene.run(start_or_resume(run, "--checkpoint-every=99"))
        tally += scene.compare(run)
    return tally


def interrupted(scene: Scene, number: signal.Signals) -> Tally:
    """Stop a run by a signal; it must save, and print the command that resumes it."""
    run = scene.new_path()
    process = scene.start_and_reach(20, scene.command(run, "--checkpoint-every=99"))
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    (saved,) = saved_numbers(run / "checkpoints")
    assert 20 <= saved < EPOCHS
    announced, kept, *last = err.splitlines()
    stopping = "stopping within seconds, after saving; a second signal stops at once"
    assert announced == f"jaxae: {number.name}: {stopping}"
    how_to_resume = f"jaxae train --run-dir {run} --resume continues it"
    assert kept == f"jaxae: {run}: last saved: epoch {saved}; {how_to_resume}"
    assert last == (["jaxae: interrupted"] if number == signal.SIGINT else [])
    assert f"resuming after epoch {saved}" in scene.resume(run)
    return Tally(faults=1) + scene.compare(run)


def disk_full(scene: Scene) -> Tally:
    """Fill the disk under a run, then free space and resume."""
    disk = scene.new_path()
    disk.mkdir()
    with _mounted(disk, "-t", "tmpfs", "-o", "size=500k", "tmpfs"):
        run = disk / "run"
        process = scene.start(scene.command(run, "--keep=99"))
        _assert_reported(process, run)
        _mount("-o", "remount,size=64m", str(disk))
        scene.resume(run)
        return Tally(faults=1) + scene.compare(run)


def made_read_only(scene: Scene) -> Tally:
    """Make a run's folder read-only while it trains; make it writable again and resume."""
    run = scene.new_path()
    process = scene.start_and_reach(20, scene.command(run))
    process.send_signal(signal.SIGSTOP)
    # Mounted over itself: open files stay writable, but files opened later are read-only.
    with _mounted(run, "--bind", str(run)):
        _mount("-o", "remount,bind,ro", str(run))
        process.send_signal(signal.SIGCONT)
        _assert_reported(process, run)
    scene.resume(run)
    return Tally(faults=1) + scene.compare(run)


def damaged(scene: Scene, which: int, damage: Callable[[Path], None]) -> Tally:
    """Damage a file of the newest checkpoint; the run must resume from the one before and say so.

    It may still resume from the newest if the state does not depend on the file. The state always
    depends on file 0, the largest.
    """
    stopped = scene.stopped
    *_, before, newest = saved_numbers(stopped / "checkpoints")
    names = [
        path.relative_to(stopped)
        for path in sorted((stopped / "checkpoints" / str(newest)).rglob("*"))
        if path.is_file() and path.stat().st_size
    ]
    names.sort(key=lambda name: (stopped / name).stat().st_size, reverse=True)
    run = Path(shutil.copytree(stopped, scene.new_path()))
    damage(run / names[which % len(names)])
    # In a new process, since Orbax leaves reads of damaged files unfinished.
    said = scene.run_elsewhere(scene.resuming(run, "--checkpoint-every=99"))
    fell_back = f"resuming after epoch {before}" in said
    if fell_back:
        assert f"checkpoints/{newest} cannot be read: " in said
        assert re.search(rf"using .*checkpoints/{before} instead\n", said)
    else:
        assert which and f"resuming after epoch {newest}" in said
    return Tally(faults=1, noted=fell_back) + scene.compare(run)


def two_processes(scene: Scene) -> Tally:
    """Start and resume a run that another process trains; kill that process and resume."""
    run = scene.new_path()
    process = scene.start_and_reach(20, scene.command(run))
    process.send_signal(signal.SIGSTOP)
    for command in (scene.command(run, "--overwrite"), scene.resuming(run)):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            assert cli.main(command[len(PROGRAM) :]) == 2
        (line,) = said.getvalue().splitlines()
        assert line.startswith(f"jaxae: {run} is in use by another process")
    kill(process)
    scene.resume(run)
    return Tally(faults=3) + scene.compare(run)


def clock_jumps(scene: Scene) -> Tally:
    """Train with a clock that jumps, kill, and resume with the checkpoints' times reversed."""
    run = scene.new_path()
    options = scene.command(run)[len(PROGRAM) :]
    kill(scene.start_and_reach(20, [sys.executable, "-c", JUMPING_CLOCK, *options]))
    for epoch in saved_numbers(run / "checkpoints"):
        os.utime(run / "checkpoints" / str(epoch), (1e9 - 1e6 * epoch,) * 2)
    scene.resume(run)
    return Tally(faults=1) + scene.compare(run)


def flip_bits(rng: random.Random) -> Callable[[Path], None]:
    """Return a function that flips eight random bits of a file."""

    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        for _ in range(8):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)

    return flip


def _assert_reported(process: subprocess.Popen[str], run: Path) -> None:
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, len(err.splitlines())) == (2, 2), err
    kept, reason = err.splitlines()
    assert kept.startswith(f"jaxae: {run}: last saved: epoch ") and kept.endswith(
        " --resume continues it"
    )
    assert reason.startswith("jaxae: ") and str(run) in reason


@contextlib.contextmanager
def _mounted(where: Path, *args: str) -> Iterator[None]:
    _mount(*args, str(where))
    try:
        yield
    finally:
        subprocess.run(["umount", where], check=True)


def _mount(*args: str) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        raise Impossible("only root can mount")
    done = subprocess.run(["mount", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Impossible(done.stderr.strip())


class Repeated(NamedTuple):
    """A fault to inject many times.

    Attributes:
      fault: injects it at least once, given the number of times so far and a random generator.
      times: how often to inject it.
      note: the last column of the table, with `{}` for the number of noted faults.
    """

    fault: Callable[[Scene, int, random.Random], Tally]
    times: int = 5
    note: str = ""


def all_faults(kills: int) -> dict[str, Repeated]:
    """Return every fault by its name."""

    def always(fault: Fault) -> Repeated:
        return Repeated(lambda scene, done, rng: fault(scene))

    fell_back = "{} fell back to the checkpoint before"
    signals = {"SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP, "Ctrl-C": signal.SIGINT}
    return {
        "kill -9": Repeated(
            lambda scene, done, rng: killed(scene, min(5, kills - done), rng),
            *(kills, "{} of them during a save"),
        ),
        "flipped bits in a checkpoint": Repeated(
            lambda scene, done, rng: damaged(scene, done, flip_bits(rng)), 20, fell_back
        ),
        "a file of a checkpoint missing": Repeated(
            lambda scene, done, rng: damaged(scene, done, Path.unlink), 20, fell_back
        ),
        **{
            name: always(functools.partial(interrupted, number=number))
            for name, number in signals.items()
        },
        "full disk": always(disk_full),
        "folder turns read-only": always(made_read_only),
        "a second process": always(two_processes)._replace(times=15),
        "clock jumps": always(clock_jumps),
    }


def soak(scene: Scene, kills: int, seconds: float, tally_file: Path | None) -> None:
    """Inject every fault repeatedly until the time is up, and print a table."""
    end = time.monotonic() + seconds
    tallies: dict[str, Tally] = {}
    if tally_file is not None and tally_file.exists():
        stored = json.loads(tally_file.read_text())
        tallies = {name: Tally(**counts) for name, counts in stored.items()}
    print("| fault | times | runs | resumed identical | rows lost | |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for name, (fault, times, note) in all_faults(kills).items():
        tally = tallies.get(name, Tally())
        note = note or "{}"
        while tally.faults < times and time.monotonic() < end:
            try:
                tally += fault(scene, tally.faults, random.Random(f"{name} {tally.faults}"))
            except Impossible as reason:
                note = f"not possible here: {reason}"
                break
            tallies[name] = tally
            if tally_file is not None:
                counts = {name: dataclasses.asdict(tally) for name, tally in tallies.items()}
                write_json(tally_file, counts)
        *counted, noted = dataclasses.astuple(tally)
        print(
            "|", " | ".join(map(str, (name, *counted, note.format(noted or "")))), "|", flush=True
        )


def main() -> None:
    """Parse the options and inject the faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how often to kill -9")
    parser.add_argument("--minutes", type=float, default=120, help="stop after this time")
    parser.add_argument("--tally", type=Path, help="store the counts here, and add to them")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{folder}/compiled"
        jax.config.update("jax_compilation_cache_dir", f"{folder}/compiled")
        with contextlib.closing(Scene(Path(folder))) as scene:
            soak(scene, args.kills, 60 * args.minutes, args.tally)


if __name__ == "__main__":
    main()
