"""What the operating system reports about a machine. Nothing has to be installed for it."""

import subprocess
from pathlib import Path

_GPU = ("name", "driver_version", "clocks.max.sm", "clocks.max.memory")
# Google's number on the PCI bus, and those of its TPUs, as JAX knows them. v2 counts as v3.
_GOOGLE = "0x1ae0"
_TPUS = {
    "0x0027": "TPU v3",
    "0x005e": "TPU v4",
    "0x0062": "TPU v5p",
    "0x0063": "TPU v5e",
    "0x006f": "TPU v6e",
    "0x0076": "TPU7x",
}


def gpus() -> list[dict[str, str]] | None:
    """List the NVIDIA GPUs: name, driver and highest clocks in MHz. None if there are none."""
    query = f"--query-gpu={','.join(_GPU)}"
    lines = output("nvidia-smi", query, "--format=csv,noheader,nounits")
    if not lines:
        return None
    keys = ("name", "driver", "sm_mhz", "memory_mhz")
    return [dict(zip(keys, line.split(", "), strict=False)) for line in lines.splitlines()]


def tpus(root: Path = Path("/")) -> list[str] | None:
    """List the names of the TPU chips, from the system's files under `root`. None if none."""
    devices = sorted((root / "sys/bus/pci/devices").glob("*"))
    found = [
        text(at / "device").strip() for at in devices if text(at / "vendor").strip() == _GOOGLE
    ]
    return [_TPUS[device] for device in found if device in _TPUS] or None


def output(*command: str) -> str | None:
    """Return what a command prints; None if it does not exist or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def text(path: Path) -> str:
    """Return the text of a file; empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
