"""Devices and processes.

mesh        devices as a mesh, and arrays sharded or replicated over it
processes   several processes that act as one run
"""

from jaxae.distributed.mesh import batch_sharding as batch_sharding
from jaxae.distributed.mesh import check_precision as check_precision
from jaxae.distributed.mesh import chosen_device as chosen_device
from jaxae.distributed.mesh import computing_on as computing_on
from jaxae.distributed.mesh import find_devices as find_devices
from jaxae.distributed.mesh import make_mesh as make_mesh
from jaxae.distributed.mesh import put_replicated as put_replicated
from jaxae.distributed.mesh import put_rows_replicated as put_rows_replicated
from jaxae.distributed.mesh import replicate as replicate
from jaxae.distributed.mesh import replicated as replicated
from jaxae.distributed.processes import LostProcessError as LostProcessError
from jaxae.distributed.processes import all_reduce_max as all_reduce_max
from jaxae.distributed.processes import is_main_process as is_main_process
from jaxae.distributed.processes import leave as leave
from jaxae.distributed.processes import process_group as process_group
from jaxae.distributed.processes import process_label as process_label
from jaxae.distributed.processes import require_equal as require_equal
from jaxae.distributed.processes import run_on_main_process as run_on_main_process
