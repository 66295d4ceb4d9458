"""What can happen to a run: each fault is done to real runs, which then go on by --resume.

python -m tests.faults    (the long form, also `make soak`: prints a Markdown table)

With `--tally FILE` the counts are kept there and added to: run it again to go on, after an
interruption too.

A fault returns what it counted. A run counts as identical if parameters, optimizer state, random
state, counters and metrics equal, bit for bit, those of a run that was never interrupted.
"""

import argparse
import contextlib
import dataclasses
import functools
import io
import itertools
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxae import Run, state_to_resume
from jaxae._utils.files import write_json
from jaxae.cli import app as cli
from jaxae.runs.checkpoints import saved_numbers
from jaxae.training.step import TrainState

EPOCHS = 200
_PATIENCE = 600  # Seconds until a process counts as hung: the machine may be busy.
PROGRAM = (sys.executable, "-m", "jaxae")
OPTIONS = (f"--epochs={EPOCHS}", "--hidden-dim=16", "--checkpoint-every=5")
# Every look at the clock finds it days earlier or later than the one before.
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
from jaxae.training.step import TrainState
sys.exit(main())
"""


class Impossible(Exception):
    """This machine can't be made to have the fault."""


@dataclasses.dataclass
class Tally:
    """What a fault counted.

    Attributes:
      faults: how often it was done.
      runs: how many runs it was done to, all of which went on to their end.
      identical: how many of them equal the run that was never interrupted.
      rows_lost: rows of metrics that are missing, double or different at the end.
      noted: how many of the faults were of the kind that the table's last column tells.
    """

    faults: int = 0
    runs: int = 0
    identical: int = 0
    rows_lost: int = 0
    noted: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Add what another fault counted."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Tally(*map(sum, pairs))


