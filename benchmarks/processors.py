"""How many processors there are to use."""

import os


def processors() -> int:
    """Processors that this process may use, which is also what XLA takes."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
