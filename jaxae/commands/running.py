"""Run a command as a program: its messages, and the status that it exits with."""

import logging
import sys
import traceback
from collections.abc import Callable

import jax

from jaxae.processes import LostProcessError, leave, of_processes
from jaxae.signals import terminations_raised
from jaxae.text import printable


def run(command: Callable[[], None]) -> int:
    """Run a command; return its exit status.

    It is 0, 1 where another process of a run is lost, 2 for bad input, 130 for Ctrl-C. SIGTERM and
    SIGHUP raise SystemExit, with status 143 and 129.
    """
    try:
        with terminations_raised():
            command()
    except (ValueError, OSError, LostProcessError) as error:
        print(f"jaxae{of_processes()}: {printable(str(error))}", file=sys.stderr)
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


def set_up_logging() -> None:
    """Print jaxae's own warnings, and nothing of what its libraries log."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("jaxae: %(message)s"))
    logging.getLogger("jaxae").addHandler(handler)
    # A checkpoint that cannot be read is one line too. Orbax logs it besides, and its reads that
    # were still under way each print that their event loop is closed. jax2onnx and onnx_ir list
    # layers and shapes that an export has no need of.
    for name in ("absl", "asyncio", "jax2onnx", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    sys.unraisablehook = lambda _: None
