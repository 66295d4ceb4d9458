"""A run: what it adds to a file, what it refuses to mix, and how it handles failures."""

import io
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from benchmarks.__main__ import main
from benchmarks.contestants import CONTESTANTS
from benchmarks.contestants.listing import listing
from benchmarks.measuring import provenance, reported, runner, spawn, speeds
from benchmarks.measuring.results import Results
from benchmarks.reporting.conditions import environment
from benchmarks.tasks import TASKS

CHECK, WORKER = "measuring.check", "measuring.worker"
OUTCOME = {"values": [1.0], "loops": 1, "threads": 2}
NOW = {"commit": "abc", "version_jax": "1"}


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every (module, framework) that a run would have started; all succeed."""
    started: list[tuple[str, str]] = []

    def answer(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
        started.append((module, spec["framework"]))
        receipt = {"failures": [], "largest": 1e-6}
        return receipt if module == CHECK else {name: OUTCOME for name in spec["tasks"]}

    monkeypatch.setattr(runner, "spawn", answer)
    monkeypatch.setattr(runner, "limits", lambda names: [])
    monkeypatch.setattr(speeds, "measure", lambda *_: {"peak_gflops": 100.0})
    monkeypatch.setattr(provenance, "provenance", lambda: NOW)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    return started


def run(
    path: Path, rounds: int = 1, mixed: bool = False, names: tuple[str, ...] = ("flax",)
) -> str:
    console = Console(file=io.StringIO(), width=500)
    runner.run(Results(path), names, ["grid"], rounds, 2, console, mixed)
    printed: str = console.file.getvalue()  # type: ignore[attr-defined]
    return printed


def test_a_run_measures_only_what_the_file_lacks(
    tmp_path: Path, commands: list[tuple[str, str]]
) -> None:
    path = tmp_path / "r.json"
    assert "already" not in run(path, rounds=2)
    commands.clear()
    assert "2 of 3 processes are in" in run(path, rounds=3)
    assert commands == [(WORKER, "flax")], "the receipt of the same commit is kept"
    commands.clear()
    assert "3 of 3 processes are in" in run(path, rounds=3)
    assert commands == []


@pytest.mark.parametrize(
    "change", [{"commit": "def"}, {"version_jax": "2"}, {"env_XLA_FLAGS": "--xla_x"}]
)
def test_results_of_other_conditions_are_not_added_to_without_mixed(
    change: dict[str, str],
    tmp_path: Path,
    commands: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "r.json"
    run(path)
    commands.clear()
    monkeypatch.setattr(provenance, "provenance", lambda: NOW | change)
    ((key, value),) = change.items()
    with pytest.raises(ValueError, match=f"{key} .*now {value}.*--mixed"):
        run(path, rounds=2)
    assert commands == []
    run(path, rounds=2, mixed=True)
    assert commands == [(CHECK, "flax"), (WORKER, "flax")], "its parity is checked again"


def test_uncommitted_code_is_checked_each_time(
    tmp_path: Path, commands: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "provenance", lambda: {"commit": "abc-dirty"})
    for rounds in (1, 2):
        run(tmp_path / "r.json", rounds)
    assert commands.count((CHECK, "flax")) == 2


@pytest.mark.parametrize(("gpus", "together"), [(None, 2), ([{"name": "NVIDIA H100"}], 1)])
def test_parity_checks_do_not_share_a_chip(
    gpus: Any, together: int, tmp_path: Path, commands: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[str] = []
    most: list[int] = []

    def watched(module: str, *rest: Any) -> Any:
        running.append(module)
        time.sleep(0.05)
        most.append(len(running))
        running.remove(module)
        return {"failures": [], "largest": 1e-6}

    monkeypatch.setattr(runner, "spawn", watched)
    monkeypatch.setattr(reported, "gpus", lambda: gpus)
    names = ("flax", "equinox", "linen")
    runner._parity_failures(Results(tmp_path / "r.json"), names, 2, Console(quiet=True))
    assert max(most) == together


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
    assert commands == [(CHECK, "flax"), (WORKER, "flax")]


def test_a_framework_that_hangs_is_skipped_at_its_other_tasks(
    tmp_path: Path, commands: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def hang(module: str, spec: dict[str, Any], environment: Any) -> dict[str, Any]:
        if module == CHECK:
            return {"failures": [], "largest": 0.0}
        started.append(spec["tasks"][0])
        raise spawn.WorkerError("no result within 600 s", hung=True)

    monkeypatch.setattr(runner, "spawn", hang)
    results, console = Results(tmp_path / "r.json"), Console(file=io.StringIO())
    runner.run(results, ["flax"], ["grid", "train", "ladder"], 3, 2, console)
    assert len(started) == 1


def test_a_framework_counts_once_and_one_must_take_part(
    tmp_path: Path, commands: list[tuple[str, str]]
) -> None:
    run(tmp_path / "r.json", names=("flax", "flax", "torch-loader"))
    assert commands == [(CHECK, "flax"), (WORKER, "flax")]
    with pytest.raises(ValueError, match="no framework of torch-loader takes part in grid"):
        run(tmp_path / "r.json", names=("torch-loader",))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--frameworks flax equinox --tasks grid", []),
        ("--tasks grid", []),  # With all frameworks that take part in it.
        ("--frameworks flax-onecycle", []),
        ("--frameworks flax flax-onecycle --quick", ["flax-onecycle takes no part in train-batch"]),
        ("--frameworks flax torch-loader --tasks grid", ["torch-loader takes no part in grid"]),
        ("--frameworks flax flax-loop --tasks grid train", ["flax-loop takes no part in grid"]),
        ("--frameworks flax --tasks grid --faulty flax", ["flax is not timed: losses differs by"]),
        ("--frameworks flax --tasks grid --crashing flax", ["main/flax: signal SIGSEGV"]),
        ("--frameworks flax torch-eager --tasks grid --absent torch-eager", ["torch-eager is not"]),
    ],
)
def test_what_was_not_measured_is_reported_at_the_end_and_in_the_exit_status(
    arguments: str,
    said: list[str],
    tmp_path: Path,
    commands: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked, _, name = arguments.partition(" --faulty ")
    asked, _, crashing = asked.partition(" --crashing ")
    asked, _, absent = asked.partition(" --absent ")

    def answer(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
        if module == CHECK:
            failures = ["losses differs by 1e-2"] if name else []
            return {"failures": failures, "largest": 1e-6}
        if crashing:
            raise spawn.WorkerError("signal SIGSEGV: last words")
        return {task: OUTCOME for task in spec["tasks"]}

    monkeypatch.setattr(runner, "spawn", answer)
    if absent:
        entry = replace(CONTESTANTS[absent], packages=("no_such_package",))
        monkeypatch.setitem(CONTESTANTS, absent, entry)
    out = ["--rounds", "1", "--threads", "1", "--out", str(tmp_path / "r.json")]
    assert main(["run", *asked.split(), *out]) == int(bool(said))
    ending = capsys.readouterr().err.splitlines()
    assert len(ending) == len(said)
    for line, reason in zip(ending, said, strict=True):
        assert line.startswith(f"benchmarks: not measured: {reason}")


def test_only_the_limits_of_the_libraries_in_use_are_measured() -> None:
    def limits(*names: str) -> set[str]:
        jobs = runner._round(0, names, ["train", "encode"])
        return {job.framework for job in jobs if job.framework not in names}

    assert limits("flax") == limits("equinox", "keras-jax") == {"limit-jax", "limit-copy"}
    assert limits("torch-eager") == limits("keras-torch") == {"limit-torch", "limit-copy"}
    assert limits("keras-tensorflow") == {"limit-tensorflow", "limit-copy"}
    assert limits("flax", "torch-loader") == {"limit-jax", "limit-torch", "limit-copy"}


@pytest.mark.parametrize(
    ("load", "used", "processors", "threads", "busy"),
    [
        (0.4, 2.0, 2, 2, False),
        (0.6, 0.6, 2, 2, True),
        (1.9, 0.4, 2, 2, False),  # Work that has just ended.
        (1.2, 1.2, 2, 1, False),
        (1.3, 1.3, 2, 1, True),
        (15.0, 15.0, 64, 64, False),
        (17.0, 17.0, 64, 64, True),
        (40.0, 40.0, 64, 8, False),
    ],
)
def test_a_busy_machine_causes_a_warning_and_is_marked_in_the_report(
    load: float,
    used: float,
    processors: int,
    threads: int,
    busy: bool,
    tmp_path: Path,
    commands: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 99.0))
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    monkeypatch.setattr(psutil, "cpu_percent", lambda seconds: 100 * used / processors)
    results, console = Results(tmp_path / "r.json"), Console(file=io.StringIO(), width=500)
    runner.run(results, ["flax"], ["grid"], 1, threads, console)
    warning = f"other work uses {used:.1f} of {processors} processors"
    first = console.file.getvalue().splitlines()[0]  # type: ignore[attr-defined]
    assert (warning in first) == busy
    text = str(environment(Results(tmp_path / "r.json")))
    assert ("busy machine" in text) == busy and (warning in text) == busy


@pytest.mark.parametrize("task", ["grid", "cold", "cold-cached"])
def test_a_cold_start_finds_an_empty_compilation_cache(
    task: str,
    tmp_path: Path,
    commands: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stand-in for a worker leaves a file in its cache, and reports how many it found there."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    found: list[int] = []

    def answer(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
        if module == CHECK:
            return {"failures": [], "largest": 0.0}
        cache = Path(environment["JAX_COMPILATION_CACHE_DIR"])
        assert cache != tmp_path
        cache.mkdir(parents=True, exist_ok=True)
        found.append(len(list(cache.iterdir())))
        (cache / str(len(found))).touch()
        return {name: OUTCOME for name in spec["tasks"]}

    monkeypatch.setattr(runner, "spawn", answer)
    console = Console(file=io.StringIO())
    runner.run(Results(tmp_path / "r.json"), ["flax"], [task], 4, 1, console)
    # Starts are measured in two of four rounds; an extra one fills the cache for the first one.
    expected = {"grid": [0, 1, 2, 3], "cold": [0, 0], "cold-cached": [0, 1, 2]}
    assert found == expected[task]


class Pipe(io.StringIO):
    """A file that is not a terminal, and records how much of it has been flushed."""

    flushed = 0

    def flush(self) -> None:
        self.flushed = len(self.getvalue())


def test_piped_output_shows_each_process_before_it_starts(
    tmp_path: Path, commands: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, stand_in = Pipe(), vars(runner)["spawn"]
    lines: list[str] = []

    def spy(module: str, *arguments: Any) -> dict[str, Any]:
        assert pipe.flushed == len(pipe.getvalue())
        lines.append(pipe.getvalue().splitlines()[-1])
        return stand_in(module, *arguments)

    monkeypatch.setattr(runner, "spawn", spy)
    console = Console(file=pipe, width=500)
    runner.run(Results(tmp_path / "r.json"), ["flax"], ["grid", "train"], 2, 1, console)
    assert lines[0] == "parity: flax"
    assert lines[1].startswith("1 of 2: round 1, main flax")
    assert lines[2].startswith("2 of 2: round 2, main flax, 0 min left")


def test_the_list_describes_every_framework_and_task() -> None:
    lines = list(listing())
    at = {name: i for i, line in enumerate(lines) for name in [line[:24].strip()] if name}
    assert at.keys() >= CONTESTANTS.keys() | TASKS.keys()
    assert all(lines[at[name]][24:].strip() for name in CONTESTANTS)
    assert [line.strip() for line in lines[at["flax-loop"] + 1 : at["flax-onecycle"]]] == [
        "train, train-batch-32|128|512|2048, step-1|8|32|128|512|2048|8192"
    ]
    assert lines[at["grid"]].endswith("latent points to images, 144 in a call; 17 frameworks")
    assert lines[at["hidden-64"]].endswith("batch 128, 64 hidden units; 2 frameworks")


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
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("LD_PRELOAD", "/a/folder/mkl.so")
    found = provenance.provenance()
    provenance.provenance.cache_clear()
    assert "commit" not in found and found["env_XLA_FLAGS"] == "--xla_x"
    assert "env_CUDA_VISIBLE_DEVICES" not in found and found["env_LD_PRELOAD"] == "mkl.so"
    assert not any("/" in value for value in found.values()), "paths of this machine"


def python(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(spawn, "command", lambda *_: [sys.executable, "-c", code])


@pytest.mark.slow
def test_a_failed_worker_is_reported_with_its_last_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    python(monkeypatch, "import sys; [print(i, file=sys.stderr) for i in range(30)]; sys.exit(3)")
    with pytest.raises(spawn.WorkerError, match=r"^exit status 3: 29$") as caught:
        spawn.spawn(WORKER, {}, dict(os.environ))
    assert caught.value.stderr == [str(i) for i in range(10, 30)]
    python(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(spawn.WorkerError, match=r"^signal SIGKILL: nothing on stderr$"):
        spawn.spawn(WORKER, {}, dict(os.environ))


@pytest.mark.slow
def test_a_worker_that_hangs_is_killed_with_its_child_processes(
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
        spawn.spawn(WORKER, {}, dict(os.environ))
    assert caught.value.hung and caught.value.stderr == ["waiting"]
    (tmp_path / "alive").unlink()
    time.sleep(0.5)
    assert not (tmp_path / "alive").exists()


@pytest.mark.slow
def test_the_list_works_without_the_bench_extra() -> None:
    code = (
        "import sys; sys.modules['pyperf'] = sys.modules['scipy'] = None\n"
        "from benchmarks.__main__ import main\n"
        "print(main(['list']), main(['report', 'pyproject.toml']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("\n0 2\n") and "time-to-loss" in done.stdout
    assert done.stderr.count("\n") == 1 and "pip install -e '.[bench]'" in done.stderr


def test_a_foreign_file_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.json"
    good = Results(path)
    good.add("train", "flax", OUTCOME | {"round": 0})
    good.save()
    whole = path.read_text()
    for text, notes, reason in (
        (whole.replace('"round"', '"circle"'), "[]", "to have loops and round"),
        (whole.replace('"round":0', '"round":Infinity'), "[]", "to have loops and round"),
        (whole.replace("train/flax", "train"), "[]", "named task/framework"),
        (whole.replace('"train/flax"', "3"), "[]", "named task/framework"),
        ("[]", "[]", "is not a file of results"),
        (whole, '{"kind": "parity"}', "is not a list of notes"),
        (whole, '["parity"]', "is not a list of notes"),
    ):
        path.write_text(text)
        path.with_suffix(".notes.json").write_text(notes)
        assert main(["report", str(path), "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert reason in error and error.count("\n") == 1
    assert json.loads(whole)
