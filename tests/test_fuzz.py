"""The fuzzing's short form, and that it would tell."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import fuzz
from tests.fuzz_readers import IDX, READERS


@pytest.mark.slow
def test_no_damaged_or_hostile_file_gets_the_better_of_a_reader() -> None:
    # A process of its own, because its memory is limited; `make fuzz` is the long form.
    command = [sys.executable, "-m", "tests.fuzz", "--examples", "250", "--seed", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| ")][2:]
    assert [name.strip() for name, *_ in rows] == [reader.name for reader in READERS]
    for _, tried, refused, read, _ in rows:
        assert int(tried) >= 250 and int(refused) > 0 and int(read) > 0


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
def test_the_fuzzing_tells_a_bad_reader(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    path = tmp_path / IDX.file_name
    path.write_bytes(IDX.valid[0])
    fuzz.try_file(IDX, path, fuzz.Tally())
    with pytest.raises((AssertionError, KeyError, MemoryError)):
        fuzz.try_file(replace(IDX, read=read), path, fuzz.Tally())


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.slow
def test_the_fuzzing_tells_a_reader_that_takes_a_gibibyte() -> None:
    program = "from tests.fuzz import limit_memory; limit_memory(); bytearray(2**30 + 2**20)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "MemoryError" in done.stderr
