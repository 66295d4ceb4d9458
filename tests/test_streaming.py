"""Training on images that stay on disk: the same epochs, in bounded memory, from any position."""

import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

import jaxae
from jaxae import (
    Dataset,
    EpochPosition,
    ModelConfig,
    Recorder,
    Run,
    TrainConfig,
)
from jaxae.cli.app import main
from jaxae.config import Architecture
from jaxae.runs.checkpoints import saved_numbers
from jaxae.training import resident as epochs
from jaxae.training import streaming
from tests.commands import python

CONFIG = TrainConfig(epochs=2, batch_size=16, input_noise=0.1)
STREAMED = dataclasses.replace(CONFIG, stream=True)


def new_model(dataset: Dataset) -> jaxae.Autoencoder:
    return jaxae.create_model(ModelConfig(hidden_dim=16), dataset.image_shape, 0)


def parameters(model: jaxae.Autoencoder) -> list[npt.NDArray[np.float32]]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three batches of `CONFIG` per chunk: 19 batches make seven chunks, the last of one batch."""
    monkeypatch.setattr(streaming, "_CHUNK_BYTES", 3 * 16 * 48)


@pytest.mark.usefixtures("small_chunks")
def test_training_goes_on_bit_for_bit_from_any_position(tiny: Dataset) -> None:
    parts: list[EpochPosition] = []

    def keep(part: EpochPosition) -> None:
        parts.append(part._replace(state=jaxae.copy_state(part.state)))

    whole = new_model(tiny)
    rows = jaxae.fit(whole, tiny, STREAMED, on_position=keep)
    assert [int(part.batches) for part in parts] == 2 * [3, 6, 9, 12, 15, 18]
    for part in parts[::3]:
        model = new_model(tiny)
        rest = jaxae.fit(model, tiny, CONFIG, state=part)
        assert [row[:3] for row in rest] == [row[:3] for row in rows[int(part.state.epoch) :]]
        images = rest[0].images_per_second * rest[0].seconds
        assert images == pytest.approx(300 - 16 * int(part.batches))
        for a, b in zip(parameters(model), parameters(whole), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("small_chunks")
def test_streamed_batches_are_those_of_an_epoch_on_the_devices(tiny: Dataset) -> None:
    streamed, resident = new_model(tiny), new_model(tiny)
    ours = jaxae.fit(streamed, tiny, STREAMED)
    theirs = jaxae.fit(resident, tiny, CONFIG)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a[1:3], b[1:3], rtol=1e-6)
    for x, y in zip(parameters(streamed), parameters(resident), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("steps", [4, 10])
def test_a_long_epoch_in_parts_has_the_bits_of_a_whole_one(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    whole = new_model(tiny)
    rows = jaxae.fit(whole, tiny, CONFIG)
    monkeypatch.setattr(epochs, "steps_per_call", lambda *_: steps)
    parts: list[EpochPosition] = []

    def keep(part: EpochPosition) -> None:
        parts.append(part._replace(state=jaxae.copy_state(part.state)))

    def same(model: jaxae.Autoencoder, found: list[jaxae.EpochMetrics], done: int = 0) -> None:
        assert [row[:3] for row in found] == [row[:3] for row in rows[done:]]
        for a, b in zip(parameters(model), parameters(whole), strict=True):
            np.testing.assert_array_equal(a, b)

    model = new_model(tiny)
    same(model, jaxae.fit(model, tiny, CONFIG, on_position=keep))
    assert [int(part.batches) for part in parts] == 2 * list(range(steps, 19, steps))
    part = parts[len(parts) // 4]
    model = new_model(tiny)
    same(model, jaxae.fit(model, tiny, CONFIG, state=part), int(part.state.epoch))


@pytest.mark.usefixtures("no_figures")
@pytest.mark.slow
def test_a_run_stopped_in_a_long_epoch_goes_on_from_the_part(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    sizes = (f"--data-dir={blobs}", "--hidden-dim=8", "--batch-size=16", "--epochs=2")
    assert main(["train", f"--run-dir={whole}", *sizes]) == 0
    monkeypatch.setattr(epochs, "steps_per_call", lambda *_: 5)
    record, parts = Recorder.record_position, []

    def record_and_stop(self: Recorder, part: EpochPosition) -> None:
        record(self, part)
        parts.append(int(part.state.step))
        if len(parts) == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Recorder, "record_position", record_and_stop)
    with pytest.raises(SystemExit, match="143"):
        main(["train", f"--run-dir={stopped}", *sizes])
    assert parts == [5, 10, 15, 24, 29]
    assert saved_numbers(stopped / "checkpoints" / "within") == [29]
    assert main(["train", f"--run-dir={stopped}", "--resume"]) == 0
    assert "within epoch 2" in capsys.readouterr().out
    assert outcome(stopped) == outcome(whole)


@pytest.mark.slow
def test_an_epoch_is_cut_by_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def part(batch_size: int, n: int = 60_000, kind: Architecture = "dense") -> tuple[int, int]:
        model = jaxae.create_model(ModelConfig(architecture=kind), (28, 28), 0)
        graphdef, params = nnx.split(model, nnx.Param)
        optimizer = jaxae.make_optimizer(TrainConfig(), n)
        state = jaxae.init_state(params, optimizer, 0)
        epoch: Any = jaxae.make_train_epoch(graphdef, optimizer, batch_size)
        lowered = epoch.lower(state, jax.ShapeDtypeStruct((n, 28, 28), np.uint8))
        steps = -(-n // batch_size)
        return epochs.steps_per_call(lambda: lowered, state, steps), steps

    size, steps = part(128)
    assert size == steps, "the lecture's epoch is one call"
    # Seconds on two cores: 1.7 for the lecture's epoch, some 20 for the convolutions.
    for size, steps in (part(128, 1_000_000), part(128, kind="conv"), part(1)):
        assert steps / 40 < size < steps / 2
    # A single step is rounded differently from one in a loop.
    for seconds in (1e-5, 0.01, 0.02, 0.05, 0.1, 1.0):
        monkeypatch.setattr(epochs, "_CALL_SECONDS", seconds)
        size, steps = part(128)
        assert 1 < size < steps and steps % size != 1


def test_data_are_streamed_where_they_exceed_their_share_of_memory(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = jax.devices("cpu")[0]
    pixels = tiny.train.images.size + tiny.test.images.size
    assert not streaming.exceeds_memory(tiny, device)
    monkeypatch.setattr(streaming, "_memory", lambda _: pixels / streaming.STREAM_FRACTION)
    assert not streaming.exceeds_memory(tiny, device)
    monkeypatch.setattr(streaming, "_memory", lambda _: pixels / streaming.STREAM_FRACTION - 1)
    assert streaming.exceeds_memory(tiny, device)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("3000\n", 1500), ("max\n", 2**39), (f"{2**60}\n", 2**39), (None, 2**39)],
)
def test_memory_is_that_of_the_container_shared_by_the_processes_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, expected: int
) -> None:
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(streaming, "_CONTAINER_LIMIT", tmp_path / "memory.max")
    pages = {"SC_PHYS_PAGES": 2**28, "SC_PAGE_SIZE": 2**12}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    client = SimpleNamespace(local_device_count=lambda: 2)
    assert streaming._memory(SimpleNamespace(platform="cpu", client=client)) == expected


def test_memory_of_an_accelerator_is_its_own() -> None:
    for stats, expected in (({"bytes_limit": 7}, 7), ({}, math.inf), (None, math.inf)):
        device = SimpleNamespace(platform="gpu", memory_stats=lambda stats=stats: stats)
        assert streaming._memory(device) == expected


def test_each_process_reads_the_columns_of_its_own_devices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def columns(owners: list[int], number: int) -> slice:
        devices = np.array([SimpleNamespace(process_index=owner) for owner in owners])
        monkeypatch.setattr(jax, "process_index", lambda: number)
        mesh: Any = SimpleNamespace(devices=devices, size=len(owners))
        return streaming._Layout(mesh, 37, (8, 6))._columns

    monkeypatch.setattr(streaming, "NamedSharding", lambda *_: None)
    # 37 images on 6 devices: 7 on each, 5 of them padding.
    given = [columns([0, 1, 1, 1, 2, 2], number) for number in range(3)]
    assert given == [slice(0, 7), slice(7, 28), slice(28, 42)]
    with pytest.raises(ValueError, match=r"processes \[0, 1, 0\]; expected those of a process"):
        columns([0, 1, 0], 0)


def write_npy(
    folder: Path, train: int, test: int, shape: tuple[int, int], *, noise: bool = True
) -> None:
    """Write a data set of noise, or of zeros that take no space, as a folder of .npy files."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for split, n in (("train", train), ("test", test)):
        images = np.lib.format.open_memmap(
            folder / f"{split}_images.npy", mode="w+", dtype=np.uint8, shape=(n, *shape)
        )
        for start in range(0, n, 10_000) if noise else ():
            block = images[start : start + 10_000]
            block[:] = rng.integers(0, 256, block.shape, np.uint8)
        np.save(folder / f"{split}_labels.npy", rng.integers(0, 3, n).astype(np.int32))


