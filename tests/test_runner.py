"""What a run adds to a file, what it refuses to mix, and what it leaves running: nothing."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import provenance, runner, spawn
from benchmarks.__main__ import main
from benchmarks.results import Results

OUTCOME = {"values": [1.0], "loops": 1, "threads": 2}
NOW = {"commit": "abc", "version_jax": "1"}


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every (module, framework) that a run would have started; all go well."""
    started: list[tuple[str, str]] = []

    def answer(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
        started.append((module, spec["framework"]))
        receipt = {"failures": [], "largest": 1e-6}
        return receipt if module == "check" else {name: OUTCOME for name in spec["tasks"]}

    monkeypatch.setattr(runner, "spawn", answer)
    monkeypatch.setattr(runner, "LIMITS", ())
    for module in (provenance, runner):
        monkeypatch.setattr(module, "provenance", lambda: NOW)
    return started


def run(
    path: Path, rounds: int = 1, mixed: bool = False, names: tuple[str, ...] = ("flax",)
) -> str:
    console = Console(file=io.StringIO(), width=500)
    runner.run(Results(path), names, ["grid"], rounds, 2, console, mixed)
    printed: str = console.file.getvalue()  # type: ignore[attr-defined]
    return printed


def test_a_run_says_what_is_there_and_measures_the_rest(
    tmp_path: Path, commands: list[tuple[str, str]]
) -> None:
    path = tmp_path / "r.json"
    assert "already" not in run(path, rounds=2)
    commands.clear()
    assert "2 of 3 processes are in" in run(path, rounds=3)
    assert commands == [("worker", "flax")], "the receipt of the same commit is kept"
    commands.clear()
    assert "3 of 3 processes are in" in run(path, rounds=3)
    assert commands == []


@pytest.mark.parametrize(
    "change", [{"commit": "def"}, {"version_jax": "2"}, {"env_XLA_FLAGS": "--xla_x"}]
)
def test_results_of_other_conditions_are_not_added_to_unless_told(
    change: dict[str, str],
    tmp_path: Path,
    commands: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "r.json"
    run(path)
    commands.clear()
    for module in (provenance, runner):
        monkeypatch.setattr(module, "provenance", lambda: NOW | change)
    ((key, value),) = change.items()
    with pytest.raises(ValueError, match=f"{key} .*now {value}.*--mixed"):
        run(path, rounds=2)
    assert commands == []
    run(path, rounds=2, mixed=True)
    assert commands == [("check", "flax"), ("worker", "flax")], "its parity is shown anew"


def test_uncommitted_code_is_checked_each_time(
    tmp_path: Path, commands: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (provenance, runner):
        monkeypatch.setattr(module, "provenance", lambda: {"commit": "abc-dirty"})
    for rounds in (1, 2):
        run(tmp_path / "r.json", rounds)
    assert commands.count(("check", "flax")) == 2


def test_a_parity_check_that_crashed_is_tried_again(
    tmp_path: Path, commands: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(module: str, *_: Any) -> dict[str, Any]:
        raise spawn.WorkerError("signal SIGKILL: out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(runner, "spawn", crash)
        assert "signal SIGKILL" in run(tmp_path / "r.json")
    assert commands == []
    run(tmp_path / "r.json")
    assert commands == [("check", "flax"), ("worker", "flax")]


def test_what_hangs_once_is_not_tried_at_its_other_tasks(
    tmp_path: Path, commands: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def hang(module: str, spec: dict[str, Any], environment: Any) -> dict[str, Any]:
        if module == "check":
            return {"failures": [], "largest": 0.0}
        started.append(spec["tasks"][0])
        raise spawn.WorkerError("no result within 600 s", hung=True)

    monkeypatch.setattr(runner, "spawn", hang)
    results, console = Results(tmp_path / "r.json"), Console(file=io.StringIO())
    runner.run(results, ["flax"], ["grid", "train", "ladder"], 3, 2, console)
    assert len(started) == 1


def test_a_framework_counts_once_and_one_that_takes_no_part_is_named(
    tmp_path: Path, commands: list[tuple[str, str]]
) -> None:
    printed = run(tmp_path / "r.json", names=("flax", "flax", "torch-loader"))
    assert commands == [("check", "flax"), ("worker", "flax")]
    assert "torch-loader: takes no part in grid" in printed
    with pytest.raises(ValueError, match="no framework of torch-loader takes part in grid"):
        run(tmp_path / "r.json", names=("torch-loader",))


def test_a_file_that_cannot_be_written_is_found_first(
    tmp_path: Path, commands: list[tuple[str, str]]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        run(tmp_path / "file" / "r.json")
    assert commands == []


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    provenance.provenance.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("XLA_FLAGS", "--xla_x")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/a/folder")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/another/program's")
    found = provenance.provenance()
    provenance.provenance.cache_clear()
    assert "commit" not in found and found["env_XLA_FLAGS"] == "--xla_x"
    assert not any("/" in value for value in found.values()), "paths of this machine"


def python(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(spawn, "command", lambda *_: [sys.executable, "-c", code])


@pytest.mark.slow
def test_how_a_worker_ended_is_told_with_its_last_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    python(monkeypatch, "import sys; [print(i, file=sys.stderr) for i in range(30)]; sys.exit(3)")
    with pytest.raises(spawn.WorkerError, match=r"^exit status 3: 29$") as caught:
        spawn.spawn("worker", {}, dict(os.environ))
    assert caught.value.stderr == [str(i) for i in range(10, 30)]
    python(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(spawn.WorkerError, match=r"^signal SIGKILL: nothing on stderr$"):
        spawn.spawn("worker", {}, dict(os.environ))


@pytest.mark.slow
def test_a_worker_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch = f"open({str(tmp_path / 'alive')!r}, 'w'); time.sleep(0.05)"
    child = f"import time\nfor _ in range(100): {touch}"
    python(
        monkeypatch,
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); "
        "print('waiting', file=sys.stderr, flush=True); time.sleep(60)",
    )
    monkeypatch.setattr(spawn, "TIMEOUT_SECONDS", 2)
    with pytest.raises(spawn.WorkerError, match="no result within 2 s") as caught:
        spawn.spawn("worker", {}, dict(os.environ))
    assert caught.value.hung and caught.value.stderr == ["waiting"]
    (tmp_path / "alive").unlink()
    time.sleep(0.5)
    assert not (tmp_path / "alive").exists()


@pytest.mark.slow
def test_the_list_needs_nothing_of_the_extra() -> None:
    code = (
        "import sys; sys.modules['pyperf'] = sys.modules['scipy'] = None\n"
        "from benchmarks.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run([*command, "list"], capture_output=True, text=True)
    assert done.returncode == 0 and "time-to-loss" in done.stdout
    done = subprocess.run([*command, "report", "pyproject.toml"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "pip install -e '.[bench]'" in done.stderr


def test_a_foreign_file_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.json"
    good = Results(path)
    good.add("train", "flax", OUTCOME | {"round": 0})
    good.save()
    whole = path.read_text()
    for text, notes, reason in (
        (whole.replace('"round"', '"circle"'), "[]", "no task/framework with loops and round"),
        (whole.replace("train/flax", "train"), "[]", "no task/framework"),
        ("[]", "[]", "is no file of results"),
        (whole, '{"kind": "parity"}', "is no list of notes"),
        (whole, '["parity"]', "is no list of notes"),
    ):
        path.write_text(text)
        path.with_suffix(".notes.json").write_text(notes)
        assert main(["report", str(path), "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert reason in error and error.count("\n") == 1
    assert json.loads(whole)
