"""Run a command as a program: error messages, exit status, logging."""

import logging
import sys
import traceback
import warnings
from collections.abc import Callable
from types import TracebackType

import jax

from jaxae._utils.signals import raise_on_termination
from jaxae.cli.compiled import keep_compiled
from jaxae.cli.console import warn
from jaxae.distributed import LostProcessError, leave, process_label


def run(command: Callable[[], None], debug: bool = False) -> int:
    """Run a command; return its exit status.

    The status is 0 on success, 1 if another process of the run is lost, 2 for bad input and 130 for
    Ctrl-C. SIGTERM and SIGHUP raise SystemExit with status 143 and 129.

    Args:
      command: the command with its options.
      debug: whether to print an error's traceback before its message.
    """
    try:
        with raise_on_termination():
            command()
    except (ValueError, OSError, LostProcessError) as error:
        if debug:
            traceback.print_exc()
        # A message of jaxae says what to do. A ValueError from another package may be a bug.
        foreign = isinstance(error, ValueError) and _package(error.__traceback__) != "jaxae"
        hint = " (--debug shows where)" if foreign and not debug else ""
        warn(f"{error}{hint}", process_label())
        return leave(1 if isinstance(error, LostProcessError) else 2)
    except Exception:
        if not jax.distributed.is_initialized():
            raise
        traceback.print_exc()  # Exit at once; Python's own exit would wait for the other processes.
        return leave(1)
    except KeyboardInterrupt:
        warn("interrupted")
        return leave(130)
    except SystemExit as stop:
        leave(stop.code if isinstance(stop.code, int) else 0)
        raise
    return 0


def set_up(debug: bool) -> None:
    """Enable the compilation cache, and print warnings; other libraries' only when debugging."""
    keep_compiled()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("jaxae: %(message)s"))
    ours = logging.getLogger("jaxae")
    ours.addHandler(handler)
    ours.propagate = False  # Orbax's absl adds a handler to the root, which would print them again.
    if debug:
        return
    # jaxae reports a checkpoint that cannot be read in one line. Orbax logs it as well, and each of
    # its unfinished reads prints an error. jax2onnx and onnx_ir log layers and shapes.
    for name in ("absl", "asyncio", "jax2onnx", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    sys.unraisablehook = drop_unfinished_reads
    # A save that fails, for instance on a full disk, may leave coroutines that never started.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)


def drop_unfinished_reads(unraisable: "sys.UnraisableHookArgs") -> None:
    """Report an exception that Python cannot raise, except from an unfinished read of Orbax."""
    closed = str(unraisable.exc_value) == "Event loop is closed"
    if not closed and _package(unraisable.exc_traceback) != "orbax":
        sys.__unraisablehook__(unraisable)


def _package(trace: TracebackType | None) -> str:
    """Return the package whose code raised an exception, given its traceback."""
    module = ""
    for frame, _ in traceback.walk_tb(trace):
        module = frame.f_globals.get("__name__", "")
    return module.partition(".")[0]
