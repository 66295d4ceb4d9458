"""A short run of the fuzzer, and tests that it detects a bad reader."""

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import fuzz
from tests.commands import python
from tests.fuzz_files import hostile_files
from tests.fuzz_readers import IDX, META, READERS


@pytest.mark.slow
def test_readers_withstand_damaged_and_hostile_files() -> None:
    # In a process, because it limits its memory. `make fuzz` runs it for longer.
    files = str(1000 * len(READERS))
    done = python("-m", "tests.fuzz", "--files", files, "--seed", "0")
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| ")][2:]
    assert [name.strip() for name, *_ in rows] == [reader.name for reader in READERS]
    for _, tried, refused, read, _ in rows:
        assert int(tried.replace(",", "")) >= 1000 and int(refused) > 0 and int(read) > 0


def raiser(error: BaseException) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        raise type(error)(str(error).replace("FILE", str(path)))

    return read


@pytest.mark.parametrize(
    "read",
    [
        raiser(KeyError("FILE")),
        raiser(MemoryError("FILE")),
        raiser(ValueError("what?")),
        raiser(ValueError("FILE: two\nlines")),
        raiser(ValueError("FILE: " + "long" * 999)),
        lambda path: np.zeros((2, 3, 4), np.uint8),
    ],
)
def test_the_fuzzer_detects_a_bad_reader(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    path = tmp_path / IDX.file_name
    path.write_bytes(IDX.valid[0])
    fuzz.try_file(IDX, path, fuzz.Tally())
    with pytest.raises((AssertionError, KeyError, MemoryError)):
        fuzz.try_file(replace(IDX, read=read), path, fuzz.Tally())


def test_the_fuzzer_reports_the_file(tmp_path: Path) -> None:
    path = tmp_path / META.file_name
    bad = replace(META, read=lambda path: path.read_bytes()[100])
    with pytest.raises(IndexError) as caught:
        fuzz.try_block(bad, tmp_path, fuzz.Tally(), "0", set())
    assert caught.value.__notes__ == [f"meta.json: {path.read_bytes()!r}"]


def test_a_stored_tally_is_continued_with_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bytes] = []

    def read(path: Path) -> Any:
        tried.append(path.read_bytes() if path.stat().st_size < 1 << 20 else b"large")
        return META.read(path)

    monkeypatch.setattr(fuzz, "READERS", (replace(META, read=read),))
    monkeypatch.setattr(fuzz, "_BLOCK", 20)
    monkeypatch.setattr(fuzz, "limit_memory", lambda: None)
    monkeypatch.setattr(logging, "disable", lambda: None)  # It outlives the test.
    file = tmp_path / "tally.json"
    counts, made = [], []
    for files in ("20", "20", "45"):
        tried.clear()
        monkeypatch.setattr(
            sys, "argv", ["fuzz", "--files", files, "--seed", "3", "--tally", str(file)]
        )
        assert fuzz.main() == 0
        counts.append(json.loads(file.read_text())["readers"]["meta.json"])
        made.append(list(tried))
    hostile = len(META.valid) + len(list(hostile_files(META)))
    assert [count["blocks"] for count in counts] == [1, 1, 2]
    assert [count["refused"] + count["read"] for count in counts] == [
        hostile + 20,
        hostile + 20,
        hostile + 40,
    ]
    assert list(map(len, made)) == [hostile + 20, 0, 20]
    assert len(set(made[0][hostile:] + made[2])) > 35


def test_no_file_is_counted_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = iter([b"{}", b"[]", b"{}", b"[]", b"1", b""])
    monkeypatch.setattr(fuzz, "draw", lambda rng, reader: next(contents))
    monkeypatch.setattr(fuzz, "_BLOCK", 3)
    tally = fuzz.Tally()
    fuzz.try_block(META, tmp_path, tally, "0", set())
    assert (tally.files, tally.refused, tally.read, next(contents)) == (3, 2, 1, b"")


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.slow
def test_the_fuzzer_detects_a_reader_that_allocates_more_than_a_gibibyte() -> None:
    # Somewhat more, because memory that was freed before can be allocated again.
    script = "from tests.fuzz import limit_memory; limit_memory(); bytearray(2**30 + 2**28)"
    done = python("-c", script)
    assert done.returncode == 1 and "MemoryError" in done.stderr
