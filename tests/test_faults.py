"""Runs that meet with a fault and go on by --resume: the short form of `make soak`."""

import contextlib
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import faults
from tests.faults import Scene, Tally

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with contextlib.closing(Scene(tmp_path_factory.mktemp("faults"))) as scene:
        yield scene


def check(tally: Tally) -> None:
    assert tally.faults >= 1
    assert (tally.identical, tally.rows_lost) == (tally.runs, 0)


def test_kill_9(scene: Scene) -> None:
    check(faults.killed(scene, times=2, rng=random.Random(0)))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_saves_and_gives_the_usual_status(scene: Scene, number: signal.Signals) -> None:
    check(faults.interrupted(scene, number))


def test_damaged_files_of_a_checkpoint(scene: Scene) -> None:
    check(faults.damaged(scene, 1, faults.flip_bits(random.Random(0))))
    check(faults.damaged(scene, 1, Path.unlink))


def test_two_processes(scene: Scene) -> None:
    check(faults.two_processes(scene))


def test_a_clock_that_jumps(scene: Scene) -> None:
    check(faults.clock_jumps(scene))


@pytest.mark.parametrize("fault", [faults.disk_full, faults.made_read_only])
def test_a_disk_that_cannot_be_written(scene: Scene, fault: faults.Fault) -> None:
    try:
        check(fault(scene))
    except faults.Impossible as reason:
        pytest.skip(str(reason))
