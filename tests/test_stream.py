"""The stream of chunks: its content, checked by plain indexing, its thread, errors and memory."""

import threading
import time
import weakref
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest

from jaxae import Batch, scan_batches
from jaxae.data import Images, NpyImages
from jaxae.data.prefetch import Chunk, stream
from tests.commands import python

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module", params=["memory", "npy"])
def images(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """The same 103 different images of 3×2 pixels, in memory or on disk."""
    path = tmp_path_factory.mktemp("images") / f"images.{request.param}"
    if request.param == "npy":
        np.save(path, pixels())
        return NpyImages(path)
    return pixels()


def pixels(n: int = 103) -> Pixels:
    all_pixels = np.random.default_rng(0).integers(0, 256, (n, 3, 2), dtype=np.uint8)
    assert len(np.unique(all_pixels.reshape(n, -1), axis=0)) == n
    return all_pixels


def order_of(n: int) -> npt.NDArray[np.int32]:
    """A shuffle of the first n of the 103 images."""
    return np.random.default_rng(n).permutation(n).astype(np.int32)


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("jaxae-stream")}


def threads_end(before: set[threading.Thread]) -> bool:
    """Wait until the threads started since have ended."""
    deadline = time.monotonic() + 10
    while threads() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    return not threads() - before


def batches(chunks: Iterable[Chunk]) -> list[tuple[Any, Any]]:
    return [batch for chunk in chunks for batch in zip(*chunk, strict=True)]


# Content.


@pytest.mark.parametrize(
    ("n", "batch_size", "steps"),
    [
        *(
            (n, batch_size, steps)
            for n in (1, 12, 103)
            for batch_size in (1, 5, 12)
            for steps in (1, 3)
        ),
        *((103, 103, 1), (103, 104, 2), (100, 10, 10), (100, 10, 4), (7, 3, 100)),
    ],
)
def test_chunks_are_the_batches_of_a_plain_loop(
    images: Images, n: int, batch_size: int, steps: int
) -> None:
    order, all_pixels = order_of(n), pixels()
    chunks = list(stream(images, order, batch_size, steps))
    lengths = [len(chunk.images) for chunk in chunks]
    assert all(length == steps for length in lengths[:-1]) and 1 <= lengths[-1] <= steps
    assert len(batches(chunks)) == -(-n // batch_size)
    for number, (batch, mask) in enumerate(batches(chunks)):
        rows = order[number * batch_size : (number + 1) * batch_size]
        assert batch.shape == (batch_size, 3, 2) and batch.dtype == np.uint8
        assert mask.dtype == np.float32
        np.testing.assert_array_equal(batch[: len(rows)], all_pixels[rows])
        np.testing.assert_array_equal(mask, np.arange(batch_size) < len(rows))


def test_chunks_equal_the_batches_of_the_scan_in_memory_including_padding(images: Images) -> None:
    order = order_of(103)

    def collect(carry: int, batch: Batch) -> tuple[int, Any]:
        return carry, batch

    _, seen = scan_batches(collect, 0, jnp.asarray(pixels()), jnp.asarray(order), 10)
    chunks = list(stream(images, order, 10, 4))
    for found, expected in zip(zip(*chunks, strict=True), jax.tree.leaves(seen), strict=True):
        np.testing.assert_array_equal(np.concatenate(found), expected)


@pytest.mark.parametrize("start", range(12))
def test_a_stream_can_start_in_the_middle(images: Images, start: int) -> None:
    order = order_of(103)  # 11 batches of 10.
    whole, rest = (batches(stream(images, order, 10, 4, start=first)) for first in (0, start))
    assert len(rest) == 11 - start
    for found, expected in zip(rest, whole[start:], strict=True):
        np.testing.assert_equal(found, expected)


@pytest.mark.parametrize("start", [-1, 12])
def test_a_start_outside_the_epoch_is_refused(start: int) -> None:
    with pytest.raises(ValueError, match=f"start is {start}; expected 0 to 11"):
        stream(pixels(), order_of(103), 10, 4, start=start)


@pytest.mark.parametrize(("processes", "padded"), [(1, 10), (1, 16), (2, 10), (2, 12), (4, 12)])
def test_the_columns_of_all_processes_form_the_batch(
    images: Images, processes: int, padded: int
) -> None:
    order, width = order_of(103), padded // processes
    parts = [
        list(stream(images, order, 10, 4, padded=padded, columns=slice(at, at + width)))
        for at in range(0, padded, width)
    ]
    for whole, *own in zip(stream(images, order, 10, 4), *parts, strict=True):
        assert all(part.images.shape[1] == part.mask.shape[1] == width for part in own)
        assert all(array.flags.c_contiguous for part in own for array in part)
        together = Chunk(*(np.concatenate(arrays, axis=1) for arrays in zip(*own, strict=True)))
        np.testing.assert_array_equal(together.images[:, :10], whole.images)
        np.testing.assert_array_equal(together.mask[:, :10], whole.mask)
        assert not together.mask[:, 10:].any()


def test_a_process_reads_only_its_own_columns() -> None:
    asked: list[int] = []

    class Recorded(np.ndarray[Any, np.dtype[np.uint8]]):
        def __getitem__(self, rows: Any) -> Any:
            asked.extend(np.ravel(rows))
            return np.asarray(self)[rows]

    order = order_of(100)
    list(stream(pixels().view(Recorded), order, 10, 4, columns=slice(5, 10)))
    assert asked == order.reshape(10, 10)[:, 5:].ravel().tolist()


def test_chunks_do_not_share_memory() -> None:
    chunks = list(stream(pixels(), order_of(103), 10, 4))
    assert not any(
        np.shares_memory(one.images, other.images)
        for i, one in enumerate(chunks)
        for other in chunks[:i]
    )


# The reading thread.


class Counting:
    """Images that count reads, and raise an error at one of them."""

    def __init__(self, fail_at: int = -1):
        self.reads, self.fail_at = 0, fail_at
        self.results: list[weakref.ref[Pixels]] = []
        self.most_alive = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(pixels(), name)

    def __len__(self) -> int:
        return 103

    def __array__(self) -> Pixels:
        return pixels()

    def __getitem__(self, rows: Any) -> Pixels:
        self.reads += 1
        if self.reads == self.fail_at:
            raise OSError(5, "Input/output error")
        result = pixels()[rows]
        self.results.append(weakref.ref(result))
        self.most_alive = max(self.most_alive, sum(ref() is not None for ref in self.results))
        return result


def wait_for(images: Counting, reads: int) -> None:
    deadline = time.monotonic() + 10
    while images.reads < reads and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)  # Would more follow, they would be counted.


