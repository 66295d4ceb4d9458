"""Stop between two epochs, not within one."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def signals_held_back() -> Iterator[Callable[[], None]]:
    """Hold back SIGINT (Ctrl-C) and SIGTERM while the block runs, each once: a second one acts.

    Raises:
      KeyboardInterrupt: SIGINT came; raised where the block asks, or at its end.
      SystemExit: SIGTERM came; likewise, with the usual status 143.

    Yields:
      A function to call wherever it is safe to stop: it raises what was held back.
    """
    held: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        held.append(number)
        signal.signal(number, before[number])

    def stop_if_asked() -> None:
        if signal.SIGTERM in held:
            raise SystemExit(128 + signal.SIGTERM)
        if held:
            raise KeyboardInterrupt

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
