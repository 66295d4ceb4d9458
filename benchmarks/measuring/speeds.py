"""How fast a machine is: matrix products, multiply-adds and memory.

`python -m benchmarks.measuring.speeds SPEC` measures in a fresh process, as a worker does. SPEC is
JSON: what (a library, or `peak`) and threads.

All speeds are the highest of several repetitions. `sgemm_LIBRARY_train_gflops` is that of the five
products of a training step at batch 128, `..._encode_...` and `..._decode_...` of the one product
that each of these needs, `..._large_...` of square matrices. `peak_gflops` is that of multiply-adds
on registers: no program of float32 arithmetic on these processors is faster. It needs a C++
compiler and is None without one; the fastest large product is then a lower bound. `triad_gbs` is
that of a = b + s·c over arrays that no cache holds, by XLA, with 12 bytes counted for each element.
"""

import functools
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measuring.machine import processors, set_equal_terms
from benchmarks.measuring.spawn import WorkerError, spawn

Speeds = dict[str, float | None]

LIBRARIES = ("jax", "torch", "numpy")
# Repetitions of one measurement go on for so long, and there are at least three. Each is so short
# that most are not interrupted by other processes.
_SECONDS, _REPETITION = 0.5, 0.003
_PEAK = Path(__file__).with_name("peak.cpp")


def measure(threads: int, console: Console, busy: bool) -> Speeds:
    """Measure all speeds, each library's in its own process.

    Args:
      threads: number of threads to use.
      console: where what failed is shown; its speeds are left out.
      busy: whether other work is running. Only the peak can then be measured: threads that wait for
        each other, as those of a library do, are slowed down by several times.
    """
    speeds: Speeds = {}
    for what in ("peak",) if busy else ("peak", *LIBRARIES):
        if what in LIBRARIES and importlib.util.find_spec(what) is None:
            continue
        try:
            spec = {"what": what, "threads": threads}
            speeds |= spawn("measuring.speeds", spec, dict(os.environ))
        except WorkerError as error:
            console.print(f"the speed of {what} is not known: {error}")
    return speeds


def versions() -> dict[str, str]:
    """The versions of the libraries that are installed."""
    installed = filter(importlib.util.find_spec, LIBRARIES)
    return {library: importlib.metadata.version(library) for library in installed}


def main(spec: dict[str, Any]) -> Speeds:
    """Measure the speeds of one library, or the peak."""
    set_equal_terms(spec["threads"])
    if spec["what"] == "peak":
        found: Speeds = {"peak_gflops": peak(spec["threads"])}
    else:
        found = library_speeds(spec["what"]) | (triad() if spec["what"] == "jax" else {})
    return {name: speed and round(speed, 1) for name, speed in found.items()}


def peak(threads: int) -> float | None:
    """GFLOP/s of fused multiply-adds on registers; None without a C++ compiler."""
    compilers = [os.environ.get("CXX", ""), "c++", "g++", "clang++"]
    compiler = next(filter(None, map(shutil.which, filter(None, compilers))), None)
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peak"
        options = ["-O3", "-march=native", "-ffp-contract=fast", "-pthread", "-std=c++17"]
        built = subprocess.run([compiler, *options, _PEAK, "-o", program], capture_output=True)
        if built.returncode:
            return None
        ran = subprocess.run([program, str(threads)], capture_output=True, text=True)
    return float(ran.stdout) if ran.returncode == 0 else None


def library_speeds(library: str) -> Speeds:
    """GFLOP/s of a library's matrix products at the shapes of the tasks, and of large ones."""
    from benchmarks.tasks import Sizes, limit

    products = limit.PRODUCTS[library]
    if library == "torch":
        import torch

        torch.set_num_threads(processors())
    sizes, square = Sizes(), Sizes(1024, 1024)
    shapes: dict[str, tuple[limit.Work, Sizes, int]] = {
        "train": ("train", sizes, 128),
        "encode": ("encode", sizes, limit.LATENT_ROWS),
        "decode": ("decode", sizes, limit.LATENT_ROWS),
        "large": ("encode", square, square.pixels),
    }
    speeds: Speeds = {}
    for name, (work, of, rows) in shapes.items():
        each = 2 * rows * of.pixels * of.hidden * (5 if work == "train" else 1)
        once = _least_seconds(products(work, of, rows, 1), least=0.0)
        times = max(1, round(_REPETITION / once))
        seconds = _least_seconds(products(work, of, rows, times))
        speeds[f"sgemm_{library}_{name}_gflops"] = each * times / seconds / 1e9
    return speeds


def triad(mebibytes: int | None = None) -> Speeds:
    """GB/s of a = b + s·c on JAX's device; b and c are read and a is written, none allocated."""
    import jax
    import jax.numpy as jnp

    from benchmarks.tasks import limit

    size = (mebibytes or limit.COPIED) << 18

    @functools.partial(jax.jit, donate_argnums=0, keep_unused=True)
    def add(a: jax.Array, b: jax.Array, c: jax.Array) -> jax.Array:
        return b + 0.5 * c

    b, c = jnp.ones(size), jnp.ones(size)
    kept = [jnp.zeros(size)]

    def run() -> None:
        kept.append(add(kept.pop(), b, c).block_until_ready())

    return {"triad_gbs": 3 * 4 * size / _least_seconds(run) / 1e9}


def _least_seconds(call: Callable[[], object], least: float | None = None) -> float:
    """Seconds of the fastest of at least three calls, repeated for `least` seconds."""
    call()
    seconds: list[float] = []
    while len(seconds) < 3 or sum(seconds) < (_SECONDS if least is None else least):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