class Scene:
    """A folder with a tiny data set, and a run on it that was never interrupted."""

    def __init__(self, folder: Path):
        """Write the data, train the run."""
        self.folder = folder
        self.data = folder / "blobs"
        self.reference = folder / "reference"
        self._numbers = itertools.count()
        self._started: list[subprocess.Popen[str]] = []
        # Most of a tiny run's time is compilation.
        self.environment = os.environ | {
            "JAX_COMPILATION_CACHE_DIR": str(folder / "cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        write_blobs(self.data)
        self.run(self.command(self.reference, "--checkpoint-every=99"))
        start = time.perf_counter()
        self.run(self.command(self.new_path(), "--checkpoint-every=99"))
        self.seconds = time.perf_counter() - start
        self.expected = _outcome(self.reference)

    def new_path(self) -> Path:
        """Name a folder that is not there yet."""
        return self.folder / f"run-{next(self._numbers)}"

    def command(self, run: Path, *options: str) -> list[str]:
        """Begin a run."""
        where = (f"--data-dir={self.data}", f"--run-dir={run}")
        return [*PROGRAM, "train", *where, *OPTIONS, *options]

    def resuming(self, run: Path, *options: str) -> list[str]:
        """Go on with a run."""
        return [*PROGRAM, "train", f"--run-dir={run}", "--resume", *options]

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a process, with Ctrl-C not ignored even if this one runs in the background."""
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            process = subprocess.Popen(
                command,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        finally:
            signal.signal(signal.SIGINT, previous)
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what still runs, after a failure."""
        for process in self._started:
            process.kill()
            process.communicate()

    def start_and_reach(self, run: Path, epoch: int, *options: str) -> subprocess.Popen[str]:
        """Begin a run; return when it tells of an epoch."""
        process = self.start(self.command(run, *options))
        assert process.stdout is not None
        assert any(line.startswith(f"epoch {epoch}/") for line in process.stdout)
        return process

    def run(self, command: list[str], status: int = 0) -> str:
        """Run a command to its end; return what it says."""
        process = self.start(command)
        out, err = process.communicate(timeout=_PATIENCE)
        assert process.returncode == status, err
        return out + err

    def go_on(self, run: Path) -> str:
        """Let a run go on to its end; return what it says."""
        return self.run(self.resuming(run, "--checkpoint-every=99"))

    @functools.cached_property
    def stopped(self) -> Path:
        """A run that SIGTERM stopped in the middle; copies of it are to be damaged."""
        run = self.new_path()
        process = self.start_and_reach(run, 20)
        process.terminate()
        process.communicate()
        return run

    def count(self, run: Path, tally: Tally) -> None:
        """Count how a finished run compares."""
        state, rows = _outcome(run)
        wanted_state, wanted_rows = self.expected
        tally.runs += 1
        tally.identical += state == wanted_state and rows == wanted_rows
        tally.rows_lost += abs(len(rows) - len(wanted_rows)) + sum(
            row != wanted for row, wanted in zip(rows, wanted_rows, strict=False)
        )


Fault = Callable[[Scene], Tally]


def killed(scene: Scene, times: int, rng: random.Random) -> Tally:
    """Kill -9 at random moments of runs that save without pause, resuming each until it ends."""
    tally = Tally()
    while tally.faults < times:
        run = scene.new_path()
        begin_or_resume = scene.command
        for _ in range(min(5, times - tally.faults)):
            process = scene.start(begin_or_resume(run, "--checkpoint-every=1"))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=rng.uniform(0.1, 2) * scene.seconds)
                assert process.returncode == 0
                break
            process.kill()
            process.communicate()
            tally.faults += 1
            tally.noted += any((run / "checkpoints").glob("*tmp*"))
            if (run / "config.json").is_file():  # Else it begins anew in what is left there.
                begin_or_resume = scene.resuming
        scene.run(begin_or_resume(run, "--checkpoint-every=99"))
        scene.count(run, tally)
    return tally


def interrupted(scene: Scene, number: signal.Signals) -> Tally:
    """Stop a run by a signal; it must save, and say how to go on."""
    tally, run = Tally(faults=1), scene.new_path()
    process = scene.start_and_reach(run, 20, "--checkpoint-every=99")
    process.send_signal(number)
    _, err = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 128 + number
    (saved,) = saved_numbers(run / "checkpoints")
    assert 20 <= saved < EPOCHS
    assert f"last saved: epoch {saved}; jaxae train --run-dir {run} --resume continues it" in err
    assert f"resuming after epoch {saved}" in scene.go_on(run)
    scene.count(run, tally)
    return tally


def disk_full(scene: Scene) -> Tally:
    """Fill the disk under a run, then make room."""
    tally, disk = Tally(faults=1), scene.new_path()
    disk.mkdir()
    with _mounted(disk, "-t", "tmpfs", "-o", "size=500k", "tmpfs"):
        run = disk / "run"
        process = scene.start(scene.command(run, "--keep=99"))
        _assert_told(process, run)
        _mount("-o", "remount,size=64m", str(disk))
        scene.go_on(run)
        scene.count(run, tally)
    return tally


def made_read_only(scene: Scene) -> Tally:
    """Make a run's folder read-only while it is trained, then writable again."""
    tally, run = Tally(faults=1), scene.new_path()
    process = scene.start_and_reach(run, 20)
    process.send_signal(signal.SIGSTOP)
    # Over itself: what is open stays open, what is opened from now on is read-only.
    with _mounted(run, "--bind", str(run)):
        _mount("-o", "remount,bind,ro", str(run))
        process.send_signal(signal.SIGCONT)
        _assert_told(process, run)
    scene.go_on(run)
    scene.count(run, tally)
    return tally


def damaged(scene: Scene, which: int, damage: Callable[[Path], None]) -> Tally:
    """Damage a file of the newest checkpoint; the run must go on from the one before, and say so.

    A file that holds nothing the state depends on may leave the newest in use; file 0, the largest,
    may not.
    """
    tally = Tally(faults=1)
    stopped = scene.stopped
    *_, before, newest = saved_numbers(stopped / "checkpoints")
    names = [
        path.relative_to(stopped)
        for path in sorted((stopped / "checkpoints" / str(newest)).rglob("*"))
        if path.is_file() and path.stat().st_size
    ]
    # The largest first: it holds most of the state.
    names.sort(key=lambda name: (stopped / name).stat().st_size, reverse=True)
    run = Path(shutil.copytree(stopped, scene.new_path()))
    damage(run / names[which % len(names)])
    said = scene.go_on(run)
    if f"resuming after epoch {before}" in said:
        assert f"checkpoints/{newest} cannot be read: " in said
        assert f"checkpoints/{before} is taken in its place\n" in said
        tally.noted += 1
    else:
        assert which and f"resuming after epoch {newest}" in said
    scene.count(run, tally)
    return tally


def two_processes(scene: Scene) -> Tally:
    """Begin and resume a run that another process trains; then kill -9 that, and go on."""
    tally, run = Tally(faults=3), scene.new_path()
    process = scene.start_and_reach(run, 20)
    process.send_signal(signal.SIGSTOP)
    for command in (scene.command(run, "--overwrite"), scene.resuming(run)):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            assert cli.main(command[len(PROGRAM) :]) == 2
        (line,) = said.getvalue().splitlines()
        assert line.startswith(f"jaxae: {run} is in use by another process")
    process.kill()
    process.communicate()
    scene.go_on(run)
    scene.count(run, tally)
    return tally


def clock_jumps(scene: Scene) -> Tally:
    """Train with a clock that jumps by days at each look, and files whose times run backwards."""
    tally, run = Tally(faults=1), scene.new_path()
    command = scene.command(run)
    process = scene.start([sys.executable, "-c", JUMPING_CLOCK, *command[len(PROGRAM) :]])
    assert process.stdout is not None
    assert any(line.startswith("epoch 20/") for line in process.stdout)
    process.kill()
    process.communicate()
    for epoch in saved_numbers(run / "checkpoints"):
        os.utime(run / "checkpoints" / str(epoch), (1e9 - 1e6 * epoch,) * 2)
    scene.go_on(run)
    scene.count(run, tally)
    return tally


def flip_bits(rng: random.Random) -> Callable[[Path], None]:
    """Return a function that flips eight bits of a file."""

    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        for _ in range(8):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)

    return flip


