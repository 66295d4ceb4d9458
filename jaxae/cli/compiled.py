"""Keep compiled programs from one command to the next, in the user's cache folder."""

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
    """Have JAX look for compiled programs in the user's cache folder, and keep new ones there.

    A user's own choice (`JAX_COMPILATION_CACHE_DIR`, `JAX_ENABLE_COMPILATION_CACHE=0`) comes first.
    An entry that cannot be read or written costs a compilation, and nothing else.
    """
    warnings.filterwarnings("ignore", "Error (read|writ)ing persistent compilation cache")
    config: Any = jax.config  # Whose options type checkers do not know.
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
    # JAX would keep what took a second to compile. A command has dozens of faster ones.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def prune(folder: Path, max_bytes: int) -> None:
    """Delete the files that were read longest ago until the others are `max_bytes` or less.

    JAX's own bound (`jax_compilation_cache_max_size`) reads a file for each entry whenever it adds
    one, and adds none any more once a process was killed while it did.
    """
    with contextlib.suppress(OSError):  # Another process may prune, or the folder be read-only.
        files = [(path.stat(), path) for path in folder.rglob("*") if path.is_file()]
        excess = sum(stat.st_size for stat, _ in files) - max_bytes
        for stat, path in sorted(files, key=lambda file: file[0].st_atime):
            if excess <= 0:
                break
            path.unlink()
            excess -= stat.st_size


def _processor() -> str:
    # Code for one processor may crash another, and JAX looks a program up without asking which: a
    # cluster's nodes often differ and share the home folder.
    with contextlib.suppress(OSError):
        listed = Path("/proc/cpuinfo").read_text()
        known = re.findall(r"^(?:model name|flags|Features)\s*:.*$", listed, re.MULTILINE)
        digest = hashlib.sha256("\n".join(sorted(set(known))).encode()).hexdigest()
        return f"{platform.machine()}-{digest[:16]}"
    return platform.machine()
