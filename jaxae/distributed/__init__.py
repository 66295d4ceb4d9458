"""Devices and processes: which ones compute, and what each of them holds.

mesh        devices as a mesh, and arrays sharded or replicated over it
processes   several processes that act as one run
"""

from jaxae.distributed.mesh import (
    batch_sharding,
    check_precision,
    chosen_device,
    copy_to_each,
    find_devices,
    make_mesh,
    replicate,
    replicate_rows,
)
from jaxae.distributed.processes import (
    LostProcessError,
    first_decides,
    is_first,
    joined,
    largest,
    leave,
    of_processes,
    require_same,
)

__all__ = [
    "LostProcessError",
    "batch_sharding",
    "check_precision",
    "chosen_device",
    "copy_to_each",
    "find_devices",
    "first_decides",
    "is_first",
    "joined",
    "largest",
    "leave",
    "make_mesh",
    "of_processes",
    "replicate",
    "replicate_rows",
    "require_same",
]
