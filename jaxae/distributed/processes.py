"""Several processes as one run, by JAX's own runtime: joining, deciding together, leaving."""

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

# Seconds: to wait for processes that have not started yet; without a heartbeat, until a process
# counts as lost; for each other at the end, and after a failure; while one of them reads much.
_JOIN, _HEARTBEAT, _SHUTDOWN, _LAST, _LONG = 120, 30, 20, 3, 24 * 3600
_LONGEST_MESSAGE = 2000
# How JAX's runtime says that it cannot reach another process: "UNKNOWN: Gloo all-reduce failed: …".
_LOST = re.compile(
    r"\b[A-Z_]+: .*(Gloo|NCCL|coordination|Connection|heartbeat|barrier).*", re.IGNORECASE
)
# What JAX says where there is no cluster, or in a program that has begun to compute alone.
_ALONE = ("coordinator_address should be defined", "must be called before any JAX calls")
# Prints its message unless it is told, before the end of its input, that all went well.
_WATCH = "import sys; sys.stdin.read() or print(sys.argv[1], file=sys.stderr)"
_meetings = itertools.count()


class LostProcessError(RuntimeError):
    """Another process of the run has ended, so this one cannot go on."""


@contextlib.contextmanager
def process_group(config: ProcessConfig) -> Iterator[None]:
    """Join the other processes of the run, if there are any, while the block runs.

    It must be entered before JAX has looked for devices. All are to leave the block together. Where
    it is left by an error, the process is to end (see `leave`): JAX's runtime then ends the others,
    within a minute.

    Raises:
      ValueError: the processes cannot find each other.
      LostProcessError: another process has ended, or failed, while they computed together.
    """
    if config.process_count == 1 and config.coordinator is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        if config.coordinator is not None:
            stack.enter_context(
                _watched(
                    "cannot join the other processes; see that all have started and reach "
                    f"{config.coordinator}, a free port of process 0's host"
                )
            )
        if not _join(config):
            yield
            return
        stack.pop_all().close()
        stack.enter_context(
            _watched(
                "ended because another process is lost, or by a signal; start all again with "
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
                f"another process of this run is lost or has failed ({lost[0][:200]}); start all "
                "again with --resume"
            ) from error
        barrier("end")
        jax.distributed.shutdown()


def _join(config: ProcessConfig) -> bool:
    told = config.coordinator is not None
    # Its part for SIGTERM would keep jaxae's own from being asked. Older versions can't do without.
    with contextlib.suppress(AttributeError):
        jax.config.update("jax_enable_preemption_service", False)
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # Of a cluster that may not be meant at all.
            _interruptible(),
        ):
            jax.distributed.initialize(
                *(config.coordinator, config.process_count, config.process_id),
                initialization_timeout=_JOIN,
                heartbeat_timeout_seconds=_HEARTBEAT,
                shutdown_timeout_seconds=_SHUTDOWN,
            )
    except Exception as error:  # Each kind of cluster raises its own.
        if not told and any(text in str(error) for text in _ALONE):
            return False
        raise ValueError(
            f"the processes cannot join ({str(error).splitlines()[0]}); see that --coordinator "
            "can be reached and all have started, or pass --process-count 1 to train alone"
        ) from error
    # A process that finds a program compiled would not take part where GPUs tune it together. What
    # all processes share, their user has named.
    jax.config.update("jax_compilation_cache_dir", os.environ.get("JAX_COMPILATION_CACHE_DIR"))
    return True


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    # JAX waits for the others where Python is not asked: a signal is to end the process itself.
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
    # Where another process is missing, JAX's runtime may abort this one with a stack trace, and
    # Python has no say in it. So a child of ours has, unless the block is left in any way of ours.
    of = process_label()
    watch = subprocess.Popen(
        [sys.executable, "-c", _WATCH, f"jaxae{of}: {message}"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        watch.communicate(b"ended")


def is_main_process() -> bool:
    """Whether this is process 0, which alone writes and talks."""
    return jax.process_index() == 0


def process_label() -> str:
    """Say which process this is, if there are several, for a message."""
    if not jax.distributed.is_initialized():
        return ""
    return f", process {jax.process_index()} of {jax.process_count()}"


def barrier(name: str) -> None:
    """Wait until every process has come here, however long it takes.

    A collective that is the first of its kind waits for half a minute only.
    """
    if jax.process_count() > 1:
        key = f"jaxae_{name}_{next(_meetings)}"
        ocp.multihost.get_barrier_sync_fn()(key=key, timeout_ms=1000 * _LONG)


def run_on_main_process(action: Callable[[], bool | None]) -> bool:
    """Call a function in process 0 only; all return what it returns, or raise what it raises.

    Raises:
      ValueError: the action raised one, or an OSError, in process 0.
    """
    if jax.process_count() == 1:
        return bool(action())
    said, failure = b"", None
    if is_main_process():
        try:
            said = b"yes" if action() else b"no"
        except (ValueError, OSError) as error:
            said, failure = b"!" + str(error).encode(), error
    padded = said[:_LONGEST_MESSAGE].ljust(_LONGEST_MESSAGE, b"\0")
    barrier("decision")
    heard = multihost_utils.broadcast_one_to_all(np.frombuffer(padded, np.uint8))
    text = bytes(np.asarray(heard)).rstrip(b"\0")
    if failure is not None:
        raise failure
    if text.startswith(b"!"):
        raise ValueError(text[1:].decode(errors="replace"))
    return text == b"yes"


def all_reduce_max(number: int) -> int:
    """Return the largest of the numbers, below 2³¹, that the processes pass."""
    return max(_of_all(number))


def require_equal(what: str, value: bytes) -> None:
    """Compare a value over the processes.

    Raises:
      ValueError: they pass different ones; all raise it.
    """
    found = _of_all(zlib.crc32(value) >> 1)
    if len(set(found)) > 1:
        others = [str(i) for i, number in enumerate(found) if number != found[0]]
        raise ValueError(
            f"{what} of process {', '.join(others)} differ from those of process 0; expected the "
            "same for all"
        )


def _of_all(number: int) -> list[int]:
    if jax.process_count() == 1:
        return [number]
    gathered = multihost_utils.process_allgather(np.int32(number))
    return [int(each) for each in np.asarray(gathered)]


def leave(status: int) -> int:
    """Return a command's exit status; one that failed, among several processes, ends here.

    JAX would wait for the others as the interpreter exits. The first holds the processes together,
    so it goes last: those that failed of the same reason have time to say so themselves.
    """
    if status and jax.distributed.is_initialized():
        if is_main_process():
            time.sleep(_LAST)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
