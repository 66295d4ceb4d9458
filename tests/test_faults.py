"""A short form of `make soak`: runs with an injected fault are resumed and compared."""

import contextlib
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import faults
from tests.fault_scene import Scene, Tally

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with contextlib.closing(Scene(tmp_path_factory.mktemp("faults"))) as scene:
        yield scene


def check(tally: Tally) -> None:
    assert tally.faults >= 1
    assert (tally.identical, tally.rows_lost) == (tally.runs, 0)


def test_kill_9(scene: Scene) -> None:
    check(faults.killed(scene, times=2, rng=random.Random(3)))  # This seed kills early.


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_saves_and_sets_the_exit_status(scene: Scene, number: signal.Signals) -> None:
    check(faults.interrupted(scene, number))


def test_damaged_files_of_a_checkpoint(scene: Scene) -> None:
    for damage in (faults.flip_bits(random.Random(0)), Path.unlink):
        tally = faults.damaged(scene, 0, damage)
        check(tally)
        assert tally.noted == 1


def test_two_processes(scene: Scene) -> None:
    check(faults.two_processes(scene))


def test_a_clock_that_jumps(scene: Scene) -> None:
    check(faults.clock_jumps(scene))


@pytest.mark.parametrize("fault", [faults.disk_full, faults.made_read_only])
def test_a_disk_that_becomes_unwritable(scene: Scene, fault: faults.Fault) -> None:
    try:
        check(fault(scene))
    except faults.Impossible as reason:
        pytest.skip(str(reason))


def test_a_soak_continues_from_its_tally(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[int] = []

    def fault(scene: object, so_far: int, rng: random.Random) -> Tally:
        done.append(so_far)
        if len(done) == 2:
            raise KeyboardInterrupt
        return Tally(faults=2, runs=1, identical=1, rows_lost=3, noted=1)

    def impossible(*_: object) -> Tally:
        raise faults.Impossible("no disk")

    listed = {
        "one": faults.Repeated(fault, 5, "{} of them noted"),
        "other": faults.Repeated(impossible),
    }
    monkeypatch.setattr(faults, "all_faults", lambda kills: listed)
    some: Any = None
    with pytest.raises(KeyboardInterrupt):
        faults.soak(some, 1, 60, tmp_path / "tally")
    faults.soak(some, 1, 0, tmp_path / "tally")
    assert "| one | 2 | 1 | 1 | 3 | 1 of them noted |" in capsys.readouterr().out
    faults.soak(some, 1, 60, tmp_path / "tally")
    assert done == [0, 2, 2, 4]
    out = capsys.readouterr().out
    assert "| one | 6 | 3 | 3 | 9 | 3 of them noted |" in out
    assert "| other | 0 | 0 | 0 | 0 | not possible here: no disk |" in out