def outcome(run: Path) -> tuple[list[tuple[int, float, float]], list[bytes]]:
    rows = [(row.epoch, row.train_loss, row.test_loss) for row in Run.open(run).history()]
    return rows, [leaf.tobytes() for leaf in parameters(Run.open(run).load_model())]


@pytest.mark.usefixtures("no_figures")
@pytest.mark.slow
def test_a_run_killed_within_an_epoch_resumes_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, whole, run = (tmp_path / name for name in ("data", "whole", "run"))
    within = run / "checkpoints" / "within"
    write_npy(data, 150_000, 500, (16, 16))  # An epoch of several chunks.
    sizes = ("--hidden-dim=8", "--batch-size=512", "--epochs=2", "--checkpoint-steps=60")
    args = (f"--data-dir={data}", "--stream", *sizes, "--device=cpu", "--devices=1")
    assert main(["train", f"--run-dir={whole}", *args]) == 0
    assert not (whole / "checkpoints" / "within").exists()

    # With another number of devices, also unused ones, a process may round differently.
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": str(len(jax.devices("cpu")))}
    command = [sys.executable, "-m", "jaxae", "train", f"--run-dir={run}", *args]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not saved_numbers(within):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    assert 0 < saved_numbers(within)[-1] % 293  # Of 293 steps per epoch.
    assert main(["train", f"--run-dir={run}", "--resume", "--devices=1", "--device=cpu"]) == 0
    assert "resuming within epoch" in capsys.readouterr().out
    assert outcome(run) == outcome(whole)
    assert not within.exists()


