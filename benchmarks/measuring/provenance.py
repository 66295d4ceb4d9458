"""The conditions that a result belongs to: machine, versions, commit and environment."""

import functools
import importlib.metadata
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyperf
from rich.console import Console

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring import speeds
from benchmarks.measuring.identity import Machine, describe
from benchmarks.measuring.results import Results

# jaxae's own modules; those of the contestants are added.
_MODULES = ("jax", "jaxlib", "flax", "optax", "numpy")
# Variables that affect the speed of a framework, except those that workers set themselves and
# those that hold a path.
_VARIABLE = re.compile(
    r"(XLA|TF_XLA|TF_ENABLE|JAX|KERAS|OMP|KMP|MKL|ONEDNN|DNNL|OPENBLAS|TORCH\w*|CUDA|MALLOC)_\w+"
    r"|LD_PRELOAD"
)
_LEFT_OUT = re.compile(
    r"\w*_(DIR|HOME|PATH|ROOT|FILE|NUM_THREADS)|KERAS_BACKEND|JAX_DEFAULT_MATMUL_PRECISION"
    r"|OPENBLAS_CORETYPE"
)
# What all processes of a result have in common, besides machine, versions, commit and environment.
_SAME = ("python_version", "threads")
# How often speeds that differ from earlier ones are measured again before they are believed: some
# processes are slow from beginning to end.
_AGAIN = 2
_KEYED = ("version_", "env_", "commit")


@functools.cache
def provenance() -> dict[str, str]:
    """Versions, commit (`-dirty` if files differ from it) and environment of this process."""
    found = {
        # Of a preloaded library, without its folder.
        f"env_{name}": os.path.basename(value) if name == "LD_PRELOAD" else value
        for name, value in sorted(os.environ.items())
        # pyperf refuses empty text.
        if value and _VARIABLE.fullmatch(name) and not _LEFT_OUT.fullmatch(name)
    }
    modules = {*_MODULES, *(name for entry in CONTESTANTS.values() for name in entry.packages)}
    # `tensorflow` may be installed as `tensorflow-cpu`.
    distributions = importlib.metadata.packages_distributions()
    for name in sorted({name for module in modules for name in distributions.get(module, ())}):
        found[f"version_{name.replace('-', '_')}"] = importlib.metadata.version(name)
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        folder = Path(__file__).parent
        described = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except OSError:  # Git is not installed.
        return found
    return found | ({"commit": described.stdout.strip()} if described.returncode == 0 else {})


def require_same_conditions(results: Results, threads: int) -> None:
    """Raise ValueError if a process started now would differ from those of the results.

    The speeds of the machine, which take seconds to measure, are left to `identify`.
    """
    machine = pyperf.Run([1.0], metadata={"name": "none"}).get_metadata()
    now = {key: machine[key] for key in _SAME if key in machine} | provenance()
    now["threads"] = threads
    keys = [*_SAME, *sorted(key for key in results.keys() | now.keys() if key.startswith(_KEYED))]
    differing = [
        f"{key} {', '.join(map(str, found))}, now {now.get(key)}"
        for key in keys
        if (found := results.distinct(key)) and found != [now.get(key)]
    ]
    _refuse(results, _machine_differences(results, Machine(describe(), {}, threads)) + differing)


def identify(
    results: Results, threads: int, console: Console, mixed: bool, busy: bool
) -> dict[str, str]:
    """Measure this machine's speeds and note the machine in the results.

    Speeds that differ from those in the results are measured again, and the highest count. On a
    busy machine only the peak is measured.

    Returns:
      What to store with each measurement: `machine`, a name.

    Raises:
      ValueError: the results are of another machine, and `mixed` is False.
    """
    console.print("measuring the speed of this machine")
    found = speeds.measure(threads, console, busy)
    machine = Machine(describe(), found, threads, speeds.versions())
    alike = [m for m in results.machines().values() if m and m.described == machine.described]
    for _ in range(_AGAIN):
        if not any(known.differences(machine) for known in alike):
            break
        machine = machine.at_best(replace(machine, speeds=speeds.measure(threads, console, busy)))
    name = machine.name
    if not mixed:
        _refuse(results, _machine_differences(results, machine))
    elif (known := results.machines().get(name)) and (
        known.threads != threads or known.differences(machine)
    ):
        # Another machine, or number of threads, of the same name.
        name = f"{name}-{1 + len(results.machines())}"
    results.note_machine(name, machine)
    return {"machine": name}


def _machine_differences(results: Results, now: Machine) -> list[str]:
    found = []
    for machine in results.machines().values():
        if machine is None:
            found.append("their machine is not identified")
        else:
            found += [f"{key} {was}, now {of}" for key, was, of in machine.differences(now)]
    return list(dict.fromkeys(found))


def _refuse(results: Results, differing: list[str]) -> None:
    if differing:
        raise ValueError(
            f"{results.path} has results of other conditions ({'; '.join(differing)}); choose "
            "another --out, or pass --mixed to add to them"
        )


def is_of_this_code(receipt: dict[str, Any]) -> bool:
    """Whether a parity receipt is of this commit and these versions."""
    now = provenance()
    if now.get("commit", "dirty").endswith("dirty"):
        return False
    return all(receipt.get(key) == value for key, value in now.items())
