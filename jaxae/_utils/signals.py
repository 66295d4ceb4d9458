"""Stop where it is safe, between two epochs or chunks, and several processes at the same place."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

# Windows has no SIGHUP, which tells that the terminal or the connection is gone.
TERMINATIONS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# Seconds in which a second signal counts as the first one: a terminal that closes sends SIGHUP
# twice, and launchers pass on what the terminal has sent to all.
_SAME = 1.0


class HeldInterrupt(KeyboardInterrupt):
    """SIGINT (Ctrl-C) that was held back until it was safe to stop."""


class HeldTermination(SystemExit):
    """SIGTERM or SIGHUP that was held back until it was safe to stop."""


@contextlib.contextmanager
def terminations_raised() -> Iterator[None]:
    """Raise SystemExit where SIGTERM or SIGHUP would end the process, so that the block cleans up.

    The status is the usual 128 + the signal's number. A signal that is ignored (`nohup`) or has a
    handler is left alone.
    """

    def stop(number: int, _: FrameType | None) -> None:
        let_go_of_lost_terminal()
        raise SystemExit(128 + number)

    ours = [number for number in TERMINATIONS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def signals_held_back(
    agree: Callable[[int], int] = lambda number: number,
) -> Iterator[Callable[[], None]]:
    """Hold back SIGINT, SIGTERM and SIGHUP while the block runs, and say so on stderr.

    A second one ends the process at once, as `kill -9` does.

    Args:
      agree: called with the signal that came, or 0, wherever the block asks; returns the one to act
        on. Several processes stop together by `jaxae.distributed.processes.all_reduce_max`.

    Raises:
      HeldInterrupt: SIGINT came; raised where the block asks, or at its end.
      HeldTermination: SIGTERM or SIGHUP came; likewise, with the usual status 143 or 129.

    Yields:
      A function to call wherever it is safe to stop: it raises what was held back.
    """
    held: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        let_go_of_lost_terminal()
        held.append(number)

    def stop_if_asked() -> None:
        number = agree(max(held, default=0))
        if number in TERMINATIONS:
            raise HeldTermination(128 + number)
        if number:
            raise HeldInterrupt

    before: dict[int, Any] = {
        number: signal.getsignal(number) for number in (signal.SIGINT, *TERMINATIONS)
    }
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # As in the background of a shell, or under nohup.
            signal.signal(number, hold)
    try:
        with _announced():
            yield stop_if_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    stop_if_asked()


def let_go_of_lost_terminal(*outputs: int) -> None:
    """Discard what is written to a terminal that is gone; each print would fail, and stop a save.

    Args:
      outputs: file descriptors; by default those of stdout and stderr.
    """
    for output in outputs or (1, 2):
        try:
            os.write(output, b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, output)
            os.close(nowhere)


@contextlib.contextmanager
def _announced() -> Iterator[None]:
    # Python calls a handler when the main thread comes back from XLA, which may take seconds. The
    # signal's number is written to a socket at once, and another thread reads it there.
    theirs, ours = socket.socketpair()
    theirs.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(ours,), daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        theirs.close()
        listener.join()
        ours.close()


def _listen(signals: socket.socket) -> None:
    first: float | None = None
    while received := signals.recv(1):
        number = received[0]
        if number not in (signal.SIGINT, *TERMINATIONS):
            continue
        name = signal.Signals(number).name
        if first is None:
            first = time.monotonic()
            _say(f"{name}: stopping within seconds, what is done is saved; a second one stops now")
        elif time.monotonic() - first > _SAME:
            _say(f"{name} again: stopped now")
            os._exit(128 + number)


def _say(text: str) -> None:
    # Not print: the main thread may be in the middle of one.
    with contextlib.suppress(OSError):  # The terminal may be gone.
        os.write(2, f"jaxae: {text}\n".encode())
