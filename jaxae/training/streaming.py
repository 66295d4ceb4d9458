"""Epochs over images that are streamed: the devices train on one chunk while the next is read.

The batches and their order are the same as if the images stayed on the devices. Each process reads
only the part of each batch that its devices hold.
"""

import contextlib
import functools
import math
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxae.data import Dataset, Images, stream
from jaxae.distributed import put_replicated, replicated
from jaxae.models import Params
from jaxae.training.evaluation import EVALUATION_BATCH, make_test_step
from jaxae.training.losses import Batch, LossTerms
from jaxae.training.objective import Objective
from jaxae.training.optimizer import num_steps
from jaxae.training.resident import EpochPosition, TrainingSetup, abstract, compiled
from jaxae.training.step import TrainState, epoch_order, make_train_step

# A data set that takes more than this fraction of a device's memory is streamed. Training needs the
# rest for a second copy during the all-gather of the images, and for the arrays of the epoch.
STREAM_FRACTION = 0.4
# Bytes of images in a chunk: so few that a signal waits only a fraction of a second, so many that
# the overhead of a call is negligible.
_CHUNK_BYTES = 4 << 20
# The memory limit of a Linux control group.
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def exceeds_memory(dataset: Dataset, device: jax.Device) -> bool:
    """Return whether a data set's images take more than `STREAM_FRACTION` of a device's memory."""
    size = dataset.train.images.size + dataset.test.images.size
    return size > STREAM_FRACTION * _memory(device)


def _memory(device: jax.Device) -> float:
    if device.platform != "cpu":
        return (device.memory_stats() or {}).get("bytes_limit", math.inf)
    limits = [math.inf]
    if hasattr(os, "sysconf"):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if _CONTAINER_LIMIT.is_file() and (limit := _CONTAINER_LIMIT.read_text().strip()).isdigit():
        limits.append(int(limit))
    return min(limits) / device.client.local_device_count()  # Its devices share the host's memory.


class StreamedEpochs:
    """Trains and evaluates on images that are read as needed, a chunk of batches at a time.

    Args:
      setup: what to train, and on what.
      state: the programs are compiled for its shapes, types and shardings.
      on_position: called after every chunk but the last.
    """

    def __init__(
        self,
        setup: TrainingSetup,
        state: TrainState,
        on_position: Callable[[EpochPosition], None] | None = None,
    ):
        """Compile the programs."""
        self._setup, self._on_position = setup, on_position
        total = num_steps(len(setup.dataset.train), setup.config.batch_size)
        self._layout = _Layout(setup.mesh, setup.config.batch_size, setup.dataset.image_shape)
        program, like = _make_train_chunk(setup), abstract(state)
        self._program = functools.cache(
            lambda steps: compiled(program, like, self._layout.abstract(steps))
        )
        usual = min(self._layout.steps, total)
        for steps in {usual, total % usual} - {0}:
            self._program(steps)

    def train(
        self, state: TrainState, batches: int = 0, loss: npt.ArrayLike = 0.0
    ) -> tuple[TrainState, float]:
        """Train to the end of an epoch; arguments and result as for `ResidentEpochs.train`."""
        total = float(np.asarray(loss))
        images = self._setup.dataset.train.images
        order = np.asarray(_epoch_order(state.key, state.epoch, len(images)))
        with contextlib.closing(self._layout.chunks(images, order, batches)) as chunks:
            chunk: Batch | None = next(chunks)
            while chunk is not None:
                steps = np.shape(chunk.mask)[0]
                state, summed = self._program(steps)(state, chunk)
                chunk = next(chunks, None)  # While the devices compute.
                batches += steps
                total = float(np.float32(total + float(summed)))  # As in a checkpoint.
                if chunk is not None and self._on_position is not None:
                    self._on_position(EpochPosition(state, np.int32(batches), np.float32(total)))
        return _next_epoch(state), total / len(images)

    def evaluate(self, state: TrainState) -> dict[str, LossTerms]:
        """Return mean losses, as `ResidentEpochs.evaluate` does."""
        evaluated = self._setup.evaluated
        return {name: self._mean_terms(state, images) for name, images in evaluated.items()}

    def _mean_terms(self, state: TrainState, images: Images) -> LossTerms:
        graphdef, objective = self._setup.graphdef, self._setup.objective.for_evaluation
        mesh = self._setup.mesh
        layout = _Layout(mesh, min(EVALUATION_BATCH, len(images)), self._setup.dataset.image_shape)
        key, sums = put_replicated(jax.random.key(0), mesh), []
        for chunk in layout.chunks(images, np.arange(len(images))):
            key, terms = _test_chunk(graphdef, state.params, key, chunk, objective)
            sums.append(jax.tree.map(float, terms))
        return jax.tree.map(lambda *term: sum(term) / len(images), *sums)


