"""Run the command line, and compare the contents of runs before and after."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import pytest

from jaxae import Run, TrainState, state_to_resume
from jaxae.cli.app import main


def jaxae(*args: object) -> int:
    """Run a command; return its exit status."""
    return main([str(arg) for arg in args])


def refusal(
    capsys: pytest.CaptureFixture[str], *args: object, unchanged: Path | None = None
) -> str:
    """Run a command that must fail; return the one line that it prints.

    Args:
      capsys: pytest's fixture.
      args: the command.
      unchanged: a folder that the command must not change.
    """
    before = contents(unchanged) if unchanged else None
    capsys.readouterr()
    assert jaxae(*args) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("jaxae: ")
    assert before is None or unchanged is None or contents(unchanged) == before
    return line


def python(*args: object) -> subprocess.CompletedProcess[str]:
    """Run Python in a new process."""
    command = [sys.executable, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return the bytes and modification time of each file in a folder, except locks, by path."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def edit_config(run: Path, section: str, **changes: Any) -> None:
    """Change fields of a section of a run's config.json."""
    config = json.loads((run / "config.json").read_text())
    config[section] |= changes
    (run / "config.json").write_text(json.dumps(config))


def resumed(run: Path) -> TrainState:
    """Return the state that a run resumes from, which must be between two epochs."""
    state = state_to_resume(Run.open(run))
    assert isinstance(state, TrainState)
    return state


def plain(state: TrainState) -> TrainState:
    """Return a state with its random key as an array of integers."""
    return state._replace(key=jax.random.key_data(state.key))


def leaves(state: TrainState) -> list[npt.NDArray[Any]]:
    """Return the arrays of a state."""
    return [np.array(leaf) for leaf in jax.tree.leaves(plain(state))]


class Trap:
    """An object whose unpickling fails the test."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        """Make unpickling call `pytest.fail`."""
        return pytest.fail, ("a pickle was opened",)