def _assert_told(process: subprocess.Popen[str], run: Path) -> None:
    _, err = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 2
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


def _outcome(run: Path) -> tuple[list[bytes], list[tuple[int, float, float]]]:
    # All that must not depend on what happened; the times may.
    state = state_to_resume(Run.open(run))
    assert isinstance(state, TrainState)
    state = state._replace(key=jax.random.key_data(state.key))
    rows = [(row.epoch, row.train_loss, row.test_loss) for row in Run.open(run).history()]
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)], rows


def write_blobs(folder: Path, seed: int = 0) -> None:
    """Write a tiny data set, 300 + 60 images of 8×6 noise, as a folder of IDX files."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for prefix, n in (("train", 300), ("t10k", 60)):
        for kind, array in (
            ("images-idx3", rng.integers(0, 256, (n, 8, 6))),
            ("labels-idx1", rng.integers(0, 3, n)),
        ):
            sizes = struct.pack(f">{array.ndim}I", *array.shape)
            content = bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()
            (folder / f"{prefix}-{kind}-ubyte").write_bytes(content)


class Repeated(NamedTuple):
    """A fault to be done many times.

    Attributes:
      fault: does it once or a few times, given how often it was done and a source of numbers.
      times: how often.
      note: what the table says of those that were noted.
    """

    fault: Callable[[Scene, int, random.Random], Tally]
    times: int = 5
    note: str = ""


def all_faults(kills: int) -> dict[str, Repeated]:
    """List every fault by its name."""

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
    """Do every fault many times, until the time is over; print a table."""
    end = time.monotonic() + seconds
    tallies: dict[str, Tally] = {}
    if tally_file is not None and tally_file.exists():
        kept = json.loads(tally_file.read_text())
        tallies = {name: Tally(**counts) for name, counts in kept.items()}
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
    """Parse the options, soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how often to kill -9")
    parser.add_argument("--minutes", type=float, default=120, help="stop after so long")
    parser.add_argument("--tally", type=Path, help="keep the counts here, and add to them")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.closing(Scene(Path(folder))) as scene:
            soak(scene, args.kills, 60 * args.minutes, args.tally)


if __name__ == "__main__":
    main()
