"""How busy the machine is with other work when a run starts."""

import os

from rich.console import Console


def warn_if_busy(threads: int, console: Console) -> dict[str, str]:
    """Warn where other work leaves a run less than three quarters of the threads that it asks for.

    Returns:
      What to file with each measurement, for the report to say: `busy`, or nothing.
    """
    count = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load <= count - 0.75 * threads:
        return {}
    busy = f"load average {load:.1f} on {count} processors"
    console.print(f"warning: the machine is busy, {busy}; measure on an idle one")
    return {"busy": busy}
