"""Stop where it is safe, between two epochs or chunks, and several processes at the same place."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


class HeldInterrupt(KeyboardInterrupt):
    """SIGINT (Ctrl-C) that was held back until it was safe to stop."""


class HeldTermination(SystemExit):
    """SIGTERM that was held back until it was safe to stop."""


@contextlib.contextmanager
def signals_held_back(
    agree: Callable[[int], int] = lambda number: number,
) -> Iterator[Callable[[], None]]:
    """Hold back SIGINT and SIGTERM while the block runs, each once: a second one acts.

    Args:
      agree: called with the signal that came, or 0, wherever the block asks; returns the one to act
        on. Several processes stop together by `jaxae.processes.largest`.

    Raises:
      HeldInterrupt: SIGINT came; raised where the block asks, or at its end.
      HeldTermination: SIGTERM came; likewise, with the usual status 143.

    Yields:
      A function to call wherever it is safe to stop: it raises what was held back.
    """
    held: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        held.append(number)
        signal.signal(number, before[number])

    def stop_if_asked() -> None:
        number = agree(max(held, default=0))
        if number == signal.SIGTERM:
            raise HeldTermination(128 + number)
        if number:
            raise HeldInterrupt

    before: dict[int, Any] = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
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
