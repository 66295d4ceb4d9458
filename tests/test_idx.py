"""The IDX reader, checked against files written by hand."""

import gzip
import os
import time
import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxae.data.idx import read_idx
from tests.idx_files import gzip_bomb, idx_bytes, idx_header

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def refusal(path: Path, content: bytes, ndim: int = 3) -> str:
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_idx(path, ndim)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text


@given(
    array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=7)),
    zipped=st.booleans(),
)
@settings(deadline=None)  # The first write to a cold disk is slow.
def test_reading_returns_the_array_that_was_written(
    tmp_path_factory: pytest.TempPathFactory, array: npt.NDArray[np.uint8], zipped: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-idx-ubyte"
    path.write_bytes(gzip.compress(idx_bytes(array)) if zipped else idx_bytes(array))
    read = read_idx(path, array.ndim)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array, strict=True)


@pytest.mark.parametrize("name", ["a.gz", "a"])
@pytest.mark.parametrize("zipped", [True, False])
def test_gzip_is_recognised_by_its_bytes_not_by_the_name(
    tmp_path: Path, name: str, zipped: bool
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(idx_bytes(IMAGES)) if zipped else idx_bytes(IMAGES))
    np.testing.assert_array_equal(read_idx(path, 3), IMAGES)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_truncated_anywhere_is_refused(tmp_path: Path, zipped: bool) -> None:
    whole = gzip.compress(idx_bytes(IMAGES)) if zipped else idx_bytes(IMAGES)
    for length in range(len(whole)):
        refusal(tmp_path / "cut", whole[:length])


def test_a_truncated_header_and_a_truncated_body_have_different_messages(tmp_path: Path) -> None:
    whole = idx_bytes(IMAGES)
    assert "truncated inside its header" in refusal(tmp_path / "header", whole[:10])
    text = refusal(tmp_path / "body", whole[:-5])
    assert "claims 24 bytes" in text and "(2, 3, 4)" in text and "holds 19" in text


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "begins with nothing" in refusal(tmp_path / "empty", b"")
    assert "begins with nothing" in refusal(tmp_path / "empty.gz", gzip.compress(b""))


def test_a_flipped_bit_in_a_gzip_stream_is_refused(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(idx_bytes(IMAGES), compresslevel=0))
    whole[-20] ^= 1  # A pixel; the last eight bytes are checksum and length.
    assert "data check" in refusal(tmp_path / "flipped.gz", bytes(whole))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(40), id="another format"),
        pytest.param(b"\x00\x00\x0d\x03" + idx_bytes(IMAGES)[4:], id="floats"),
        pytest.param(b"\x03\x08\x00\x00" + idx_bytes(IMAGES)[4:], id="little-endian"),
        pytest.param(idx_bytes(IMAGES[0]), id="2-D"),
        pytest.param(idx_bytes(IMAGES[0, 0]), id="labels for images"),
    ],
)
def test_another_kind_of_file_is_refused_with_both_magic_numbers(
    tmp_path: Path, content: bytes
) -> None:
    text = refusal(tmp_path / "other", content)
    assert content[:4].hex() in text and "00000803" in text


def test_images_are_refused_where_labels_are_expected(tmp_path: Path) -> None:
    assert "00000801" in refusal(tmp_path / "labels", idx_bytes(IMAGES), ndim=1)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("claimed", [(1 << 16, 1 << 8, 1 << 8), (2**32 - 1,) * 3])
def test_a_header_that_claims_gigabytes_costs_no_memory(
    tmp_path: Path, claimed: tuple[int, ...], zipped: bool
) -> None:
    content = idx_header(claimed) + IMAGES.tobytes()
    tracemalloc.start()
    try:
        text = refusal(tmp_path / "huge", gzip.compress(content) if zipped else content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ("gzip can hold" if zipped else "holds 24") in text
    assert peak < 64 << 20


def test_gzip_of_more_than_768_mib_is_refused(tmp_path: Path) -> None:
    bomb = gzip_bomb((2**11, 2**10, 2**10), mib=2**11)
    tracemalloc.start()
    try:
        text = refusal(tmp_path / "bomb.gz", bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "2,147,483,648" in text and "gunzip" in text
    assert peak < 64 << 20


def test_a_plain_file_is_mapped_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(idx_header((2**12, 2**10, 2**10)))
        file.truncate(16 + 2**32)
    tracemalloc.start()
    try:
        images = read_idx(path, 3)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert images.shape == (2**12, 2**10, 2**10) and not images[-1].any()
    assert peak < 1 << 20


@pytest.mark.parametrize("zipped", [True, False])
def test_bytes_after_the_last_pixel_are_refused(tmp_path: Path, zipped: bool) -> None:
    content = idx_bytes(IMAGES) + b"\x00"
    text = refusal(tmp_path / "long", gzip.compress(content) if zipped else content)
    assert "holds more" in text


@pytest.mark.parametrize("more", [b"\0", b"more", gzip.compress(b"more", mtime=0)])
def test_bytes_after_a_gzip_stream_are_refused(tmp_path: Path, more: bytes) -> None:
    text = refusal(tmp_path / "more.gz", gzip.compress(idx_bytes(IMAGES)) + more)
    assert "after the end of its gzip stream" in text


def test_four_gigabytes_of_zeros_after_a_gzip_stream_are_refused_fast(tmp_path: Path) -> None:
    path = tmp_path / "padded.gz"
    path.write_bytes(gzip.compress(idx_bytes(IMAGES)))
    os.truncate(path, 1 << 32)
    start = time.perf_counter()
    with pytest.raises(ValueError, match="after the end of its gzip stream"):
        read_idx(path, 3)
    assert time.perf_counter() - start < 5  # gzip.open takes more than a minute.


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere", 3)
