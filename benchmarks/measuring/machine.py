"""The machine: processors, load, memory and devices."""

import math
import os
import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


# How long other work is watched for.
_BUSY_SECONDS = 2.0


def processors() -> int:
    """Number of processors that this process may use, which is also how many XLA uses."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def warn_if_busy(threads: int, console: "Console") -> dict[str, str]:
    """Warn if other work leaves less than three quarters of the threads that a run asks for.

    Returns:
      What to store with each measurement: `busy`, or nothing.
    """
    import psutil

    count = os.cpu_count() or 1
    most = count - 0.75 * threads
    if not hasattr(os, "getloadavg") or os.getloadavg()[0] <= most:
        return {}
    # The load average also counts work that ended a moment ago.
    used = psutil.cpu_percent(_BUSY_SECONDS) / 100 * count
    if used <= most:
        return {}
    busy = f"other work uses {used:.1f} of {count} processors"
    console.print(f"warning: the machine is busy: {busy}; measure on an idle machine")
    return {"busy": busy}


def steal_seconds() -> float:
    """Seconds since boot that a hypervisor gave to other guests, summed over processors.

    NaN where the system does not count them, as outside Linux.
    """
    import psutil

    return getattr(psutil.cpu_times(), "steal", math.nan)


def set_equal_terms(threads: int) -> None:
    """Give every framework the same threads, float32 arithmetic and the kernels that it chooses.

    Call it before any framework is imported. On a GPU, some frameworks would otherwise round
    products to TF32 by default.
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    # OpenBLAS would otherwise use the kernels of the processor that this names.
    os.environ.pop("OPENBLAS_CORETYPE", None)
    # XLA and TensorFlow count the processors that they may use.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["JAX_DEFAULT_MATMUL_PRECISION"] = "highest"
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"


def peak_memory() -> int:
    """Largest resident set size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def hardware(library: str) -> dict[str, Any]:
    """The device that a library uses in this process, and its peak memory if it has its own."""
    found: dict[str, Any] = {"device": "cpu", "tf32": "off"}
    module = sys.modules.get(library)  # None if only NumPy was used.
    if module is None:
        return found
    if library == "jax":
        device = module.devices()[0]
        found |= {"device": device.device_kind}
        if statistics := device.memory_stats():
            found |= {"device_peak_bytes": statistics.get("peak_bytes_in_use", 0)}
    elif library == "torch" and module.cuda.is_available():
        found |= {"device": module.cuda.get_device_name()}
        found |= {"device_peak_bytes": module.cuda.max_memory_allocated()}
    elif library == "tensorflow" and module.config.list_physical_devices("GPU"):
        memory = module.config.experimental.get_memory_info("GPU:0")
        found |= {"device": "gpu", "device_peak_bytes": memory["peak"]}
    return found
