"""Apply a module to any number of rows in chunks of fixed sizes, on all devices that hold it.

Chunks have one of a few sizes, and the last ones are smaller or padded, so that a new number of
rows needs no recompilation and the memory used on the devices is bounded.
"""

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import jax
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxae.distributed import make_mesh

Floats = npt.NDArray[np.float32]
# Maps a module and a chunk of rows to an equal number of results.
Function = Callable[[Any, jax.Array], jax.Array]

# Chunks in flight: the devices compute one while the host copies another.
_IN_FLIGHT = 2


class Rows(Protocol):
    """Rows that are read by slicing: an array, a memory map, or a file that acts like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, then the shape of a row."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""

    def __getitem__(self, rows: slice, /) -> npt.NDArray[Any]:
        """Read a slice of the rows."""


def as_rows(array: npt.ArrayLike | Rows) -> Rows:
    """Return an array with a NumPy dtype as it is, without reading it; convert anything else."""
    # JAX would compile a program for each slice of its own arrays.
    if isinstance(array, jax.Array) or not isinstance(getattr(array, "dtype", None), np.dtype):
        return np.asarray(array)
    return array  # type: ignore[return-value]


def in_chunks(
    function: Function,
    module: nnx.Module,
    rows: Rows,
    convert: Callable[[npt.NDArray[Any], int], npt.NDArray[Any]],
    sizes: Sequence[int],
) -> Iterator[Floats]:
    """Apply a function to rows, one chunk at a time.

    Args:
      function: maps the module and a chunk to an equal number of results; compiled once per size.
      module: the module; its parameters' devices do the computation, see `_place`.
      rows: the rows; each is read once, chunk by chunk.
      convert: called with a chunk and the index of its first row; returns the input of the
        function, or raises ValueError.
      sizes: chunk sizes on one device, in ascending order.

    Yields:
      The results, in the order of the rows.
    """
    n = rows.shape[0]
    sizes, run = _place(function, module, sizes, n)
    pending: deque[tuple[jax.Array, int]] = deque()
    start = 0
    while start < n or pending:
        if start < n and len(pending) < _IN_FLIGHT:
            rest = n - start
            size = _size_for(rest, sizes)
            chunk = convert(np.asarray(rows[start : start + size]), start)
            if rest < size:
                padding = np.zeros((size - rest, *chunk.shape[1:]), chunk.dtype)
                chunk = np.concatenate([chunk, padding])
            pending.append((run(chunk), min(size, rest)))
            start += size
        else:
            yield _first(*pending.popleft())


def _size_for(rest: int, sizes: Sequence[int]) -> int:
    """Choose a chunk that is padded by at most a third, or a smaller one that the rest fills.

    The two smallest sizes are only ever chosen for the last rows.
    """
    padded = next((size for size in sizes if size >= rest), sizes[-1])
    filled = max((size for size in sizes[2:] if size <= rest), default=padded)
    return padded if 2 * padded <= 3 * rest else filled


def _first(results: jax.Array, count: int) -> Floats:
    return np.asarray(results)[:count]


def concatenate(blocks: Iterable[Floats], shape: tuple[int, ...]) -> Floats:
    """Concatenate blocks into an array of a given shape."""
    result = np.empty(shape, np.float32)
    start = 0
    for block in blocks:
        result[start : start + len(block)] = block
        start += len(block)
        del block  # So that its memory can be reused for the next chunk.
    return result


def _place(
    function: Function, module: nnx.Module, sizes: Sequence[int], n: int
) -> tuple[Sequence[int], Callable[[npt.NDArray[Any]], jax.Array]]:
    """Return the chunk sizes, and the function to call with each chunk.

    Computation runs on the devices that hold the parameters. If the parameters are replicated over
    several devices of this process, a chunk is divided among them, except for the two smallest
    sizes: for few rows, one device is faster. Devices of other processes are not used.
    """
    leaves, structure = jax.tree.flatten(module)
    copies = _copies(leaves)
    on_one = functools.partial(_apply, function, structure, copies[0] if copies else leaves)
    if len(copies) < 2 or n <= sizes[1]:
        return sizes, on_one

    mesh = make_mesh([copy[0].device for copy in copies])
    replicated, sharded = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("batch",)))
    on_mesh = [
        jax.make_array_from_single_device_arrays(leaf.shape, replicated, shards)
        for leaf, *shards in zip(leaves, *copies, strict=True)
    ]

    def on_all(chunk: npt.NDArray[Any]) -> jax.Array:
        if len(chunk) <= sizes[1]:
            return on_one(chunk)
        return _apply_sharded(function, structure, mesh, on_mesh, jax.device_put(chunk, sharded))

    return (*sizes[:2], *(len(copies) * size for size in sizes[1:])), on_all


def _copies(leaves: Sequence[Any]) -> list[tuple[jax.Array, ...]]:
    """List the copies of replicated parameters on devices of this process; empty otherwise."""
    for leaf in leaves:
        if not isinstance(leaf, jax.Array) or len(leaf.sharding.device_set) == 1:
            return []
        if not leaf.is_fully_replicated:
            return []
    shards = ([shard.data for shard in leaf.addressable_shards] for leaf in leaves)
    return list(zip(*shards, strict=True))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _apply(
    function: Function, structure: jax.tree_util.PyTreeDef, leaves: list[Any], chunk: jax.Array
) -> jax.Array:
    # By default, GPUs round the factors of float32 products to TF32, and TPUs to bfloat16.
    with jax.default_matmul_precision("float32"):
        return function(jax.tree.unflatten(structure, leaves), chunk)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _apply_sharded(
    function: Function,
    structure: jax.tree_util.PyTreeDef,
    mesh: Mesh,
    leaves: list[Any],
    chunk: jax.Array,
) -> jax.Array:
    apply = functools.partial(_apply, function, structure)
    specs = (PartitionSpec(), PartitionSpec("batch"))
    return jax.shard_map(apply, mesh=mesh, in_specs=specs, out_specs=specs[1])(leaves, chunk)
