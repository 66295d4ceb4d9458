"""The comparison with a commit: which code runs, in which order, and what is left behind."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import comparing
from benchmarks.__main__ import main
from benchmarks.measuring import interleave, runner
from benchmarks.measuring.spawn import WorkerError, spawn
from jaxae._utils.signals import TERMINATIONS

PROJECT = Path(__file__).resolve().parents[1]


def git(root: Path, *arguments: str) -> str:
    own = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(["git", *own, *arguments], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(root: Path, seconds: float, failures: str = "[]") -> None:
    folder = root / "benchmarks" / "measuring"
    (folder / "seconds").write_text(str(seconds))
    (folder / "failures").write_text(failures)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose first commit has no benchmarks, and whose second takes 1 s a process."""
    root = tmp_path / "repository"
    folder = root / "benchmarks" / "measuring"
    folder.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    git(root, "commit", "-q", "--allow-empty", "-m", "empty")
    (folder / "worker.py").touch()
    write(root, seconds=1.0)
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "benchmarks")
    monkeypatch.setattr(interleave.interleave, "__defaults__", (root,))
    return root


@pytest.fixture
def ran(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool, int | None]]:
    """The round, whether it is the work tree's, and the loops of each process that ran.

    In place of a process, what the tree says that it would do.
    """
    started: list[tuple[int, bool, int | None]] = []

    def answer(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
        tree = Path(environment["PYTHONPATH"].split(os.pathsep)[0])
        folder = tree / "benchmarks" / "measuring"
        if module == "measuring.check":
            return {"failures": json.loads((folder / "failures").read_text())}
        assert module == "measuring.worker" and environment["PYTHONSAFEPATH"] == "1"
        started.append((spec["round"], tree == root, spec["loops"]["encode"]))
        seconds = float((folder / "seconds").read_text()) * (1 + spec["round"] / 1000)
        if seconds > 100:
            raise WorkerError("exit status 1: out of memory")
        return {task: {"values": [seconds], "loops": 3} for task in spec["tasks"]}

    monkeypatch.setattr(interleave, "spawn", answer)
    monkeypatch.setattr(runner, "spawn", answer)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    return started


def is_clean(root: Path) -> bool:
    """Whether Git knows of no other work tree."""
    return git(root, "worktree", "list").count("\n") == 1


def compare(tasks: tuple[str, ...] = ("encode",), rounds: int = 7, commit: str = "HEAD") -> int:
    return comparing.compare_with_commit(commit, ["flax"], tasks, rounds, threads=1, factor=1.05)


def test_a_slower_work_tree_is_found(
    root: Path, ran: list[tuple[int, bool, int | None]], capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, seconds=1.5)  # Not committed.
    assert compare(("encode", "decode")) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "new / old" in line]
    assert [line.split()[0] for line in lines] == ["encode/flax", "decode/flax"]
    assert all("1.50 [1." in line and line.endswith("SLOWER") for line in lines)
    assert is_clean(root)
    assert [number for number, *_ in ran] == sorted([*range(7)] * 2)
    orders = {
        (first, second) for (_, first, _), (_, second, _) in zip(ran[::2], ran[1::2], strict=True)
    }
    assert orders == {(True, False), (False, True)}, "each round has both, in any order"
    assert [loops for *_, loops in ran] == [None] + [3] * 13, "loops are calibrated once for both"


