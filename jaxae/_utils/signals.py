"""Delay signals until it is safe to stop; several processes stop at the same point."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

# SIGHUP means that the terminal or the connection is gone. Windows has none.
TERMINATIONS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# Seconds within which a second signal counts as a repetition of the first: a terminal that closes
# sends SIGHUP twice, and launchers forward signals that the terminal has sent to all processes.
_REPETITION = 1.0


class DelayedInterrupt(KeyboardInterrupt):
    """SIGINT (Ctrl-C), delayed until it was safe to stop."""


class DelayedTermination(SystemExit):
    """SIGTERM or SIGHUP, delayed until it was safe to stop."""


@contextlib.contextmanager
def raise_on_termination() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit inside the block, so that it can clean up.

    The status is 128 + the signal's number, as usual. A signal that is ignored (`nohup`) or has a
    handler is left as it is.
    """

    def stop(number: int, _: FrameType | None) -> None:
        discard_output_to_lost_terminal()
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
def delay_signals(
    agree: Callable[[int], int] = lambda number: number,
) -> Iterator[Callable[[], None]]:
    """Delay SIGINT, SIGTERM and SIGHUP while the block runs, and print a message for the first.

    A second signal ends the process at once, as `kill -9` does.

    Args:
      agree: maps the number of the signal received, or 0, to the one to act on; called whenever the
        block asks whether to stop. With `jaxae.distributed.all_reduce_max`, all processes stop
        together.

    Raises:
      DelayedInterrupt: SIGINT was received; raised when the block asks, or at its end.
      DelayedTermination: SIGTERM or SIGHUP was received; likewise, with exit status 143 or 129.

    Yields:
      A function to call wherever it is safe to stop. It raises the error for a delayed signal.
    """
    held: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        discard_output_to_lost_terminal()
        held.append(number)

    def stop_if_asked() -> None:
        number = agree(max(held, default=0))
        if number in TERMINATIONS:
            raise DelayedTermination(128 + number)
        if number:
            raise DelayedInterrupt

    before: dict[int, Any] = {
        number: signal.getsignal(number) for number in (signal.SIGINT, *TERMINATIONS)
    }
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # As for a background job, or under nohup.
            signal.signal(number, hold)
    try:
        with _announce():
            yield stop_if_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    stop_if_asked()


def discard_output_to_lost_terminal(*outputs: int) -> None:
    """Redirect output to a terminal that is gone to the null device.

    Otherwise each print would fail, and could prevent a checkpoint from being saved.

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
def _announce() -> Iterator[None]:
    # Python calls a handler only when the main thread returns from XLA, which may take seconds. But
    # it writes the signal's number to a socket at once, where another thread reads it.
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
            _say(f"{name}: stopping within seconds, after saving; a second signal stops at once")
        elif time.monotonic() - first > _REPETITION:
            _say(f"{name} again: stopped without saving")
            os._exit(128 + number)


def _say(text: str) -> None:
    # Not print, which the main thread may be in the middle of.
    with contextlib.suppress(OSError):  # The terminal may be gone.
        os.write(2, f"jaxae: {text}\n".encode())
