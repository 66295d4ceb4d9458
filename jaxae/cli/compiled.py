"""Cache compiled programs in the user's cache folder, for the next command to use."""

import contextlib
import hashlib
import platform
import re
import warnings
from pathlib import Path
from typing import Any

import jax
import platformdirs

_MAX_BYTES = 256 << 20


def keep_compiled() -> None:
    """Point JAX's compilation cache to the user's cache folder.

    `JAX_COMPILATION_CACHE_DIR` and `JAX_ENABLE_COMPILATION_CACHE=0` take precedence. An entry that
    cannot be read is compiled again; one that cannot be written is skipped.
    """
    warnings.filterwarnings("ignore", "Error (read|writ)ing persistent compilation cache")
    config: Any = jax.config  # Type checkers do not know its options.
    if config.jax_compilation_cache_dir or not config.jax_enable_compilation_cache:
        return
    folder = platformdirs.user_cache_path("jaxae") / "compiled"
    own = folder / _processor()
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    prune(folder, _MAX_BYTES)
    jax.config.update("jax_compilation_cache_dir", str(own))
    # By default JAX caches only what took a second to compile; a command has dozens of faster
    # programs.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def prune(folder: Path, max_bytes: int) -> None:
    """Delete the least recently read files until at most `max_bytes` remain.

    JAX's own limit (`jax_compilation_cache_max_size`) reads a file per entry whenever it adds one,
    and adds no more entries after a process was killed while adding one.
    """
    with contextlib.suppress(OSError):  # Another process may prune too, or the folder is read-only.
        files = [(path.stat(), path) for path in folder.rglob("*") if path.is_file()]
        excess = sum(stat.st_size for stat, _ in files) - max_bytes
        for stat, path in sorted(files, key=lambda file: file[0].st_atime):
            if excess <= 0:
                break
            path.unlink()
            excess -= stat.st_size


def _processor() -> str:
    # Code compiled for one processor may crash on another, and JAX's keys do not include the
    # processor. The nodes of a cluster often differ and share the home folder.
    with contextlib.suppress(OSError):
        listed = Path("/proc/cpuinfo").read_text()
        known = re.findall(r"^(?:model name|flags|Features)\s*:.*$", listed, re.MULTILINE)
        digest = hashlib.sha256("\n".join(sorted(set(known))).encode()).hexdigest()
        return f"{platform.machine()}-{digest[:16]}"
    return platform.machine()