def test_the_same_code_and_a_faster_one_are_no_slowdown(
    root: Path, ran: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare() == 0
    write(root, seconds=0.5)
    assert compare() == 0
    assert "new / old 0.50" in capsys.readouterr().out
    assert compare(rounds=2) == 2
    assert "1 of 1 rows have too few rounds to tell" in capsys.readouterr().out


def test_a_work_tree_that_crashes_fails_the_comparison(
    root: Path, ran: object, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, seconds=1000)
    assert compare() == 2
    ending = capsys.readouterr()
    assert "not measured: main/flax@new: exit status 1: out of memory" in ending.err
    assert "nothing was measured in both versions" in ending.out
    assert is_clean(root)


def test_a_version_that_fails_its_parity_check_is_not_timed(root: Path, ran: list[object]) -> None:
    write(root, seconds=1.0, failures='["losses differs by 1"]')
    with pytest.raises(ValueError, match="flax@new fails its parity check: losses differs by 1"):
        compare()
    assert is_clean(root) and ran == []


@pytest.mark.parametrize(
    ("commit", "reason"),
    [
        ("no-such-branch", "unknown commit 'no-such-branch'"),
        ("--all", "unknown commit '--all'"),
        ("HEAD~1", "HEAD~1 has no benchmarks/measuring/worker.py"),
    ],
)
def test_a_commit_that_cannot_be_measured_is_refused_in_one_line(
    commit: str, reason: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", f"--ref={commit}"]) == 2
    error = capsys.readouterr().err
    assert reason in error and error.count("\n") == 1
    assert is_clean(root)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", "needs OLD NEW, or --ref COMMIT"),
        ("old.json", "needs OLD NEW, or --ref COMMIT"),
        ("old.json new.json --rounds 3", "needs OLD NEW, or --ref COMMIT"),
        ("old.json new.json --ref HEAD", "needs no files"),
        ("--ref HEAD --factor 0.5", "factor is 0.5"),
        ("--ref HEAD --rounds 0", "rounds 0; expected 1 or more"),
        ("--ref HEAD --threads 0", "threads 0; expected 1 to"),
        ("--ref HEAD --tasks encod", "unknown task 'encod'; did you mean encode or decode"),
        ("--ref HEAD --frameworks torch-loader", "torch-loader takes no part in encode, decode"),
    ],
)
def test_bad_options_are_one_line(
    arguments: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert reason in error and error.count("\n") == 1


def test_versions_of_a_framework_run_one_after_the_other() -> None:
    jobs = interleave._round(3, ["flax", "equinox", "flax"], ["encode", "decode", "cold"])
    assert [job.group for job in jobs] == ["main"] * 4 + ["cold"] * 4
    assert jobs[0].tasks == ("encode", "decode")
    for first, second in zip(jobs[::2], jobs[1::2], strict=True):
        names = {first.framework, second.framework}
        assert names in ({"flax@old", "flax@new"}, {"equinox@old", "equinox@new"})
    assert interleave._round(3, ["flax"], ["train"]) == interleave._round(3, ["flax"], ["train"])


@pytest.mark.parametrize("number", [*TERMINATIONS, signal.SIGINT])
def test_the_work_tree_is_removed_after_a_signal(number: signal.Signals, root: Path) -> None:
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        with interleave.checked_out("main", root) as tree:
            assert (tree / "benchmarks/measuring/seconds").read_text() == "1.0"
            assert not is_clean(root)
            os.kill(os.getpid(), number)
            time.sleep(5)
    assert is_clean(root) and not tree.exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.slow
def test_modules_come_from_the_tree(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither from the working directory, which has benchmarks too, nor from an installed copy."""
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    command = [sys.executable, "-c", "import benchmarks, jaxae; print(jaxae, benchmarks)"]
    for folder in (root, PROJECT):
        environment = interleave._environment(PROJECT)
        shown = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
        assert shown.stdout.count(f"{PROJECT}{os.sep}") == 2, shown.stderr


@pytest.mark.slow
@pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="needs the project's repository")
def test_this_project_can_be_compared_with_its_last_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def small(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
        return spawn(module, spec | {"steps": 3, "hidden": 16}, environment)

    monkeypatch.setattr(interleave, "spawn", small)  # The parity check's.
    console = Console(file=io.StringIO())
    old, new, failed = interleave.interleave("HEAD", ["flax"], ["grid"], 1, 1, console)
    assert failed == [] and old.names() == new.names() == [("grid", "flax")]
    (before,), (now,) = (results.processes("grid", "flax") for results in (old, new))
    assert 1e-5 < before.seconds < 1 and 1e-5 < now.seconds < 1
    listed = git(PROJECT, "worktree", "list")
    assert "/tree " not in listed, listed
