"""Epochs over images that are read as they go: one chunk is computed while the next one comes.

The batches are those of an epoch whose images lie on the devices, in the same order. Each process
reads its own columns of them.
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
from jaxae.distributed import put_replicated
from jaxae.models import Autoencoder, Params
from jaxae.training.losses import Batch, LossTerms, Objective
from jaxae.training.resident import EpochPosition, TrainingSetup, drawn_order, next_epoch
from jaxae.training.step import (
    EVALUATION_BATCH,
    TrainState,
    compiled,
    make_test_step,
    make_train_step,
    num_steps,
)

# A data set that takes more than this share of a device's memory is streamed. Training needs the
# rest for a second copy while the images are handed round, and for the epoch's own arrays.
STREAM_SHARE = 0.4
# Bytes of images in a chunk: a fraction of a second's work, so that a stop does not wait for long,
# and enough that what a call costs besides does not show.
_CHUNK_BYTES = 4 << 20
# Of Linux's control groups.
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def exceeds_memory(dataset: Dataset, device: jax.Device) -> bool:
    """Whether a data set's images take more than `STREAM_SHARE` of a device's memory."""
    size = dataset.train.images.size + dataset.test.images.size
    return size > STREAM_SHARE * _memory(device)


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
    """Over images that are read from where they are, a chunk of batches at a time."""

    def __init__(
        self,
        work: TrainingSetup,
        state: TrainState,
        on_position: Callable[[EpochPosition], None] | None = None,
    ):
        """Compile for states like this one; call `on_position` after every chunk but the last."""
        self._work, self._on_position = work, on_position
        self._steps = num_steps(len(work.dataset.train), work.config.batch_size)
        self._train = _make_train_chunk(work)
        self._layout = _Layout(work.mesh, work.config.batch_size, work.dataset.image_shape)
        self._like = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state
        )
        self._program = functools.cache(self._compile)
        usual = min(self._layout.steps, self._steps)
        for steps in {usual, self._steps % usual or usual}:
            self._program(steps)

    def _compile(self, steps: int) -> Any:
        return compiled(self._train, self._like, self._layout.abstract(steps))

    def train(
        self, state: TrainState, batches: int = 0, loss: npt.ArrayLike = 0.0
    ) -> tuple[TrainState, float]:
        """See `Epochs`."""
        total = float(np.asarray(loss))
        images = self._work.dataset.train.images
        order = np.asarray(drawn_order(state.key, state.epoch, len(images)))
        with contextlib.closing(self._layout.chunks(images, order, batches)) as chunks:
            chunk: Batch | None = next(chunks)
            while chunk is not None:
                steps = np.shape(chunk.mask)[0]
                state, part = self._program(steps)(state, chunk)
                chunk = next(chunks, None)  # While the devices compute.
                batches += steps
                total = float(np.float32(total + float(part)))  # As a checkpoint keeps it.
                if chunk is not None and self._on_position is not None:
                    self._on_position(EpochPosition(state, np.int32(batches), np.float32(total)))
        return next_epoch(state), total / len(images)

    def test(self, params: Params) -> LossTerms:
        """See `Epochs`."""
        graphdef, objective = self._work.graphdef, self._work.objective.for_evaluation
        images, mesh = self._work.dataset.test.images, self._work.mesh
        layout = _Layout(mesh, min(EVALUATION_BATCH, len(images)), self._work.dataset.image_shape)
        key, sums = put_replicated(jax.random.key(0), mesh), []
        for chunk in layout.chunks(images, np.arange(len(images))):
            key, terms = _test_chunk(graphdef, params, key, chunk, objective)
            sums.append(jax.tree.map(float, terms))
        return jax.tree.map(lambda *term: sum(term) / len(images), *sums)


class _Layout:
    """How chunks of batches lie on a mesh, and which columns of them this process reads."""

    def __init__(self, mesh: Mesh, batch_size: int, image_shape: tuple[int, int]):
        self._batch_size, self._shape = batch_size, image_shape
        self._padded = batch_size + -batch_size % mesh.size
        self._sharding = NamedSharding(mesh, PartitionSpec(None, "batch"))
        self.steps = max(1, _CHUNK_BYTES // (self._padded * math.prod(image_shape)))
        owners = [device.process_index for device in mesh.devices.flat]
        if owners != sorted(owners):
            raise ValueError(
                f"the mesh's devices are of processes {owners}; expected each one's side by side, "
                "as make_mesh(find_devices()) has them"
            )
        each, first = self._padded // mesh.size, owners.index(jax.process_index())
        own = owners.count(jax.process_index())
        self._columns = slice(first * each, (first + own) * each)

    def abstract(self, steps: int) -> Any:
        """The shapes of a chunk of so many batches."""
        shape = (steps, self._padded)
        images = jax.ShapeDtypeStruct((*shape, *self._shape), np.uint8, sharding=self._sharding)
        mask = jax.ShapeDtypeStruct(shape, np.float32, sharding=self._sharding)
        return Batch(images, mask)  # type: ignore[arg-type]

    def chunks(
        self, images: Images, order: npt.NDArray[np.integer], start: int = 0
    ) -> Generator[Batch]:
        """Yield chunks from a batch's number on; each is on its way to the devices."""
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


def _make_train_chunk(work: TrainingSetup) -> Any:
    step = make_train_step(work.graphdef, work.optimizer, work.objective)

    def chunk(state: TrainState, batches: Batch) -> tuple[TrainState, jax.Array]:
        state, losses = lax.scan(step, state, batches)
        return state, jnp.sum(losses)

    whole = NamedSharding(work.mesh, PartitionSpec())
    return jax.jit(chunk, donate_argnums=0, out_shardings=whole)


@functools.partial(jax.jit, static_argnums=(0, 4))
def _test_chunk(
    graphdef: nnx.GraphDef[Autoencoder],
    params: Params,
    key: jax.Array,
    chunk: Batch,
    objective: Objective,
) -> tuple[jax.Array, LossTerms]:
    key, terms = lax.scan(make_test_step(nnx.merge(graphdef, params), objective), key, chunk)
    return key, jax.tree.map(jnp.sum, terms)
