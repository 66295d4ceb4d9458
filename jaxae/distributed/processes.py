"""Several processes that act as one run, with JAX's distributed runtime."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterator

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from jaxae._utils.signals import TERMINATIONS
from jaxae.config import ProcessConfig

# Seconds to wait:
_JOIN = 120  # for processes that have not started yet
_HEARTBEAT = 30  # for a heartbeat, before a process counts as lost
_SHUTDOWN = 20  # for the other processes at the end
_LAST = 3  # for the other processes' messages after a failure
_LONG = 24 * 3600  # for a process that reads a large data set
_LONGEST_MESSAGE = 2000
# How JAX's runtime reports a process that it cannot reach: "UNKNOWN: Gloo all-reduce failed: …".
_LOST = re.compile(
    r"\b[A-Z_]+: .*(Gloo|NCCL|coordination|Connection|heartbeat|barrier).*", re.IGNORECASE
)
# What JAX says if there is no cluster, or if JAX is already in use.
_ALONE = ("coordinator_address should be defined", "must be called before any JAX calls")
# Waits for the end of its input, and prints its message if the input was empty.
_WATCH = "import sys; sys.stdin.read() or print(sys.argv[1], file=sys.stderr)"
_barriers = itertools.count()


class LostProcessError(RuntimeError):
    """Another process of the run has ended, so this one cannot continue."""


@contextlib.contextmanager
def process_group(config: ProcessConfig) -> Iterator[None]:
    """Join the other processes of the run, if any, for the duration of a with block.

    Enter it before JAX looks for devices. All processes leave the block together. After an error
    the process has to exit (see `leave`); JAX's runtime then ends the others within a minute.

    Raises:
      ValueError: the processes cannot find each other.
      LostProcessError: another process ended or failed.
    """
    if config.process_count == 1 and config.coordinator is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        if config.coordinator is not None:
            stack.enter_context(
                _watched(
                    "cannot join the other processes; check that all have started and can reach "
                    f"{config.coordinator}, a free port of process 0's host"
                )
            )
        if not _join(config):
            yield
            return
        stack.pop_all().close()
        stack.enter_context(
            _watched(
                "ended because another process was lost, or by a signal; restart all of them with "
                "--resume"
            )
        )
        try:
            yield
        except (ValueError, RuntimeError, OSError) as error:
            lost = _LOST.search(str(error))
            if lost is None:
                raise
            raise LostProcessError(
                f"another process of this run was lost or failed ({lost[0][:200]}); restart all of "
                "them with --resume"
            ) from error
        barrier("end")
        jax.distributed.shutdown()


def _join(config: ProcessConfig) -> bool:
    # JAX's handler of SIGTERM would replace jaxae's. Older versions lack this option.
    with contextlib.suppress(AttributeError):
        jax.config.update("jax_enable_preemption_service", False)
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # About clusters that may not be used.
            _interruptible(),
        ):
            jax.distributed.initialize(
                *(config.coordinator, config.process_count, config.process_id),
                initialization_timeout=_JOIN,
                heartbeat_timeout_seconds=_HEARTBEAT,
                shutdown_timeout_seconds=_SHUTDOWN,
            )
    except Exception as error:  # Each kind of cluster raises errors of another type.
        if config.coordinator is None and any(text in str(error) for text in _ALONE):
            return False
        raise ValueError(
            f"the processes cannot join ({str(error).splitlines()[0]}); check that all have "
            "started and can reach --coordinator, or pass --process-count 1 to train alone"
        ) from error
    # Processes tune a GPU program together. One that found it in a private cache would not take
    # part, so only a cache that the user set, which is shared, is used.
    jax.config.update("jax_compilation_cache_dir", os.environ.get("JAX_COMPILATION_CACHE_DIR"))
    return True


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    # JAX waits for the others outside Python, so a signal has to end the process itself.
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *TERMINATIONS)}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:  # As in the background of a shell, or under nohup.
            signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextlib.contextmanager
def _watched(message: str) -> Iterator[None]:
    # If another process is missing, JAX's runtime may abort this one with a stack trace, before
    # Python can print anything. A child process then prints the message.
    watch = subprocess.Popen(
        [sys.executable, "-c", _WATCH, f"jaxae{process_label()}: {message}"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        watch.communicate(b"ended")


def is_main_process() -> bool:
    """Return whether this is process 0, the only one that writes files and messages."""
    return jax.process_index() == 0


def process_label() -> str:
    """Return text that names this process in messages, "" if there is only one."""
    if not jax.distributed.is_initialized():
        return ""
    return f", process {jax.process_index()} of {jax.process_count()}"


def barrier(name: str) -> None:
    """Wait until every process arrives, however long it takes.

    The first collective of a kind, in contrast, waits for half a minute at most.
    """
    if jax.process_count() > 1:
        key = f"jaxae_{name}_{next(_barriers)}"
        ocp.multihost.get_barrier_sync_fn()(key=key, timeout_ms=1000 * _LONG)


def run_on_main_process(action: Callable[[], bool | None]) -> bool:
    """Call a function in process 0; return its result, or raise its error, in all processes.

    Raises:
      ValueError: the function raised it, or an OSError, which is raised as it is in process 0.
    """
    if jax.process_count() == 1:
        return bool(action())
    message, failure = b"", None
    if is_main_process():
        try:
            message = b"yes" if action() else b"no"
        except (ValueError, OSError) as error:
            message, failure = b"!" + str(error).encode(), error
    padded = message[:_LONGEST_MESSAGE].ljust(_LONGEST_MESSAGE, b"\0")
    barrier("decision")
    received = multihost_utils.broadcast_one_to_all(np.frombuffer(padded, np.uint8))
    text = bytes(np.asarray(received)).rstrip(b"\0")
    if failure is not None:
        raise failure
    if text.startswith(b"!"):
        raise ValueError(text[1:].decode(errors="replace"))
    return text == b"yes"


def all_reduce_max(number: int) -> int:
    """Return the maximum over all processes of a number below 2³¹."""
    return max(_all_gather(number))


def require_equal(what: str, value: bytes) -> None:
    """Raise ValueError, in every process, unless all of them pass the same value."""
    found = _all_gather(zlib.crc32(value) >> 1)
    if len(set(found)) > 1:
        others = [str(i) for i, number in enumerate(found) if number != found[0]]
        raise ValueError(
            f"{what} of process {', '.join(others)} differ from those of process 0; pass the same "
            "to all processes"
        )


def _all_gather(number: int) -> list[int]:
    if jax.process_count() == 1:
        return [number]
    gathered = multihost_utils.process_allgather(np.int32(number))
    return [int(each) for each in np.asarray(gathered)]


def leave(status: int) -> int:
    """Return a command's exit status; among several processes, exit here if it failed.

    JAX would wait for the others while the interpreter exits. Process 0, which coordinates, exits
    last, so that the others can print their own errors first.
    """
    if status and jax.distributed.is_initialized():
        if is_main_process():
            time.sleep(_LAST)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
