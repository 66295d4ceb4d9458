"""Signals that are delayed: announced at once, acted on when it is safe."""

import hashlib
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from jaxae._utils import signals
from jaxae._utils.signals import (
    DelayedInterrupt,
    DelayedTermination,
    delay_signals,
    discard_output_to_lost_terminal,
)


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    """Handlers as in a terminal, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_a_signal_is_announced_during_a_long_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed: list[tuple[float, str]] = []
    monkeypatch.setattr(signals, "_say", lambda text: printed.append((time.monotonic(), text)))
    with pytest.raises(DelayedInterrupt), delay_signals():
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        # Like a compiled epoch: no handler of Python's runs before it returns.
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000)
        end = time.monotonic()
    ((when, text),) = printed
    assert when < end - 0.1
    assert text.startswith("SIGINT: stopping within seconds") and "a second signal" in text


@pytest.mark.parametrize("number", signals.TERMINATIONS)
def test_a_second_signal_stops_at_once(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signals, "_REPETITION", 0.0)
    stopped: queue.Queue[int] = queue.Queue()
    monkeypatch.setattr(os, "_exit", stopped.put)
    with pytest.raises(DelayedTermination), delay_signals():
        signal.raise_signal(number)
        time.sleep(0.01)
        signal.raise_signal(number)
        assert stopped.get(timeout=10) == 128 + number
    first, second = capfd.readouterr().err.splitlines()
    assert first.startswith(f"jaxae: {number.name}: stopping") and "again" in second


def test_a_repeated_signal_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[int] = []
    monkeypatch.setattr(os, "_exit", stopped.append)
    with pytest.raises(DelayedTermination, match="143"), delay_signals() as stop_if_asked:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        stop_if_asked()
    assert stopped == []


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_output_to_a_lost_terminal_is_discarded(
    capfd: pytest.CaptureFixture[str],
) -> None:
    near, far = os.openpty()
    os.close(near)
    with pytest.raises(OSError):
        os.write(far, b"lost")
    discard_output_to_lost_terminal(far, 1)
    assert os.write(far, b"discarded") == 9
    os.close(far)
    os.write(1, b"still printed")  # A terminal that is there is left alone.
    assert capfd.readouterr().out == "still printed"


def test_a_termination_takes_precedence_over_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "_exit", lambda _: None)
    agreed: list[int] = []

    def agree(number: int) -> int:
        agreed.append(number)
        return number

    with pytest.raises(DelayedTermination), delay_signals(agree) as stop_if_asked:
        stop_if_asked()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        stop_if_asked()
    assert agreed == [0, signal.SIGTERM]


def test_a_signal_to_another_process_stops_this_one() -> None:
    with pytest.raises(DelayedInterrupt), delay_signals(lambda _: signal.SIGINT) as stop_if_asked:
        stop_if_asked()


@pytest.mark.parametrize("number", [signal.SIGINT, *signals.TERMINATIONS])
def test_a_signal_that_is_ignored_stays_ignored(number: signal.Signals) -> None:
    """As in the background of a shell, or under nohup."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with delay_signals() as stop_if_asked:
            signal.raise_signal(number)
            stop_if_asked()
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