def test_reading_starts_at_once_and_stays_one_chunk_ahead() -> None:
    images = Counting()
    chunks = stream(images, order_of(103), 10, 1)
    for reads in (1, 2, 3):
        wait_for(images, reads)
        assert images.reads == reads
        next(chunks)


def test_at_most_three_chunks_are_alive() -> None:
    images = Counting()
    for _ in stream(images, order_of(103), 10, 1):
        time.sleep(0.01)
    assert images.reads == 11 and images.most_alive <= 3


@pytest.mark.parametrize("how", ["drop", "close", "exhaust", "never used"])
def test_no_thread_outlives_its_stream(images: Images, how: str) -> None:
    before = threads()
    chunks: Generator[Chunk, None, None] | None = stream(images, order_of(103), 10, 2)
    assert chunks is not None and threads() - before
    if how != "never used":
        next(chunks)
    if how == "exhaust":
        assert len(list(chunks)) == 5
    if how == "close":
        chunks.close()
        assert threads_end(before)
    chunks = None
    assert threads_end(before)


def test_a_loop_that_raises_leaves_no_thread() -> None:
    before = threads()
    with pytest.raises(KeyboardInterrupt):
        for _ in stream(pixels(), order_of(103), 10, 1):
            raise KeyboardInterrupt
    assert threads_end(before)


@pytest.mark.parametrize("fail_at", [1, 2, 6])
def test_an_error_while_reading_ahead_is_raised_in_its_place(fail_at: int) -> None:
    before = threads()
    chunks = stream(Counting(fail_at), order_of(103), 10, 2)
    for _ in range(fail_at - 1):
        next(chunks)
    with pytest.raises(OSError, match="Input/output error"):
        next(chunks)
    del chunks
    assert threads_end(before)


def test_a_file_deleted_or_truncated_midway_is_named(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, pixels())
    images = NpyImages(path)
    chunks = stream(images, order_of(103), 10, 1)
    next(chunks)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=rf"^{path} was truncated"):
        list(chunks)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=str(path)):
        list(stream(images, order_of(103), 10, 1))


# Memory.

GROWTH = """
import re, sys
from pathlib import Path
import numpy as np
from jaxae import Dataset, Split
from jaxae.data import NpyImages
from jaxae.data.prefetch import stream

def visit(images):
    order = np.random.default_rng(0).permutation(300_000)
    assert sum(chunk.mask.sum() for chunk in stream(images, order, 512, 4)) == 300_000

def check(images):
    small = Split(np.zeros((1, 32, 32), np.uint8), np.zeros(1, int))
    Dataset("large", Split(images, np.zeros(300_000, int)), small, ("a",)).checksum

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

next(stream(np.zeros((1, 32, 32), np.uint8), np.arange(1), 1, 1))  # Allocates once.
path = Path(sys.argv[1])
on_disk, mapped = NpyImages(path), np.load(path, mmap_mode="r")
for use, images in ((visit, on_disk), (check, on_disk), (visit, mapped)):
    before = peak()
    use(images)
    print(peak() - before >> 10)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.slow
def test_images_on_disk_take_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    # A sparse file of 293 MiB, which takes no space.
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(300_000, 32, 32))
    done = python("-c", GROWTH, path)
    assert done.returncode == 0, done.stderr
    visited, checked, mapped = map(int, done.stdout.split())
    assert max(visited, checked) < 48
    # The measure detects growth: touched pages of a mapping count.
    assert mapped > 250
