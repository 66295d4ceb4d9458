"""`make accelerator`: install, test, train and measure on a machine with a GPU or a TPU.

It starts before anything is installed, so it imports only the standard library.
"""

import json
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.measuring import reported

RESULTS = Path("benchmarks/results")
_PYTHON = ".venv/bin/python"
_NAME = (
    "from benchmarks.measuring.identity import Machine, describe;"
    "print(Machine(describe(), {}, 0).name)"
)
_STEPS = "step", "result", "seconds"
_TRAINED = "precision", "epochs", "median epoch", "last test loss"


class Step(NamedTuple):
    """A command.

    Attributes:
      name: what it does.
      command: the program and its arguments, run in the project's folder.
      required: whether no later step can work without it.
    """

    name: str
    command: Sequence[str]
    required: bool = False


class Outcome(NamedTuple):
    """How a step ended: its name, its exit status, and its wall time in seconds."""

    name: str
    status: int
    seconds: float


def main() -> int:
    """Run all steps and keep what they measured.

    Returns:
      The exit status: 1 if a step failed, 2 if the machine has no accelerator.
    """
    kind = "cuda" if reported.gpus() else "tpu" if reported.tpus() else None
    if kind is None:
        print("accelerator: found no NVIDIA GPU and no TPU on this machine", file=sys.stderr)
        return 2
    # A second call at the same commit continues the measurements.
    commit = reported.output("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    work = Path("runs/accelerator", commit or "unknown")
    outcomes = list(run(steps(kind, work)))
    print(f"\n{_table(_STEPS, map(_cells, outcomes))}\n")
    if machine := reported.output(_PYTHON, "-c", _NAME):
        print(f"ready to commit: {keep(work, RESULTS / machine, outcomes)}")
    return int(any(outcome.status for outcome in outcomes))


def steps(kind: str, work: Path) -> list[Step]:
    """List the steps.

    Args:
      kind: the extra that supports the accelerator, `cuda` or `tpu`.
      work: the folder for runs and measurements.
    """
    device = {"cuda": "gpu"}.get(kind, kind)
    comparison, scaling = str(work / "kept/comparison.json"), str(work / "kept/scaling.json")

    def train(precision: str) -> Step:
        options = (f"--device={device}", f"--precision={precision}", "--overwrite")
        command = (".venv/bin/jaxae", "train", *options, f"--run-dir={work / precision}")
        return Step(f"train in {precision}", command)

    def measure(name: str, *options: str) -> Step:
        return Step(name, (_PYTHON, "-m", "benchmarks", *options))

    return [
        Step("install", ("make", f"PYTHON={sys.executable}", f".venv/installed-{kind}"), True),
        # Without it, JAX would quietly compute on the CPU.
        Step("find devices", (_PYTHON, "-c", f"import jax; print(jax.devices('{device}'))"), True),
        # With XLA's own flags in place of those that the tests set for a CPU.
        Step("test", ("env", "XLA_FLAGS=", _PYTHON, "-m", "pytest", "-m", "accelerator")),
        train("float32"),
        *([train("tf32")] if kind == "cuda" else []),
        train("bfloat16"),
        measure("compare frameworks", "run", "--quick", "--out", comparison),
        measure("report the comparison", "report", comparison),
        # Not the sweep of processes, which would have to share a chip.
        measure(
            "measure scaling",
            *("scaling", "--sweeps", "batch", "hidden", "images", "devices", "precision"),
            *("--out", scaling),
        ),
    ]


def run(todo: Sequence[Step]) -> Iterator[Outcome]:
    """Run the steps in turn, until the end or until a required one fails."""
    for step in todo:
        print(f"\n{step.name}: {shlex.join(step.command)}", flush=True)
        start = time.monotonic()
        status = subprocess.run(step.command).returncode
        yield Outcome(step.name, status, time.monotonic() - start)
        if status and step.required:
            return


def keep(work: Path, folder: Path, outcomes: Sequence[Outcome]) -> Path:
    """Copy measurements and the metrics of the trainings to a folder, add a summary, return it."""
    if (work / "kept").is_dir():
        shutil.copytree(work / "kept", folder, dirs_exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    trained = []
    for metrics in sorted(work.glob("*/metrics.jsonl")):
        precision = metrics.parent.name
        shutil.copy(metrics, folder / f"train-{precision}.jsonl")
        rows = [json.loads(line) for line in metrics.read_text().splitlines()]
        epoch = statistics.median(row["seconds"] for row in rows)
        loss = f"{rows[-1]['test_loss']:.3f}"
        trained.append((precision, str(len(rows)), f"{1e3 * epoch:.1f} ms", loss))
    tables = _table(_STEPS, map(_cells, outcomes)), _table(_TRAINED, trained)
    title = f"# `make accelerator` on {folder.name}"
    summary = "\n\n".join((title, f"Commit {work.name}.", *tables))
    (folder / "accelerator.md").write_text(f"{summary}\n")
    return folder


def _cells(outcome: Outcome) -> tuple[str, str, str]:
    ended = f"failed, exit status {outcome.status}" if outcome.status else "ok"
    return outcome.name, ended, f"{outcome.seconds:.0f}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in columns[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("accelerator: interrupted; run the same command again to continue")
