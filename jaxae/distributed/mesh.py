"""Devices as a mesh: batches are sharded over it, everything else is replicated."""

import contextlib
import functools
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax import dtypes, lax
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from jaxae.config import Device, Precision
from jaxae.distributed.processes import barrier


def find_devices(kind: Device = "auto", count: int | None = None) -> list[jax.Device]:
    """List the devices of a kind, over all processes of a run.

    Args:
      kind: the platform. `auto` is the one that JAX prefers; in a single process, it is the one
        device that `jax.default_device` chose, if any.
      count: number of devices per process; None takes all.

    Raises:
      ValueError: there is no device of that kind, or a process has fewer than `count`.
    """
    chosen = chosen_device()
    if kind == "auto" and chosen and count is None and jax.process_count() == 1:
        return [chosen]
    try:
        found = jax.devices(None if kind == "auto" else kind)
    except RuntimeError as error:
        there = sorted({device.platform for device in [*jax.devices(), *jax.devices("cpu")]})
        raise ValueError(
            f"there is no device {kind!r}; JAX finds {', '.join(there)} "
            "(the extras jaxae[cuda] and jaxae[tpu] install support for those)"
        ) from error
    of_process: dict[int, list[jax.Device]] = {}
    for device in sorted(found, key=lambda device: (device.process_index, device.id)):
        of_process.setdefault(device.process_index, []).append(device)
    fewest = min(len(devices) for devices in of_process.values())
    if count is not None and not 1 <= count <= fewest:
        raise ValueError(
            f"devices is {count}; expected 1 to {fewest}, the {found[0].platform} devices that "
            "JAX finds (JAX_NUM_CPU_DEVICES=N splits a CPU into N of them)"
        )
    return [device for devices in of_process.values() for device in devices[:count]]


def chosen_device() -> jax.Device | None:
    """Return the device that `jax.default_device` chose, if any."""
    chosen = jax.config.jax_default_device  # type: ignore[attr-defined]
    return jax.local_devices(backend=chosen)[0] if isinstance(chosen, str) else chosen


def computing_on(mesh: Mesh) -> contextlib.AbstractContextManager[None]:
    """Return a context whose default device is this process's first one in a mesh."""
    return jax.default_device(mesh.local_devices[0])


def make_mesh(devices: Sequence[jax.Device]) -> Mesh:
    """Make a mesh of devices with one axis, "batch", over which every batch is sharded."""
    # Keeps the devices of a process adjacent; jax.make_mesh may reorder them.
    return Mesh(np.asarray(devices), ("batch",), axis_types=(AxisType.Auto,))


def replicate(model: nnx.Module, devices: Sequence[jax.Device]) -> None:
    """Copy a model's parameters to each of the devices, in place.

    `encode` and `decode` run on the devices that hold the model, and share the work among them.

    Raises:
      ValueError: there is no device, or one is listed twice.
    """
    if not devices or len(set(devices)) < len(devices):
        raise ValueError(f"devices are {list(devices)}; expected one or more, without repetition")
    nnx.update(model, put_replicated(nnx.state(model, nnx.Param), make_mesh(devices)))


def replicated(mesh: Mesh | AbstractMesh) -> NamedSharding:
    """Return the sharding with a full copy on each device of a mesh."""
    return NamedSharding(mesh, PartitionSpec())


def put_replicated(tree: Any, mesh: Mesh) -> Any:
    """Copy a tree of arrays, equal in all processes, to each device of a mesh."""
    sharding = replicated(mesh)
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)

    def put(leaf: jax.Array) -> jax.Array:
        if jnp.issubdtype(leaf.dtype, dtypes.prng_key):
            return jax.random.wrap_key_data(put(jax.random.key_data(leaf)))
        values = np.asarray(leaf)
        return jax.make_array_from_callback(values.shape, sharding, lambda index: values[index])

    return jax.tree.map(put, tree)


def put_rows_replicated(rows: Any, mesh: Mesh) -> jax.Array:
    """Copy rows, shape (n, …), in memory or on disk, to each device of a mesh.

    Each process reads only its share of the rows. The devices then gather the shares.
    """
    n, k = len(rows), mesh.size
    whole = replicated(mesh)
    if k == 1 and whole.is_fully_addressable:
        return jax.device_put(np.asarray(rows), whole)
    each = -(-n // k)

    def share(index: tuple[slice, ...] | None) -> npt.NDArray[Any]:
        assert index is not None
        start = index[0].start or 0
        own = np.asarray(rows[start : min(start + each, n)])
        return np.pad(own, [(0, each - len(own))] + [(0, 0)] * (own.ndim - 1))

    shares = jax.make_array_from_callback(
        (k * each, *rows.shape[1:]), NamedSharding(mesh, PartitionSpec("batch")), share
    )
    barrier("rows")  # One process may read for longer than a collective waits.
    return _all_gather(shares, n, whole)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _all_gather(shares: jax.Array, n: int, whole: NamedSharding) -> jax.Array:
    return lax.with_sharding_constraint(shares[:n], whole)


def batch_sharding(mesh: Mesh) -> NamedSharding | None:
    """Return the sharding of a batch over a mesh, or None on a single device."""
    return NamedSharding(mesh, PartitionSpec("batch")) if mesh.size > 1 else None


def check_precision(precision: Precision, device: jax.Device) -> None:
    """Raise ValueError if a device does not support a precision."""
    capability = re.match(r"[0-9]+", getattr(device, "compute_capability", ""))
    if precision == "tf32" and (capability is None or int(capability[0]) < 8):
        raise ValueError(
            f"precision is tf32, which requires an NVIDIA GPU, Ampere or newer, but the device is "
            f"{device.device_kind}; expected float32 or bfloat16"
        )
