"""`jaxae encode` and `decode` from file to file: atomically, and in bounded memory."""

import io
import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rich.console import Console

from jaxae._utils.npy import ArrayFile, write_array
from jaxae.cli.progress import counted
from tests.commands import jaxae, python

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on images of 8×6 pixels."""
    return Path(shutil.copytree(FIXTURES / "run-v1", tmp_path_factory.mktemp("runs") / "run"))


def forward(x: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compute z and the reconstructions of images with values 0 to 1, by the run's parameters."""
    file = np.load(FIXTURES / "run-v1-parameters.npz")

    def dense(name: str, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        part, layer = name.split(".")
        kernel, bias = (
            np.float64(file[f"['{part}']['{layer}']['{p}']"]) for p in ("kernel", "bias")
        )
        return x @ kernel + bias

    x = x.reshape(len(x), -1).astype(np.float64)
    z = dense("encoder.latent", np.maximum(dense("encoder.hidden", x), 0))
    logits = dense("decoder.pixels", np.maximum(dense("decoder.hidden", z), 0))
    return z, 1 / (1 + np.exp(-logits)).reshape(-1, 8, 6)


def pixels(n: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (n, 8, 6), dtype=np.uint8)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i2", ">f4", "<f8", "<f2"])
def test_a_file_of_any_layout_is_encoded_and_decoded(
    run: Path, tmp_path: Path, dtype: str, order: Any
) -> None:
    images = pixels(20_001)
    x = images / 255
    given = (x if np.dtype(dtype).kind == "f" else images).astype(dtype, order=order)
    if dtype == "<f2":
        x = given.astype(np.float64)
    np.save(tmp_path / "images.npy", given)
    assert jaxae("encode", run, tmp_path / "images.npy", tmp_path / "z.npy") == 0
    z, x_hat = forward(x)
    found = np.load(tmp_path / "z.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, z, rtol=1e-4, atol=1e-5)

    z_dtype = {"u1": "<f4", "<i8": "<f4", ">i2": ">f8"}.get(dtype, dtype)
    given = found.astype(z_dtype, order=order)
    np.save(tmp_path / "z.npy", given)
    assert jaxae("decode", run, tmp_path / "z.npy", tmp_path / "decoded.npy") == 0
    np.testing.assert_allclose(
        np.load(tmp_path / "decoded.npy"), x_hat, atol=1e-2 if dtype == "<f2" else 1e-5
    )


@pytest.mark.parametrize("shape", [(7, 5), (0, 3), (4,), (3, 4, 5), (1, 4, 5), (5, 1, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_slices_of_a_file_equal_those_of_its_array(
    tmp_path: Path, shape: tuple[int, ...], order: Any
) -> None:
    array = np.arange(np.prod(shape), dtype=">i4").reshape(shape).copy(order)
    np.save(tmp_path / "array.npy", array)
    file = ArrayFile(tmp_path / "array.npy")
    assert (file.shape, file.dtype) == (array.shape, array.dtype)
    for rows in (slice(0, 2), slice(1, 99), slice(2, None)) if len(array) else ():
        np.testing.assert_array_equal(file[rows], array[rows], strict=True)


@pytest.mark.parametrize("shape", [(0, 3), (7, 2), (5, 4, 3)])
def test_written_blocks_give_the_same_file_as_numpy(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.save(tmp_path / "numpy.npy", array)
    blocks = [array[i : i + 2].copy("F") for i in range(0, len(array), 2)]
    write_array(tmp_path / "ours.npy", shape, blocks)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()


def test_a_bad_value_in_the_last_block_leaves_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, z = pixels(20_000) / 255, np.zeros((20_000, 2))
    images[-1, 0, 0] = z[-1, 0] = np.nan
    for command, array in (("encode", images), ("decode", z)):
        np.save(tmp_path / "given.npy", array)
        out = tmp_path / "new" / "folder" / "out.npy"
        assert jaxae(command, run, tmp_path / "given.npy", out) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert str(tmp_path / "given.npy") in line and "[19999]" in line and "nan" in line.lower()
        assert [path.name for path in tmp_path.iterdir()] == ["given.npy"]


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.fixture
def default_sigint() -> Iterator[None]:
    """Undo what a shell does to background processes, which ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (interrupt, 130),
        (lambda: signal.raise_signal(signal.SIGINT), 130),
        (lambda: signal.raise_signal(signal.SIGTERM), 143),
        (lambda: signal.raise_signal(signal.SIGHUP), 129),
    ],
    ids=["KeyboardInterrupt", "SIGINT", "SIGTERM", "SIGHUP"],
)
@pytest.mark.usefixtures("default_sigint")
@pytest.mark.parametrize("command", ["encode", "decode"])
def test_an_interrupted_command_leaves_nothing(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    stop: Callable[[], None],
    status: int,
) -> None:
    given, out = tmp_path / "given.npy", tmp_path / "out" / "out.npy"
    np.save(given, np.zeros((50_000, 8, 6) if command == "encode" else (50_000, 2), np.float32))
    read = ArrayFile.__getitem__
    sizes: list[int] = []

    def read_or_stop(file: ArrayFile, rows: slice) -> npt.NDArray[Any]:
        if rows.start == 4 * 8192:
            sizes.extend(path.stat().st_size for path in out.parent.iterdir())
            stop()
            pytest.fail("the signal was not handled at once")
        return read(file, rows)

    monkeypatch.setattr(ArrayFile, "__getitem__", read_or_stop)
    try:
        assert jaxae(command, run, given, out) == status
    except SystemExit as stopped:
        assert stopped.code == status
    assert len(sizes) == 1 and sizes[0] > 100_000, "interrupted before anything was written"
    assert [path.name for path in tmp_path.iterdir()] == ["given.npy"]


# The peaks of resource.getrusage would include those of the parent, here pytest.
PEAKS = """
import json, re, sys
from jaxae.cli.app import main

peaks = []
for args in json.loads(sys.argv[1]):
    assert main(args) == 0
    peaks += re.findall(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
print(*peaks, file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(run: Path, tmp_path: Path) -> None:
    size = 4_000_000 * 8 * 6  # Of the images in encode, as uint8, and in decode, as float32.
    out = tmp_path / "out.npy"
    jobs: list[list[str]] = []
    for command, n, row, dtype in (
        ("encode", 10_000, (8, 6), np.uint8),
        ("encode", 4_000_000, (8, 6), np.uint8),
        ("decode", 10_000, (2,), np.float32),
        ("decode", 1_000_000, (2,), np.float32),
    ):
        given = tmp_path / f"given-{len(jobs)}.npy"
        # Zeros that take no space on disk.
        np.lib.format.open_memmap(given, mode="w+", dtype=dtype, shape=(n, *row)).flush()
        jobs.append([command, str(run), str(given), str(out)])
    done = python("-c", PEAKS, json.dumps(jobs))
    assert done.returncode == 0, done.stderr
    few, encode, decode_few, decode = (1024 * int(peak) for peak in done.stderr.split())
    assert out.stat().st_size > size
    out.unlink()
    assert encode - few < size / 4
    assert decode - decode_few < size / 4


def test_a_bar_counts_rows_on_a_terminal_and_is_silent_elsewhere() -> None:
    blocks = [np.zeros((3, 2)), np.zeros((4, 2))]
    for terminal in (True, False):
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=80)
        passed = counted(iter(blocks), "Encoding", 7, console)
        assert [block is given for block, given in zip(passed, blocks, strict=True)] == [True, True]
        shown = out.getvalue()
        assert ("Encoding" in shown and "7/7" in shown) if terminal else shown == ""
