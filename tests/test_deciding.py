"""What each process of a run decides, waits for and leaves, as one process after the other here."""

import contextlib
import os
import signal
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import orbax.checkpoint as ocp
import pytest
from jax.experimental import multihost_utils

from jaxae import Run
from jaxae._utils.signals import TERMINATIONS, raise_on_termination
from jaxae.cli.app import main
from jaxae.config import ProcessConfig
from jaxae.distributed import processes
from jaxae.distributed.processes import (
    LostProcessError,
    all_reduce_max,
    leave,
    process_group,
    require_equal,
    run_on_main_process,
)

Become = Callable[[int], None]
TOLD = ProcessConfig("host:1", 0, 2)


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Become:
    """Make this process one of three."""

    def become(number: int) -> None:
        monkeypatch.setattr(jax, "process_index", lambda: number)

    monkeypatch.setattr(jax, "process_count", lambda: 3)
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(processes, "barrier", lambda _: None)
    become(0)
    return become


def gather(monkeypatch: pytest.MonkeyPatch, *others: int) -> None:
    """Have the other two processes pass these numbers."""

    def allgather(own: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        return np.array([own, *others], np.int32)

    monkeypatch.setattr(multihost_utils, "process_allgather", allgather)


# Deciding together.


@pytest.mark.parametrize(("own", "others"), [(0, (0, 15)), (15, (0, 2)), (2, (15, 0))])
def test_the_largest_number_counts_whoever_passes_it(
    become: Become, monkeypatch: pytest.MonkeyPatch, own: int, others: tuple[int, int]
) -> None:
    gather(monkeypatch, *others)
    assert all_reduce_max(own) == 15


def test_a_process_alone_decides_for_itself() -> None:
    assert all_reduce_max(7) == 7
    require_equal("the options", b"any")
    assert run_on_main_process(lambda: True) is True
    assert run_on_main_process(lambda: None) is False


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize(
    ("passed", "named"), [((3, 4, 3), "1"), ((3, 4, 4), "1, 2"), ((3, 3, 4), "2"), ((3, 3, 3), "")]
)
def test_the_processes_that_differ_are_named_in_every_one(
    become: Become,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    passed: tuple[int, int, int],
    named: str,
) -> None:
    def allgather(own: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        assert own.dtype == np.int32 and own == zlib.crc32(b"%d" % passed[number]) // 2
        return np.array([zlib.crc32(b"%d" % value) // 2 for value in passed], np.int32)

    become(number)
    monkeypatch.setattr(multihost_utils, "process_allgather", allgather)
    text = f"^the options of process {named} differ from those of process 0;"
    with pytest.raises(ValueError, match=text) if named else contextlib.nullcontext():
        require_equal("the options", b"%d" % passed[number])


def decide(
    become: Become, monkeypatch: pytest.MonkeyPatch, action: Callable[[], bool | None]
) -> list[bool | Exception]:
    """Return what processes 0 and 1 get of a decision."""
    said: list[Any] = []

    def broadcast(own: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        said.append(own)
        assert {len(each) for each in said} == {len(own)}  # A collective takes one shape.
        return said[0]

    monkeypatch.setattr(multihost_utils, "broadcast_one_to_all", broadcast)
    found: list[bool | Exception] = []
    for number in (0, 1):
        become(number)
        try:
            found.append(run_on_main_process(action))
        except (ValueError, OSError) as error:
            found.append(error)
    return found


@pytest.mark.parametrize("decided", [True, False])
def test_the_first_process_decides_for_all_and_acts_once(
    become: Become, monkeypatch: pytest.MonkeyPatch, decided: bool
) -> None:
    acted: list[int] = []

    def action() -> bool:
        acted.append(jax.process_index())
        return decided

    assert decide(become, monkeypatch, action) == [decided, decided]
    assert acted == [0]


@pytest.mark.parametrize("text", ["the folder is full", "é" * 3000])
def test_what_the_first_process_refuses_all_raise(
    become: Become, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def refuse() -> None:
        raise OSError(text)

    first, second = decide(become, monkeypatch, refuse)
    assert type(first) is OSError and str(first) == text
    assert type(second) is ValueError
    assert str(second)[:900] == text[:900]


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(("here", "elsewhere"), [(False, True), (True, False), (False, False)])
def test_all_stream_if_one_process_must(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool, elsewhere: bool
) -> None:
    asked: list[int] = []

    def largest(number: int) -> int:
        asked.append(number)
        return max(number, elsewhere)

    monkeypatch.setattr("jaxae.training.exceeds_memory", lambda *_: here)
    monkeypatch.setattr("jaxae.distributed.all_reduce_max", largest)
    monkeypatch.setattr("jaxae.cli.train._fit", lambda *_, **__: None)
    assert main(["train", f"--data-dir={blobs}", f"--run-dir={tmp_path / 'run'}"]) == 0
    assert asked == [here]
    assert Run.open(tmp_path / "run").config.train.stream is (here or elsewhere)


# Joining and leaving.


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """JAX's part of a cluster: what was called, and with which handlers of signals."""
    called: list[Any] = []

    def initialize(*place: Any, **_: Any) -> None:
        called.append((place, {n: signal.getsignal(n) for n in (signal.SIGINT, *TERMINATIONS)}))

    @contextlib.contextmanager
    def watched(message: str) -> Iterator[None]:
        called.append(message.split(";")[0])
        yield
        called.append("unwatched")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    monkeypatch.setattr(jax.distributed, "shutdown", lambda: called.append("shutdown"))
    monkeypatch.setattr(processes, "barrier", called.append)
    monkeypatch.setattr(processes, "_watched", watched)
    return called


def test_processes_join_and_wait_for_each_other_at_the_end(runtime: list[Any]) -> None:
    with process_group(TOLD):
        runtime.append("block")
    (place, _) = runtime.pop(1)
    assert place == ("host:1", 2, 0)
    lost = "ended because another process was lost, or by a signal"
    joining = "cannot join the other processes"
    assert runtime == [joining, "unwatched", lost, "block", "end", "shutdown", "unwatched"]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("ignored", [False, True])
def test_a_signal_ends_a_process_that_waits_to_join_and_is_handled_as_before_afterwards(
    runtime: list[Any], monkeypatch: pytest.MonkeyPatch, fails: bool, ignored: bool
) -> None:
    ours = {n: signal.SIG_IGN if ignored else lambda *_: None for n in (2, *TERMINATIONS)}
    before = {number: signal.signal(number, handler) for number, handler in ours.items()}
    if fails:
        during = jax.distributed.initialize

        def initialize(*place: Any, **more: Any) -> None:
            during(*place, **more)
            raise RuntimeError("DEADLINE_EXCEEDED\nand more")

        monkeypatch.setattr(jax.distributed, "initialize", initialize)
    try:
        refused = pytest.raises(ValueError, match=r"cannot join \(DEADLINE_EXCEEDED\)")
        with refused if fails else contextlib.nullcontext(), process_group(TOLD):
            pass
        after = {number: signal.getsignal(number) for number in ours}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    (_, handlers) = runtime[1]
    assert set(handlers.values()) == {signal.SIG_IGN if ignored else signal.SIG_DFL}
    assert after == ours


def test_no_cluster_means_alone(runtime: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def initialize(*_: Any, **__: Any) -> None:
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    with process_group(ProcessConfig()):
        pass
    assert runtime == []
    with pytest.raises(ValueError, match="the processes cannot join"), process_group(TOLD):
        pass


def test_a_lost_process_is_told_from_an_error_of_ones_own(runtime: list[Any]) -> None:
    for lost in ("INTERNAL: Gloo all-reduce failed: reset", "UNAVAILABLE: Connection refused"):
        with pytest.raises(LostProcessError, match="was lost or failed"), process_group(TOLD):
            raise RuntimeError(f"in step 3, {lost}")
    with pytest.raises(ValueError, match=r"^Connection is no image$"), process_group(TOLD):
        raise ValueError("Connection is no image")
    # JAX would wait for those that are lost.
    assert "shutdown" not in runtime and "end" not in runtime


@pytest.mark.parametrize("number", [0, 1])
def test_process_0_leaves_last_when_a_command_fails(
    become: Become, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(time, "sleep", lambda seconds: done.append(("sleep", seconds)))
    monkeypatch.setattr(os, "_exit", lambda status: done.append(("exit", status)))
    become(number)
    leave(2)
    assert done[-1] == ("exit", 2)
    assert [what for what, _ in done[:-1]] == ([] if number else ["sleep"])
    assert all(1 <= seconds <= 10 for _, seconds in done[:-1])
    done.clear()
    assert leave(0) == 0 and done == []
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: False)
    assert leave(2) == 2 and done == []


def test_each_meeting_has_a_name_of_its_own_and_waits_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    met: list[SimpleNamespace] = []
    sync = SimpleNamespace(get_barrier_sync_fn=lambda: lambda **m: met.append(SimpleNamespace(**m)))
    monkeypatch.setattr(ocp, "multihost", sync)
    processes.barrier("rows")
    assert met == []  # Alone, there is nobody to wait for.
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    for _ in range(2):
        processes.barrier("rows")
    assert len({meeting.key for meeting in met}) == 2
    assert all("rows" in meeting.key and meeting.timeout_ms >= 3600_000 for meeting in met)


def test_a_process_says_which_it_is_among_several(become: Become) -> None:
    become(2)
    assert processes.process_label() == ", process 2 of 3" and not processes.is_main_process()
    become(0)
    assert processes.process_label() == ", process 0 of 3" and processes.is_main_process()


# A termination, in a command that holds nothing back.


@pytest.mark.parametrize("number", TERMINATIONS)
def test_a_termination_is_raised_once_and_then_as_before(number: int) -> None:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as stopped, raise_on_termination():
            signal.raise_signal(number)
        assert stopped.value.code == 128 + number
        assert signal.getsignal(number) is signal.SIG_DFL
        for left_alone in (signal.SIG_IGN, lambda *_: None):
            signal.signal(number, left_alone)
            with raise_on_termination():
                assert signal.getsignal(number) is left_alone
            assert signal.getsignal(number) is left_alone
    finally:
        signal.signal(number, before)
