"""Stream an epoch in chunks; a thread reads the next chunk while the device computes."""

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jaxae.data.dataset import Images


class Chunk(NamedTuple):
    """Consecutive batches of an epoch.

    Attributes:
      images: uint8 array of shape (steps, columns, *image_shape).
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
    """Read an epoch's batches in chunks, one chunk ahead of the consumer.

    The batches are those of `scan_batches`: the images in the given order, the short last batch
    padded and masked. The first read starts at once, in a thread, which ends when the iterator is
    exhausted, closed or dropped. At most three chunks are alive: the one that the consumer holds,
    the next one, and the one being read.

    Args:
      images: in memory or on disk.
      order: shape (n,), the rows in the order in which the epoch visits them.
      batch_size: images per batch, over all processes.
      steps: batches per chunk; the last chunk may have fewer.
      start: the number of batches to skip, those already trained when a checkpoint was saved.
      columns: the columns of each padded batch that this process reads.
      padded: the size to which each batch is padded, a multiple of the number of devices;
        batch_size if not given.

    Raises:
      ValueError: the epoch has fewer batches than `start`.
      ValueError, OSError: raised by the iterator if the images cannot be read.
    """
    num_batches = -(-len(order) // batch_size)
    if not 0 <= start <= num_batches:
        raise ValueError(f"start is {start}; expected 0 to {num_batches}, the epoch's batches")
    padding = (padded or batch_size) - batch_size

    def read(first: int) -> Chunk:
        last = min(first + steps, num_batches)
        rows = order[first * batch_size : last * batch_size]

        def to_batches(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            missing = (last - first) * batch_size - len(values)
            batches = np.pad(values, (0, missing)).reshape(last - first, batch_size)
            return np.pad(batches, ((0, 0), (0, padding)))[:, columns]

        # Padding repeats image 0, as the epoch in memory does; the mask excludes it.
        mask = to_batches(np.ones(len(rows), np.float32))
        return Chunk(images[to_batches(rows)], np.ascontiguousarray(mask))

    reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jaxae-stream")
    reads = (reader.submit(read, first) for first in range(start, num_batches, steps))
    return _one_ahead(reader, reads, next(reads, None))


def _one_ahead(
    reader: ThreadPoolExecutor, reads: Iterator[Future[Chunk]], upcoming: Future[Chunk] | None
) -> Generator[Chunk, None, None]:
    try:
        while upcoming is not None:
            current, upcoming = upcoming, next(reads, None)
            yield current.result()
    finally:
        reader.shutdown(wait=False, cancel_futures=True)
