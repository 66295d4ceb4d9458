"""What a machine is, its short name, and how two machines differ."""

import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring import reported

# The instruction sets that matrix products and elementwise loops are compiled to.
_INSTRUCTIONS = re.compile(
    r"fma|f16c|avx|avx2|avx_vnni\w*|avx512\w*|avx10\w*|amx_\w+"  # x86
    r"|asimd\w*|sve\w*|sme|sme2|bf16|i8mm"  # Arm
)
# Their names in /proc/cpuinfo, on x86 and on Arm.
_FIELDS = {
    "vendor": ("vendor_id", "CPU implementer"),
    "family": ("cpu family", "CPU architecture"),
    "model": ("model", "CPU part"),
    "stepping": ("stepping", "CPU revision"),
    "cpu": ("model name", "Model name"),
    "instructions": ("flags", "Features"),
}
_SYSCTL = {
    "vendor": "machdep.cpu.vendor",
    "family": "hw.cpufamily",
    "model": "hw.cputype",
    "stepping": "hw.cpusubtype",
    "cpu": "machdep.cpu.brand_string",
}
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
# The highest speeds of a few processes on the same machine differ by less than this factor.
TOLERANCE = 1.25
# Guests of one host share its memory bandwidth. Two processes, half a minute apart on a quiet one,
# measured 45 and 73 GB/s.
BANDWIDTH_TOLERANCE = 2.0


@dataclass(frozen=True)
class Machine:
    """A machine that results were measured on.

    Attributes:
      described: what the system reports, see `describe`.
      speeds: measured GFLOP/s and GB/s, see `benchmarks.measuring.speeds`; None if not measured.
      threads: number of threads that the speeds were measured with.
      versions: of the libraries that the speeds were measured with.
    """

    described: Mapping[str, Any]
    speeds: Mapping[str, float | None]
    threads: int
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A name for a folder, the same after a reboot: processor, number of CPUs, GPUs, TPUs."""
        cpu = self.described.get("cpu") or self.described.get("architecture") or "unknown"
        version = [self.described.get(key) for key in ("family", "model", "stepping")]
        parts = [_slug(cpu), ".".join(str(of) for of in version if of is not None)]
        parts.append(f"{self.described.get('processors')}cpu")
        chips = [gpu["name"] for gpu in self.described.get("gpus") or ()]
        chips += self.described.get("tpus") or ()
        parts += [f"{chips.count(chip)}x{_slug(chip)}" for chip in dict.fromkeys(chips)]
        return "-".join(part for part in parts if part)

    def differences(self, other: "Machine") -> list[tuple[str, str, str]]:
        """The differences, as (what, mine, theirs), in what is known of both machines.

        Speeds differ if one is more than `TOLERANCE` times the other, or `BANDWIDTH_TOLERANCE`
        times for `triad_gbs`. Those measured with another number of threads, or another version of
        the library, are not compared.
        """
        mine, theirs = self.described, other.described
        found = [
            (key, _words(mine[key], theirs[key]), _words(theirs[key], mine[key]))
            for key in mine
            if key in theirs and mine[key] != theirs[key]
        ]
        changed = {
            library
            for library, version in self.versions.items()
            if version != other.versions.get(library)
        }
        for key, speed in self.speeds.items() if self.threads == other.threads else ():
            against = other.speeds.get(key)
            if not speed or not against or changed.intersection(key.split("_")):
                continue
            tolerance = BANDWIDTH_TOLERANCE if key == "triad_gbs" else TOLERANCE
            if not 1 / tolerance <= speed / against <= tolerance:
                found.append((key, f"{speed:.4g}", f"{against:.4g}"))
        return found

    def at_best(self, other: "Machine") -> "Machine":
        """This machine with the higher of both measurements of each speed.

        Other work can only slow a measurement down.
        """
        speeds = dict(self.speeds)
        for key, speed in other.speeds.items():
            speeds[key] = max(filter(None, (speed, speeds.get(key))), default=None)
        return replace(self, speeds=speeds)


def describe(root: Path = Path("/")) -> dict[str, Any]:
    """Describe this machine; the system's files are read under `root`.

    Returns:
      `architecture`; `vendor`, `family`, `model`, `stepping` and `cpu` (the name) of the processor;
      `instructions`, a sorted list of instruction sets; `caches`, bytes of each of the first core's
      by level, as L1d; `processors` and `cores`, their numbers; `huge_pages`, the kernel's mode of
      transparent huge pages; `gpus`, name, driver and highest clocks in MHz of each NVIDIA GPU;
      `tpus`, the name of each TPU chip. None for what the system does not report.
    """
    described: dict[str, Any] = {"architecture": platform.machine()}
    described |= _of_macos() if sys.platform == "darwin" else _of_linux(root)
    described |= {"processors": os.cpu_count(), "cores": psutil.cpu_count(logical=False)}
    return described | {"gpus": reported.gpus(), "tpus": reported.tpus(root)}


def _of_linux(root: Path) -> dict[str, Any]:
    lines = reported.text(root / "proc/cpuinfo").split("\n\n")[0].splitlines()
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    found: dict[str, Any] = {
        key: next((_number(said[name]) for name in names if said.get(name)), None)
        for key, names in _FIELDS.items()
    }
    if (flags := found["instructions"]) is not None:
        found["instructions"] = sorted(filter(_INSTRUCTIONS.fullmatch, flags.split()))
    caches = {}
    for index in sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            reported.text(index / name).strip() for name in ("level", "type", "size")
        )
        if match := re.fullmatch(r"(\d+)([KMG])", size):
            suffix = {"Data": "d", "Instruction": "i"}.get(kind, "")
            caches[f"L{level}{suffix}"] = int(match[1]) * _UNITS[match[2]]
    # The mode in use is in brackets: always [madvise] never.
    pages = re.search(
        r"\[(\w+)\]", reported.text(root / "sys/kernel/mm/transparent_hugepage/enabled")
    )
    return found | {"caches": caches or None, "huge_pages": pages[1] if pages else None}


def _of_macos() -> dict[str, Any]:
    found: dict[str, Any] = {
        key: _number(reported.output("sysctl", "-n", name)) for key, name in _SYSCTL.items()
    }
    sizes = {
        f"L{level}": reported.output("sysctl", "-n", f"hw.l{level.lower()}cachesize")
        for level in ("1d", "1i", "2", "3")
    }
    caches = {level: int(size) for level, size in sizes.items() if size and size.isdigit()}
    return found | {"instructions": None, "caches": caches or None, "huge_pages": None}


def _number(text: str | None) -> int | str | None:
    return int(text) if text and text.isdigit() else text or None


def _words(value: Any, other: Any) -> str:
    # Of two long lists, only what the other lacks.
    if isinstance(value, list) and isinstance(other, list):
        rest = [item for item in value if item not in other]
        return f"with {', '.join(_words(item, None) for item in rest)}" if rest else "without"
    if isinstance(value, dict):
        return " ".join(f"{key} {of}" for key, of in value.items())
    return "unknown" if value is None else str(value)


def _slug(name: str) -> str:
    short = re.sub(r"\((r|tm|c)\)|\b(cpu|processor)\b|@.*|\d+-core", " ", name.lower())
    return re.sub(r"[^a-z0-9]+", "-", short).strip("-")
