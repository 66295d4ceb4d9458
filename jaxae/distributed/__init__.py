"""Devices and processes: which ones compute, and what each of them holds.

mesh        devices as a mesh, and arrays sharded or replicated over it
processes   several processes that act as one run
"""

from jaxae.distributed.mesh import (
    batch_sharding,
    check_precision,
    chosen_device,
    computing_on,
    find_devices,
    make_mesh,
    put_replicated,
    put_rows_replicated,
    replicate,
    replicated,
)
from jaxae.distributed.processes import (
    LostProcessError,
    all_reduce_max,
    is_main_process,
    leave,
    process_group,
    process_label,
    require_equal,
    run_on_main_process,
)

__all__ = [
    "LostProcessError",
    "all_reduce_max",
    "batch_sharding",
    "check_precision",
    "chosen_device",
    "computing_on",
    "find_devices",
    "is_main_process",
    "leave",
    "make_mesh",
    "process_group",
    "process_label",
    "put_replicated",
    "put_rows_replicated",
    "replicate",
    "replicated",
    "require_equal",
    "run_on_main_process",
]
