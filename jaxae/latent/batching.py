"""Apply a module to any number of rows: in chunks of fixed sizes, on every device that holds it.

Rows are cut into chunks of a few sizes, the last one padded, so that a new number of rows compiles
nothing anew and the devices hold a bounded number of them at a time.
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
# Maps a module and a chunk of rows to as many rows of results.
Function = Callable[[Any, jax.Array], jax.Array]

# Chunks under way at once: the devices compute one while the host copies another.
_IN_FLIGHT = 2


class Rows(Protocol):
    """What is read by slices: an array, in memory or mapped, or a file that only looks like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, then the shape of one."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""

    def __getitem__(self, rows: slice, /) -> npt.NDArray[Any]:
        """Read some of the rows."""


def as_rows(array: npt.ArrayLike | Rows) -> Rows:
    """Return what can be sliced as it is, never read as a whole, and anything else as an array."""
    # JAX would compile a program for each slice of one of its arrays.
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
    """Apply a function to rows, a chunk at a time.

    Args:
      function: maps the module and a chunk to as many rows of results; compiled once for a size.
      module: its parameters say where to compute, see `_place`.
      rows: read a chunk at a time, each row once.
      convert: takes a chunk and the number of its first row, and returns what the function is to
        be given, or raises ValueError.
      sizes: rows that a call takes on one device, ascending.

    Yields:
      The results, in the rows' order.
    """
    n = rows.shape[0]
    sizes, run = _place(function, module, sizes, n)
    pending: deque[tuple[jax.Array, int]] = deque()
    start = 0
    while start < n or pending:
        if start < n and len(pending) < _IN_FLIGHT:
            rest = n - start
            size = next((size for size in sizes if size >= rest), sizes[-1])
            chunk = convert(np.asarray(rows[start : start + size]), start)
            if rest < size:
                padding = np.zeros((size - rest, *chunk.shape[1:]), chunk.dtype)
                chunk = np.concatenate([chunk, padding])
            pending.append((run(chunk), min(size, rest)))
            start += size
        else:
            yield _first(*pending.popleft())


def _first(results: jax.Array, count: int) -> Floats:
    return np.asarray(results)[:count]


def concatenate(blocks: Iterable[Floats], shape: tuple[int, ...]) -> Floats:
    """Put the blocks of an array of this shape one below the other."""
    result = np.empty(shape, np.float32)
    start = 0
    for block in blocks:
        result[start : start + len(block)] = block
        start += len(block)
        del block  # Its memory can serve the next chunk's results.
    return result


def _place(
    function: Function, module: nnx.Module, sizes: Sequence[int], n: int
) -> tuple[Sequence[int], Callable[[npt.NDArray[Any]], jax.Array]]:
    """Return the sizes of chunks, and what to call with a chunk of one of them.

    Computation follows data: it runs where the parameters are. If several of this process's
    devices have a copy of them, each takes its share of a chunk; the two smallest sizes stay on
    one device, for few rows are done before many devices have begun. Devices of other processes
    take no part, and are not waited for.
    """
    leaves, structure = jax.tree.flatten(module)
    copies = _copies(leaves)
    alone = functools.partial(_apply, function, structure, copies[0] if copies else leaves)
    if len(copies) < 2 or n <= sizes[1]:
        return sizes, alone

    mesh = make_mesh([copy[0].device for copy in copies])
    whole, shares = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("batch",)))
    everywhere = [
        jax.make_array_from_single_device_arrays(leaf.shape, whole, parts)
        for leaf, *parts in zip(leaves, *copies, strict=True)
    ]

    def together(chunk: npt.NDArray[Any]) -> jax.Array:
        if len(chunk) <= sizes[1]:
            return alone(chunk)
        return _apply_in_shares(
            function, structure, mesh, everywhere, jax.device_put(chunk, shares)
        )

    return (*sizes[:2], *(len(copies) * size for size in sizes[1:])), together


def _copies(leaves: Sequence[Any]) -> list[tuple[jax.Array, ...]]:
    """Of parameters replicated over devices, each copy that this process can reach; else none."""
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
    # By default GPUs round the factors of float32 products to TF32, TPUs to bfloat16; an
    # embedding is to have full precision on any hardware.
    with jax.default_matmul_precision("float32"):
        return function(jax.tree.unflatten(structure, leaves), chunk)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _apply_in_shares(
    function: Function,
    structure: jax.tree_util.PyTreeDef,
    mesh: Mesh,
    leaves: list[Any],
    chunk: jax.Array,
) -> jax.Array:
    apply = functools.partial(_apply, function, structure)
    specs = (PartitionSpec(), PartitionSpec("batch"))
    return jax.shard_map(apply, mesh=mesh, in_specs=specs, out_specs=specs[1])(leaves, chunk)
