"""Start a worker process, wait for its result, and leave nothing of it running."""

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
ROOT = Path(__file__).resolve().parents[2]
_running: "set[subprocess.Popen[str]]" = set()


class WorkerError(Exception):
    """A worker process crashed, hung, or printed no result.

    Attributes:
      stderr: the last lines of its standard error, with paths relative to the project.
      hung: whether it was killed because it took too long.
    """

    def __init__(self, why: str, stderr: str = "", hung: bool = False):
        """Keep the reason and the end of what the worker printed."""
        super().__init__(why)
        lines = stderr.replace(f"{ROOT}{os.sep}", "").strip().splitlines()
        self.stderr, self.hung = lines[-_KEPT_LINES:], hung


def spawn(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Run `python -m benchmarks.MODULE SPEC` and return the last line of its output, as JSON.

    Raises:
      WorkerError: it crashed, hung, or printed no result.
    """
    process = subprocess.Popen(
        command(module, spec | {"started": time.time()}),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # So that its child processes can be killed with it.
    )
    _running.add(process)
    try:
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    except BaseException as error:  # Including Ctrl-C, which the new session does not receive.
        _kill(process)
        _, errors = process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            why = f"no result within {TIMEOUT_SECONDS} s"
            raise WorkerError(why, errors, hung=True) from error
        raise
    finally:
        _running.discard(process)
    status = process.returncode
    if status != 0:
        ending = f"exit status {status}" if status > 0 else f"signal {signal.Signals(-status).name}"
        last = (errors.strip().splitlines() or ["nothing on stderr"])[-1]
        raise WorkerError(f"{ending}: {last}", errors)
    printed = (output.strip().splitlines() or [""])[-1]
    try:
        outcome: dict[str, Any] = json.loads(printed)
    except ValueError as error:
        why = f"expected a result as JSON, but the output ends in {printed!r}"
        raise WorkerError(why, errors) from error
    return outcome


def stop_all() -> None:
    """Kill the workers that other threads wait for; Ctrl-C reaches only the main thread."""
    for process in tuple(_running):
        _kill(process)


def _kill(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def command(module: str, spec: dict[str, Any]) -> list[str]:
    """The command line that runs one of this package's modules."""
    return [sys.executable, "-m", f"benchmarks.{module}", json.dumps(spec)]
