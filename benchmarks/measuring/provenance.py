"""What a result must be read with: machine, versions, the code's commit, the environment."""

import functools
import importlib.metadata
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pyperf

from benchmarks.measuring.results import Results

_PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "equinox",
    "torch",
    "keras",
    "tensorflow-cpu",
    "tensorflow",
    "numpy",
)
# Variables that change how fast frameworks are, but for those that workers overrule or that name
# a folder or file.
_VARIABLE = re.compile(
    r"(XLA|TF_XLA|TF_ENABLE|JAX|KERAS|OMP|KMP|MKL|OPENBLAS|TORCH\w*|CUDA|NVIDIA|MALLOC)_\w+"
)
_LEFT_OUT = re.compile(
    r"\w*_(DIR|HOME|PATH|ROOT|FILE|NUM_THREADS)|KERAS_BACKEND|JAX_DEFAULT_MATMUL_PRECISION"
    r"|NVIDIA_TF32_OVERRIDE"
)
# What must agree for two processes to be of one result, beside versions, commit and environment.
_SAME = ("cpu_model_name", "cpu_count", "python_version", "threads")
_KEYED = ("version_", "env_", "commit")


@functools.cache
def provenance() -> dict[str, str]:
    """Versions, the commit of this code (`-dirty` where files differ) and the environment."""
    found = {f"env_{name}": value for name, value in sorted(os.environ.items()) if _matters(name)}
    for name in _PACKAGES:
        try:
            found[f"version_{name.replace('-', '_')}"] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        folder = Path(__file__).parent
        described = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except OSError:  # No git here.
        return found
    return found | ({"commit": described.stdout.strip()} if described.returncode == 0 else {})


def differences(results: Results, threads: int) -> list[str]:
    """What the results' processes have that one started now would not, in words."""
    now = machine() | {"threads": threads} | provenance()
    keys = [*_SAME, *sorted(key for key in results.keys() | now.keys() if key.startswith(_KEYED))]
    return [
        f"{key} {', '.join(map(str, found))}, now {now.get(key)}"
        for key in keys
        if (found := results.distinct(key)) and found != [now.get(key)]
    ]


def require_same_conditions(results: Results, threads: int) -> None:
    """Raise ValueError if processes started now would differ from those that the results have."""
    if differing := differences(results, threads):
        raise ValueError(
            f"{results.path} has results of other conditions ({'; '.join(differing)}); choose "
            "another --out, or pass --mixed to add to them"
        )


def machine() -> dict[str, Any]:
    """This machine, as pyperf describes it beside each result."""
    collected: dict[str, Any] = pyperf.Run([1.0], metadata={"name": "none"}).get_metadata()
    return {key: collected[key] for key in _SAME if key in collected}


def is_of_this_code(receipt: dict[str, Any]) -> bool:
    """Whether a parity receipt was made by this very commit and these versions."""
    now = provenance()
    commit = now.get("commit", "dirty")
    same = all(receipt.get(key) == value for key, value in now.items())
    return same and not commit.endswith("dirty")


def _matters(name: str) -> bool:
    return bool(_VARIABLE.fullmatch(name)) and not _LEFT_OUT.fullmatch(name)
