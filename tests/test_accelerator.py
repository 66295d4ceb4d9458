"""`make accelerator`: what it refuses, what it runs, and what it keeps, without an accelerator."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import accelerator
from benchmarks.contestants import QUICK_FRAMEWORKS
from benchmarks.measuring import reported, runner
from benchmarks.measuring.results import Results
from benchmarks.options import parser
from benchmarks.scaling import SWEEPS
from benchmarks.tasks.suite import QUICK_TASKS
from jaxae.cli import app

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.skipif(reported.tpus() is not None, reason="there is a TPU")
def test_a_machine_without_an_accelerator_is_refused_before_anything_is_installed() -> None:
    """Without nvidia-smi, pip and make on the path, and without installed packages."""
    command = [sys.executable, "-S", "-m", "benchmarks.accelerator"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True)
    expected = "accelerator: found no NVIDIA GPU and no TPU on this machine\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


class Machine:
    """A machine with an accelerator, where commands do nothing but leave results.

    Attributes:
      ran: the commands.
      failing: an argument of those that fail.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        self.ran: list[Sequence[str]] = []
        self.failing = ""
        monkeypatch.setattr(reported, "gpus", lambda: [{}] if kind == "cuda" else None)
        monkeypatch.setattr(reported, "tpus", lambda: ["TPU v4"] if kind == "tpu" else None)
        said = {"git": "c0ffee", ".venv/bin/python": "a-machine"}
        monkeypatch.setattr(reported, "output", lambda program, *_: said[program])
        monkeypatch.setattr(subprocess, "run", self.run)

    def run(self, command: Sequence[str]) -> Any:
        self.ran.append(command)
        if "--out" in command:
            out = Path(command[command.index("--out") + 1])
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text("measured")
        if command[1] == "train":
            folder = Path(command[-1].removeprefix("--run-dir="))
            folder.mkdir(parents=True)
            rows = ((0.04, 40.0), (0.02, 35.0), (0.02, 33.25))
            text = (json.dumps({"seconds": of[0], "test_loss": of[1]}) for of in rows)
            (folder / "metrics.jsonl").write_text("\n".join(text))
        return SimpleNamespace(returncode=int(self.failing in command))


@pytest.fixture
def machine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Machine:
    monkeypatch.chdir(tmp_path)
    return Machine(monkeypatch, getattr(request, "param", "cuda"))


@pytest.mark.parametrize(
    ("machine", "precisions"),
    [("cuda", ["bfloat16", "float32", "tf32"]), ("tpu", ["bfloat16", "float32"])],
    indirect=["machine"],
)
def test_results_are_kept_under_the_machines_name(
    machine: Machine, precisions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert accelerator.main() == 0
    assert capsys.readouterr().out.endswith("ready to commit: benchmarks/results/a-machine\n")
    folder = Path("benchmarks/results/a-machine")
    trained = [f"train-{precision}.jsonl" for precision in precisions]
    kept = ["accelerator.md", "comparison.json", "scaling.json", *trained]
    assert sorted(path.name for path in folder.iterdir()) == kept
    summary = (folder / "accelerator.md").read_text()
    for precision in precisions:
        assert f"| {precision} | 3 | 20.0 ms | 33.250 |" in summary
    assert summary.count("| ok | 0 |") == len(machine.ran) and "failed" not in summary


def test_a_step_that_fails_is_named_and_the_others_run(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.failing = "run"
    assert accelerator.main() == 1
    assert "scaling" in machine.ran[-1]
    summary = Path("benchmarks/results/a-machine/accelerator.md").read_text()
    for said in (capsys.readouterr().out, summary):
        assert said.count("failed") == 1
        assert "| compare frameworks | failed, exit status 1 | 0 |" in said


def test_nothing_is_measured_where_jax_finds_no_device(machine: Machine) -> None:
    machine.failing = "-c"
    assert accelerator.main() == 1
    assert [command[0] for command in machine.ran] == ["make", ".venv/bin/python"]


@pytest.mark.parametrize("kind", ["cuda", "tpu"])
def test_the_commands_exist(kind: str) -> None:
    """The target of make, the extra, the marker, and the options of both command lines."""
    steps = {step.name: list(step.command) for step in accelerator.steps(kind, Path("work"))}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert kind in project["project"]["optional-dependencies"]
    markers = project["tool"]["pytest"]["ini_options"]["markers"]
    assert any(marker.startswith(f"{steps['test'][-1]}:") for marker in markers)
    make = ["make", "--dry-run", *steps["install"][1:]]
    printed = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"--constraint constraints.txt --editable '.[{kind}]'" in printed
    for command in steps.values():
        if command[1:3] == ["-m", "benchmarks"]:
            assert {*getattr(parser().parse_args(command[3:]), "sweeps", ())} <= SWEEPS.keys()
        if command[1] == "train":
            assert isinstance(app._parse(command[1:]), app.COMMANDS["train"])


def test_what_the_page_says_of_time_and_memory_is_measured() -> None:
    page = " ".join((ROOT / "docs/accelerators.md").read_text().split())
    h200 = ROOT / accelerator.RESULTS / "intel-xeon-6.207.2-16cpu-1xnvidia-h200"
    results = Results(h200 / "comparison.json")
    ran = {
        (framework, process.round): process.metadata
        for task, framework in results.names()
        for process in results.processes(task, framework)
    }
    device = max(of.get("device_peak_bytes", 0) for of in ran.values()) / 1e9
    host = max(of["mem_max_rss"] for of in ran.values()) / 1e9
    assert f"more than {device:.1f} GB on the device or {host:.1f} GB on the host" in page
    ends = [datetime.fromisoformat(of["date"]) for of in ran.values()]
    mean = (max(ends) - min(ends)).total_seconds() / (len(ends) - 1)
    assert f"process took {mean:.0f} seconds on average" in page
    rounds = [runner._round(i, QUICK_FRAMEWORKS, QUICK_TASKS) for i in range(9)]
    swept = [SWEEPS[name] for name in accelerator.steps("cuda", Path())[-1].command[5:-2]]
    trainings = 6 * sum(len(sweep.values) for sweep in swept)
    assert f"{sum(map(len, rounds))} processes, and the sweeps {trainings}." in page