# Memory.

_PEAKS = """
import re, sys
import jax, jaxae
for folder in sys.argv[1:]:
    data = jaxae.load_dataset(folder)
    model = jaxae.create_model(jaxae.ModelConfig(hidden_dim=16), data.image_shape, 0)
    config = jaxae.TrainConfig(epochs=1, batch_size=128, stream=True)
    (row,) = jaxae.fit(model, data, config, mesh=jaxae.make_mesh(jax.devices()[:1]))
    # Not the maximum from `resource`, which includes the parent's memory when this process started.
    (peak,) = re.findall(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
    print(len(data.train), int(peak) >> 10)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="read from Linux's /proc")
@pytest.mark.slow
def test_memory_is_bounded_however_large_the_data(tmp_path: Path) -> None:
    """The data are ten times the memory by which training may exceed that of few images."""
    limit, shape = 80, (56, 56)  # MiB, and pixels: an epoch's order takes some 50 bytes per image.
    large = 10 * limit * 2**20 // math.prod(shape)
    sizes = (large // 16, large)
    folders = [tmp_path / str(n) for n in sizes]
    for folder, n in zip(folders, sizes, strict=True):
        write_npy(folder, n, 500, shape, noise=False)
    done = python("-c", _PEAKS, *folders)
    assert done.returncode == 0, done.stderr
    found, peaks = zip(*(map(int, line.split()) for line in done.stdout.splitlines()), strict=True)
    assert found == sizes
    assert peaks[1] - peaks[0] <= limit, peaks
