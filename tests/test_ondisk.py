"""Images on disk, in .npy files."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from jaxae.data import NpyImages, ondisk

Pixels = npt.NDArray[np.uint8]


def store(folder: Path, pixels: Pixels) -> NpyImages:
    np.save(folder / "images.npy", pixels)
    return NpyImages(folder / "images.npy")


def some(n: int, image_shape: tuple[int, ...] = (5, 4)) -> Pixels:
    return np.random.default_rng(n).integers(0, 256, (n, *image_shape), dtype=np.uint8)


both_kinds = pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3)], ids=["grey", "colour"])


# Reading.


@both_kinds
@pytest.mark.parametrize(
    "rows",
    [
        *(0, -1, np.int64(7), [3], [], [5, 1, 5, -2]),
        *(slice(None), slice(4, 9), slice(-3, None), slice(9, 2, -3), slice(8, 8), slice(90, 99)),
        *(np.arange(10)[::-1], np.array([[1, 9], [0, 0]], np.int32), np.array([9, 1], np.uint8)),
        *(np.array(3), np.empty((0, 2), int)),
    ],
    ids=str,
)
def test_indexing_agrees_with_numpy(tmp_path: Path, rows: Any, shape: tuple[int, ...]) -> None:
    pixels = some(10, shape)
    found, expected = store(tmp_path, pixels)[rows], pixels[rows]
    assert found.dtype == np.uint8 and found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


@both_kinds
def test_images_have_an_arrays_attributes_and_convert_to_one(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    pixels = some(10, shape)
    images = store(tmp_path, pixels)
    for name in ("shape", "dtype", "ndim", "size"):
        assert getattr(images, name) == getattr(pixels, name)
    assert len(images) == 10
    np.testing.assert_array_equal(np.asarray(images), pixels)
    np.testing.assert_array_equal(np.asarray(images, np.float32), pixels.astype(np.float32))
    with pytest.raises(ValueError, match="on disk"):
        np.array(images, copy=False)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        *((rows, "10") for rows in (10, -11, [0, 10], np.array([-11]))),
        *((rows, "integers or a slice") for rows in (1.0, [True] * 10, (1, 2), (0, slice(2)), "1")),
    ],
    ids=str,
)
def test_rows_out_of_range_and_other_indices_are_refused(
    tmp_path: Path, rows: Any, reason: str
) -> None:
    with pytest.raises(IndexError, match=reason):
        store(tmp_path, some(10))[rows]


def test_reads_of_several_blocks_are_correct(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = some(50)
    images, rows = store(tmp_path, pixels), np.random.default_rng(0).integers(0, 50, 200)
    for limit, value in (("_BLOCK_IMAGES", 7), ("_BLOCK_BYTES", 45), ("_BLOCK_BYTES", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(ondisk, limit, value)
            np.testing.assert_array_equal(images[rows], pixels[rows])


def test_platforms_without_pread_and_advice_read_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = some(10)
    monkeypatch.setattr(ondisk, "_read_at", ondisk._seek_and_read)
    monkeypatch.delattr("os.RWF_NOWAIT", raising=False)
    np.testing.assert_array_equal(store(tmp_path, pixels)[::-2], pixels[::-2])


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="only Linux has the flag")
@pytest.mark.parametrize("error", [None, BlockingIOError(11, "wait"), OSError(95, "unsupported")])
def test_images_that_are_not_cached_are_requested_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError | None
) -> None:
    fetched = []

    def preadv(*_: object) -> int:
        if error is not None:
            raise error
        return 1

    def advise(_: int, offset: int, length: int, advice: int) -> None:
        assert (length, advice) == (20, os.POSIX_FADV_WILLNEED)
        fetched.append((offset - 128) // 20)

    pixels = some(10)
    images = store(tmp_path, pixels)
    monkeypatch.setattr("os.preadv", preadv)
    monkeypatch.setattr("os.posix_fadvise", advise)
    np.testing.assert_array_equal(images[[7, 2, 5]], pixels[[7, 2, 5]])
    assert fetched == ([] if error is None else [7, 2, 5])


def test_a_relative_path_still_works_after_a_change_of_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = some(3)
    monkeypatch.chdir(tmp_path)
    images = store(Path(), pixels)
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(images, pixels)


def test_pickling_keeps_the_path_and_not_the_pixels(tmp_path: Path) -> None:
    pixels = some(1000)
    images = store(tmp_path, pixels)
    np.testing.assert_array_equal(images[:3], pixels[:3])  # Open files must not be pickled.
    packed = pickle.dumps(images)
    assert len(packed) < 1000
    np.testing.assert_array_equal(pickle.loads(packed), pixels)


def test_several_threads_can_read_at_once(tmp_path: Path) -> None:
    pixels = some(500)
    images = store(tmp_path, pixels)

    def wrong(seed: int) -> int:
        rows = np.random.default_rng(seed).integers(0, 500, 300)
        return int(np.sum(images[rows] != pixels[rows]))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(wrong, range(100))) == 0


# Damaged files and files of another kind.


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((3, 5, 4), np.float32), r"float32 of shape \(3, 5, 4\); expected uint8"),
        (np.zeros((3, 5), np.uint8), r"uint8 of shape \(3, 5\); expected .*\(n, height, width\)"),
        (np.zeros((3, 5, 4, 1), np.uint8), r"\(3, 5, 4, 1\); expected .*\(n, height, width, 3\)"),
        (np.zeros((3, 5, 4), np.uint8, order="F"), "Fortran order.*ascontiguousarray"),
    ],
)
def test_an_npy_file_of_another_kind_is_named(
    tmp_path: Path, array: npt.NDArray[Any], reason: str
) -> None:
    path = tmp_path / "images.npy"
    np.save(path, array)
    with pytest.raises(ValueError, match=rf"^{path}: .*{reason}"):
        NpyImages(path)


@pytest.mark.parametrize("content", [b"", b"no array", "cut"])
def test_a_damaged_npy_file_is_named(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "images.npy"
    np.save(path, some(3))
    path.write_bytes(content if isinstance(content, bytes) else path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=rf"^{path}: "):
        NpyImages(path)


def test_an_npy_file_truncated_after_opening_is_named(tmp_path: Path) -> None:
    images = store(tmp_path, some(10))
    images.path.write_bytes(images.path.read_bytes()[:-1])
    np.testing.assert_array_equal(images[:9], some(10)[:9])
    with pytest.raises(ValueError, match=rf"^{images.path} was truncated"):
        images[:]


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    images = store(tmp_path, some(3))
    images.path.unlink()
    with pytest.raises(FileNotFoundError):
        pickle.loads(pickle.dumps(images))[:]
