"""Real processes on the loopback address: start a run's processes, or send commands to a cluster.

python -m tests.cluster QUESTIONS --coordinator=… --process-id=… --process-count=…
(what `ask` starts)
"""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple
from unittest.mock import patch

import tyro

from jaxae.cli import app as cli
from jaxae.cli import running, train
from jaxae.config import ProcessConfig
from jaxae.distributed.processes import process_group

_MOST_SECONDS = 240
# Of every process. Runs are the same bit for bit only with the same number.
DEVICES = 3


class Ended(NamedTuple):
    """How a process, or a command in it, ended."""

    status: int
    out: str
    err: str


Environment = Callable[[int, int, int], dict[str, str]]
Processes = Sequence[subprocess.Popen[str]]


def start(
    count: int,
    *args: str,
    only_1: Sequence[str] = (),
    environment: Environment | None = None,
    program: Sequence[str] = ("-m", "jaxae"),
) -> Processes:
    """Start the processes of one run.

    Args:
      count: number of processes.
      args: arguments for all processes.
      only_1: further arguments for process 1.
      environment: returns variables for a process, given (port, number, count), to set in place of
        the options for the cluster.
      program: what to run.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def start_one(i: int) -> subprocess.Popen[str]:
        command = [sys.executable, *program, *args, *(only_1 if i == 1 else ())]
        variables = os.environ | {"JAX_NUM_CPU_DEVICES": str(DEVICES)}
        if environment is not None:
            variables |= environment(port, i, count)
        else:
            command += [f"--coordinator=127.0.0.1:{port}", f"--process-id={i}"]
            command += [f"--process-count={count}"]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=variables)

    return [start_one(i) for i in range(count)]


def end(processes: Processes) -> list[Ended]:
    """Wait until all processes have ended."""
    try:
        done = [process.communicate(timeout=_MOST_SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [Ended(p.returncode, *texts) for p, texts in zip(processes, done, strict=True)]


def wait_for(condition: Callable[[], object], processes: Processes) -> None:
    """Wait until a condition holds; all processes must still run."""
    deadline = time.monotonic() + _MOST_SECONDS
    while not condition():
        running = all(process.poll() is None for process in processes)
        assert running and time.monotonic() < deadline, end(processes)
        time.sleep(0.02)


def ask(questions: dict[str, tuple[Sequence[str], ...]]) -> dict[str, list[Ended]]:
    """Run several commands in one cluster of two processes, one after the other.

    Args:
      questions: by name, the command line of both processes, or one for each.

    Returns:
      How each command ended in each process, by name.
    """
    program = ("-m", "tests.cluster", json.dumps(list(questions.values())))
    done = end(start(2, program=program))
    assert [process.status for process in done] == [0, 0], done
    answers = [json.loads(process.out.splitlines()[-1]) for process in done]
    return {
        name: [Ended(*answer) for answer in both]
        for name, *both in zip(questions, *answers, strict=True)
    }


def _answer(args: Sequence[str]) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(args)
    return Ended(status, out.getvalue(), err.getvalue())


def _answer_all(questions: Sequence[Sequence[Sequence[str]]], place: Sequence[str]) -> None:
    config = tyro.cli(ProcessConfig, args=place)
    with (
        process_group(config),
        # The processes stay joined however a command ends. Figures are tested elsewhere.
        patch("jaxae.distributed.process_group", lambda _: contextlib.nullcontext()),
        patch.object(train, "draw_all"),
        patch.object(running, "leave", int),
    ):
        number = config.process_id or 0
        answers = [_answer(lines[number % len(lines)]) for lines in questions]
    print(json.dumps(answers))


if __name__ == "__main__":
    _answer_all(json.loads(sys.argv[1]), sys.argv[2:])
