"""Runs of a tiny data set to inject faults into, and to compare with an uninterrupted run."""

import contextlib
import dataclasses
import functools
import io
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import jax
import numpy as np

from jaxae import Run, state_to_resume
from jaxae.cli import app as cli
from jaxae.cli import train
from jaxae.training.step import TrainState
from tests.idx_files import write_blobs

EPOCHS = 200
PATIENCE = 600  # Seconds until a process counts as hung: the machine may be busy.
PROGRAM = (sys.executable, "-m", "jaxae")
_OPTIONS = (f"--epochs={EPOCHS}", "--hidden-dim=16", "--checkpoint-every=5")
# Of every process. Runs are the same bit for bit only with the same number of devices.
_HARDWARE = ("--device=cpu", "--devices=1")


@dataclasses.dataclass
class Tally:
    """Counts of one fault.

    Attributes:
      faults: how often it was injected.
      runs: the runs that it was injected into; all of them were resumed to their end.
      identical: the runs that equal the run that was never interrupted.
      rows_lost: rows of metrics that are missing, duplicate or different at the end.
      noted: the faults that the last column of the table counts.
    """

    faults: int = 0
    runs: int = 0
    identical: int = 0
    rows_lost: int = 0
    noted: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Add the counts of another tally."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Tally(*map(sum, pairs))


class Scene:
    """A folder with a tiny data set and a run that was never interrupted, the reference."""

    def __init__(self, folder: Path):
        """Write the data and train the reference."""
        self.folder = folder
        self.data = folder / "blobs"
        self.reference = folder / "reference"
        self._numbers = itertools.count()
        self._started: list[subprocess.Popen[str]] = []
        self.environment = os.environ | {
            "JAX_NUM_CPU_DEVICES": str(len(jax.devices("cpu"))),
            # A tiny run spends most of its time compiling.
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        write_blobs(self.data)
        self.run(self.command(self.reference, "--checkpoint-every=99"))
        start = time.perf_counter()
        self.run_elsewhere(self.command(self.new_path(), "--checkpoint-every=99"))
        self.seconds = time.perf_counter() - start
        self.expected = _outcome(self.reference)

    def new_path(self) -> Path:
        """Return the path of a folder that does not exist yet."""
        return self.folder / f"run-{next(self._numbers)}"

    def command(self, run: Path, *options: str) -> list[str]:
        """Return the command that starts a run."""
        where = (f"--data-dir={self.data}", f"--run-dir={run}")
        return [*PROGRAM, "train", *where, *_OPTIONS, *_HARDWARE, *options]

    def resuming(self, run: Path, *options: str) -> list[str]:
        """Return the command that resumes a run."""
        return [*PROGRAM, "train", f"--run-dir={run}", "--resume", *_HARDWARE, *options]

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a process that handles Ctrl-C, even if this one ignores it in the background."""
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
        """End the processes that are still running after a failure."""
        for process in self._started:
            kill(process)

    def start_and_reach(self, epoch: int, command: list[str]) -> subprocess.Popen[str]:
        """Start a run; return when it reports an epoch."""
        process = self.start(command)
        assert process.stdout is not None
        assert any(line.startswith(f"epoch {epoch}/") for line in process.stdout)
        return process

    def run(self, command: list[str]) -> str:
        """Run a command to its end in this process, without figures; return its output."""
        out = io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
            patch.object(train, "draw_all"),
        ):
            assert cli.main(command[len(PROGRAM) :]) == 0, out.getvalue()
        return out.getvalue()

    def run_elsewhere(self, command: list[str]) -> str:
        """Run a command to its end in a new process; return its output."""
        process = self.start(command)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        return out + err

    def resume(self, run: Path) -> str:
        """Resume a run to its end; return the output."""
        return self.run(self.resuming(run, "--checkpoint-every=99"))

    @functools.cached_property
    def stopped(self) -> Path:
        """A run that SIGTERM stopped in the middle; damage copies of it only."""
        run = self.new_path()
        process = self.start_and_reach(20, self.command(run))
        process.terminate()
        process.communicate()
        return run

    def compare(self, run: Path) -> Tally:
        """Compare a finished run with the reference."""
        state, rows = _outcome(run)
        expected_state, expected_rows = self.expected
        return Tally(
            runs=1,
            identical=state == expected_state and rows == expected_rows,
            rows_lost=abs(len(rows) - len(expected_rows))
            + sum(row != expected for row, expected in zip(rows, expected_rows, strict=False)),
        )


def kill(process: subprocess.Popen[str]) -> None:
    """Send SIGKILL to a process, and wait until it has ended."""
    process.kill()
    process.communicate()


def _outcome(run: Path) -> tuple[list[bytes], list[tuple[int, float, float]]]:
    # Without times, which faults may change.
    state = state_to_resume(Run.open(run))
    assert isinstance(state, TrainState)
    state = state._replace(key=jax.random.key_data(state.key))
    rows = [(row.epoch, row.train_loss, row.test_loss) for row in Run.open(run).history()]
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)], rows
