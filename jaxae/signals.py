"""Stop where it is safe, between two epochs or chunks, and several processes at the same place."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

# Windows has no SIGHUP, which tells that the terminal or the connection is gone.
TERMINATIONS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)


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
    """Hold back SIGINT, SIGTERM and SIGHUP while the block runs, each once: a second one acts.

    Args:
      agree: called with the signal that came, or 0, wherever the block asks; returns the one to act
        on. Several processes stop together by `jaxae.processes.largest`.

    Raises:
      HeldInterrupt: SIGINT came; raised where the block asks, or at its end.
      HeldTermination: SIGTERM or SIGHUP came; likewise, with the usual status 143 or 129.

    Yields:
      A function to call wherever it is safe to stop: it raises what was held back.
    """
    held: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        held.append(number)
        signal.signal(number, before[number])

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
        yield stop_if_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    stop_if_asked()
