"""An epoch as a stream of chunks, read ahead by Grain while the device computes."""

from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jaxae.data.dataset import Images

# Chunks that lie ready or are being read, while the consumer has another.
_AHEAD = 1


class Chunk(NamedTuple):
    """Consecutive batches of an epoch.

    Attributes:
      images: uint8 array of shape (steps, columns, height, width).
      mask: float32 array of shape (steps, columns), 1 for an image, 0 for padding.
    """

    images: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.float32]


def stream(
    images: Images,
    order: npt.NDArray[np.integer],
    batch_size: int,
    steps: int,
    *,
    start: int = 0,
    columns: slice = slice(None),
    padded: int | None = None,
) -> Generator[Chunk, None, None]:
    """Read an epoch's batches, a chunk of them at a time, one chunk ahead.

    The batches are those of `scan_batches`: the images in the given order, the short
    last batch padded and masked. Reading starts at once, in a thread of its own. Three chunks are
    alive at the most: the consumer's, the next one, and the one after, which is being read. An
    iterator that is dropped or closed ends its thread.

    Args:
      images: in memory or on disk.
      order: shape (n,), the rows in the order in which the epoch visits them.
      batch_size: images in a batch, of all processes together.
      steps: batches in a chunk; the last chunk may have fewer.
      start: how many of the epoch's batches to leave out, those before a checkpoint.
      columns: of every padded batch, those that this process reads.
      padded: the width to which every batch is padded, a multiple of the number of devices;
        batch_size if not given.

    Raises:
      ValueError: the epoch has fewer batches than `start`.
      ValueError, OSError: by the iterator, where the images cannot be read.
    """
    num_batches = -(-len(order) // batch_size)
    if not 0 <= start <= num_batches:
        raise ValueError(f"start is {start}; expected 0 to {num_batches}, the epoch's batches")
    import grain  # Imported here because only streaming needs it.

    chunks = _Chunks(images, order, batch_size, steps, start, columns, padded or batch_size)
    options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=_AHEAD)
    # The iterator's state is not kept: it counts chunks of this size from this start, where the
    # number of batches is a position that any number of processes, and any `steps`, can go on from.
    iterator = iter(grain.MapDataset.source(chunks).to_iter_dataset(options))
    iterator.start_prefetch()
    return _closed_at_the_end(iterator)


def _closed_at_the_end(iterator: Any) -> Generator[Chunk, None, None]:
    try:
        yield from iterator
    finally:
        iterator.close()  # An error and its traceback would keep the iterator and its thread.


class _Chunks:
    """The chunks by number, for Grain to read in any order and thread."""

    def __init__(
        self,
        images: Images,
        order: npt.NDArray[np.integer],
        batch_size: int,
        steps: int,
        start: int,
        columns: slice,
        padded: int,
    ):
        self.images, self.order = images, order
        self.batch_size, self.steps, self.start = batch_size, steps, start
        self.columns, self.padding = columns, padded - batch_size
        self.num_batches = -(-len(order) // batch_size)

    def __len__(self) -> int:
        return -(-(self.num_batches - self.start) // self.steps)

    def __getitem__(self, k: int) -> Chunk:
        first = self.start + k * self.steps
        last = min(first + self.steps, self.num_batches)
        rows = self.order[first * self.batch_size : last * self.batch_size]

        def laid_out(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            missing = (last - first) * self.batch_size - len(values)
            batches = np.pad(values, (0, missing)).reshape(last - first, self.batch_size)
            return np.pad(batches, ((0, 0), (0, self.padding)))[:, self.columns]

        # Padding is image 0, as in memory; the mask takes it out.
        return Chunk(
            self.images[laid_out(rows)],
            np.ascontiguousarray(laid_out(np.ones(len(rows), np.float32))),
        )
