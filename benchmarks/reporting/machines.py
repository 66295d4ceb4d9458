"""The machine, the versions and the dates of results, in a few lines."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.measuring.identity import Machine
from benchmarks.measuring.results import Results
from benchmarks.reporting.conditions import environment
from benchmarks.reporting.markdown import library
from benchmarks.tasks.limit import PRODUCTS

# What the lines on machines, and the last line, hold.
_OF_MACHINES = ("cpu model name", "cpu count")
_OF_RUNS = ("platform", "commit", "date")


def machine_lines(results: Results) -> Iterator[str]:
    """Yield each machine and its speeds, then the versions, then the commit and the dates."""
    known = dict(environment(results))
    for name, machine in results.machines().items():
        if machine is None:
            cpu, count = (known.get(key, "unknown") for key in _OF_MACHINES)
            yield f"not identified: {cpu}, {count} processors"
        else:
            yield f"{name}: {_described(machine.described)}"
            yield f"with {machine.threads} threads: {_speeds(machine)}"
    if steal := list(_steal(results)):
        yield f"lost to other guests of the host: {sum(steal):.0f} s of processor time"
    rest = {key: of for key, of in known.items() if key not in (*_OF_MACHINES, *_OF_RUNS)}
    yield ", ".join(f"{key} {value}" for key, value in rest.items())
    yield ", ".join(f"{key} {known[key]}" for key in _OF_RUNS if key in known)


def _steal(results: Results) -> Iterator[float]:
    """Yield each process's steal time, where the system counts it."""
    processes = (process.metadata for row in results.names() for process in results.processes(*row))
    # A process that measured several tasks stored the same numbers with each.
    once = {of.get("reference_after"): of.get("steal_seconds", math.nan) for of in processes}
    yield from filter(math.isfinite, once.values())


def _described(described: Mapping[str, Any]) -> str:
    parts = [str(described.get("cpu") or described.get("architecture") or "unknown processor")]
    keys = ("family", "model", "stepping", "processors", "cores", "huge_pages")
    parts += [
        f"{key.replace('_', ' ')} {described[key]}"
        for key in keys
        if described.get(key) is not None
    ]
    parts += [f"{of} {size >> 10:,} KiB" for of, size in (described.get("caches") or {}).items()]
    parts += described.get("instructions") or []
    parts += [gpu["name"] for gpu in described.get("gpus") or ()]
    parts += described.get("tpus") or ()
    return ", ".join(parts)


def _speeds(machine: Machine) -> str:
    products = {
        f"{library(name)}'s products of a training step": f"sgemm_{name}_train_gflops"
        for name in PRODUCTS
    }
    names = {"peak": "peak_gflops", **products}
    found = [
        f"{name} {speed:.0f} GFLOP/s"
        for name, key in names.items()
        if (speed := machine.speeds.get(key))
    ]
    if triad := machine.speeds.get("triad_gbs"):
        found.append(f"memory {triad:.0f} GB/s")
    return ", ".join(found) or "no speed is known"