class _Layout:
    """The layout of a chunk, shape (steps, batch, …), on a mesh, and the columns to read here."""

    def __init__(self, mesh: Mesh, batch_size: int, image_shape: tuple[int, ...]):
        self._batch_size, self._shape = batch_size, image_shape
        self._padded = batch_size + -batch_size % mesh.size
        self._sharding = NamedSharding(mesh, PartitionSpec(None, "batch"))
        self.steps = max(1, _CHUNK_BYTES // (self._padded * math.prod(image_shape)))
        owners = [device.process_index for device in mesh.devices.flat]
        if owners != sorted(owners):
            raise ValueError(
                f"the mesh's devices belong to processes {owners}; expected those of a process to "
                "be adjacent, as in make_mesh(find_devices())"
            )
        each, first = self._padded // mesh.size, owners.index(jax.process_index())
        own = owners.count(jax.process_index())
        self._columns = slice(first * each, (first + own) * each)

    def abstract(self, steps: int) -> Any:
        """Return the shapes, types and shardings of a chunk."""
        shape = (steps, self._padded)
        images = jax.ShapeDtypeStruct((*shape, *self._shape), np.uint8, sharding=self._sharding)
        mask = jax.ShapeDtypeStruct(shape, np.float32, sharding=self._sharding)
        return Batch(images, mask)  # type: ignore[arg-type]

    def chunks(
        self, images: Images, order: npt.NDArray[np.integer], start: int = 0
    ) -> Generator[Batch]:
        """Yield chunks, from batch number `start` on, whose transfer to the devices has begun."""
        chunks = stream(
            images,
            order,
            self._batch_size,
            self.steps,
            start=start,
            columns=self._columns,
            padded=self._padded,
        )
        with contextlib.closing(chunks):
            for chunk in chunks:
                shape = (len(chunk.mask), self._padded)
                yield Batch(
                    jax.make_array_from_process_local_data(
                        self._sharding, chunk.images, (*shape, *self._shape)
                    ),
                    jax.make_array_from_process_local_data(self._sharding, chunk.mask, shape),
                )


def _make_train_chunk(setup: TrainingSetup) -> Any:
    step = make_train_step(setup.graphdef, setup.optimizer, setup.objective)

    def chunk(state: TrainState, batches: Batch) -> tuple[TrainState, jax.Array]:
        state, losses = lax.scan(step, state, batches)
        return state, jnp.sum(losses)

    return jax.jit(chunk, donate_argnums=0, out_shardings=replicated(setup.mesh))


@functools.partial(jax.jit, static_argnums=(0, 4))
def _test_chunk(
    graphdef: nnx.GraphDef[Any],
    params: Params,
    key: jax.Array,
    chunk: Batch,
    objective: Objective,
) -> tuple[jax.Array, LossTerms]:
    key, terms = lax.scan(make_test_step(nnx.merge(graphdef, params), objective), key, chunk)
    return key, jax.tree.map(jnp.sum, terms)


_epoch_order = jax.jit(epoch_order, static_argnums=2)


@functools.partial(jax.jit, donate_argnums=0)
def _next_epoch(state: TrainState) -> TrainState:
    return state._replace(epoch=state.epoch + 1)
