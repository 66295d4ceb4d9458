"""Run a command as a program: its messages, and the status that it exits with."""

import logging
import sys
import traceback
from collections.abc import Callable

import jax

from jaxae.commands.compiled import keep_compiled
from jaxae.processes import LostProcessError, leave, of_processes
from jaxae.signals import terminations_raised
from jaxae.text import printable


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
        hint = "" if debug or not _of_a_library(error) else " (--debug shows where)"
        print(f"jaxae{of_processes()}: {printable(str(error))}{hint}", file=sys.stderr)
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


def _of_a_library(error: BaseException) -> bool:
    # What jaxae raises says what to do. Another's ValueError may be a bug, to be found and told.
    frames = list(traceback.walk_tb(error.__traceback__))
    module = frames[-1][0].f_globals.get("__name__", "")
    return isinstance(error, ValueError) and module.partition(".")[0] != "jaxae"


def set_up(debug: bool) -> None:
    """Keep compiled programs; print jaxae's own warnings, and what libraries log only to debug."""
    keep_compiled()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("jaxae: %(message)s"))
    logging.getLogger("jaxae").addHandler(handler)
    if debug:
        return
    # A checkpoint that cannot be read is one line too. Orbax logs it besides, and its reads that
    # were still under way each print that their event loop is closed. jax2onnx and onnx_ir list
    # layers and shapes that an export has no need of.
    for name in ("absl", "asyncio", "jax2onnx", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    sys.unraisablehook = drop_closed_loops


def drop_closed_loops(unraisable: "sys.UnraisableHookArgs") -> None:
    """Report an exception that cannot be raised, unless it is one that Orbax leaves behind."""
    if str(unraisable.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(unraisable)
