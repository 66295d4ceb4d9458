"""Start one worker process, wait for its result, and leave nothing of it running."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 600
_KEPT_LINES = 20
_ROOT = Path(__file__).resolve().parents[2]


class WorkerError(Exception):
    """A worker process crashed, hung, or printed no result.

    Attributes:
      stderr: the last lines it printed there.
      hung: whether it was ended because it took too long.
    """

    def __init__(self, why: str, stderr: str = "", hung: bool = False):
        """Keep the end of what it printed, with paths as seen from the project."""
        super().__init__(why)
        lines = stderr.replace(f"{_ROOT}{os.sep}", "").strip().splitlines()
        self.stderr, self.hung = lines[-_KEPT_LINES:], hung


def spawn(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Run `python -m benchmarks.MODULE SPEC` and return what its last line says.

    Raises:
      WorkerError: it crashed, hung, or printed no result.
    """
    process = subprocess.Popen(
        command(module, spec | {"started": time.time()}),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A session of its own, so that the processes that it starts can be ended with it.
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    except BaseException as error:  # Ctrl-C too, which a session of its own does not hear.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        _, errors = process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            why = f"no result within {TIMEOUT_SECONDS} s"
            raise WorkerError(why, errors, hung=True) from error
        raise
    last = (errors.strip().splitlines() or ["nothing on stderr"])[-1]
    if process.returncode != 0:
        raise WorkerError(f"{_ending(process.returncode)}: {last}", errors)
    printed = (output.strip().splitlines() or [""])[-1]
    try:
        outcome: dict[str, Any] = json.loads(printed)
    except ValueError as error:
        raise WorkerError(f"printed no result but {printed!r}", errors) from error
    return outcome


def command(module: str, spec: dict[str, Any]) -> list[str]:
    """Return the command line that runs one of this package's modules."""
    return [sys.executable, "-m", f"benchmarks.{module}", json.dumps(spec)]


def _ending(status: int) -> str:
    return f"exit status {status}" if status > 0 else f"signal {signal.Signals(-status).name}"
