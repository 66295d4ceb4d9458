"""Run a command as a program: its messages, and the status that it exits with."""

import logging
import sys
import traceback
from collections.abc import Callable
from types import TracebackType

import jax

from jaxae._utils.signals import terminations_raised
from jaxae._utils.text import printable
from jaxae.cli.compiled import keep_compiled
from jaxae.distributed import LostProcessError, leave, process_label


def run(command: Callable[[], None], debug: bool = False) -> int:
    """Run a command; return its exit status.

    It is 0, 1 where another process of a run is lost, 2 for bad input, 130 for Ctrl-C. SIGTERM and
    SIGHUP raise SystemExit, with status 143 and 129.

    Args:
      command: what to run.
      debug: print the traceback of an error, too.
    """
    try:
        with terminations_raised():
            command()
    except (ValueError, OSError, LostProcessError) as error:
        if debug:
            traceback.print_exc()
        # What jaxae raises says what to do; another's ValueError may be a bug.
        strange = isinstance(error, ValueError) and _package(error.__traceback__) != "jaxae"
        hint = " (--debug shows where)" if strange and not debug else ""
        print(f"jaxae{process_label()}: {printable(str(error))}{hint}", file=sys.stderr)
        return leave(1 if isinstance(error, LostProcessError) else 2)
    except Exception:
        if not jax.distributed.is_initialized():
            raise
        traceback.print_exc()  # Or this process would wait for the others before it ends.
        return leave(1)
    except KeyboardInterrupt:
        print("jaxae: interrupted", file=sys.stderr)
        return leave(130)
    except SystemExit as stop:
        leave(stop.code if isinstance(stop.code, int) else 0)
        raise
    return 0


def set_up(debug: bool) -> None:
    """Keep compiled programs; print jaxae's own warnings, and what libraries log only to debug."""
    keep_compiled()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("jaxae: %(message)s"))
    ours = logging.getLogger("jaxae")
    ours.addHandler(handler)
    ours.propagate = False  # Orbax's absl has a handler for all, which would print them again.
    if debug:
        return
    # A checkpoint that cannot be read is one line too. Orbax logs it besides, and its reads that
    # were still under way each print an error of theirs. jax2onnx and onnx_ir list layers and
    # shapes that an export has no need of.
    for name in ("absl", "asyncio", "jax2onnx", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    sys.unraisablehook = drop_unfinished_reads


def drop_unfinished_reads(unraisable: "sys.UnraisableHookArgs") -> None:
    """Report an exception that cannot be raised, unless it is from a read that Orbax gave up."""
    closed = str(unraisable.exc_value) == "Event loop is closed"
    if not closed and _package(unraisable.exc_traceback) != "orbax":
        sys.__unraisablehook__(unraisable)


def _package(trace: TracebackType | None) -> str:
    """The package whose code raised an exception, given its traceback."""
    module = ""
    for frame, _ in traceback.walk_tb(trace):
        module = frame.f_globals.get("__name__", "")
    return module.partition(".")[0]
