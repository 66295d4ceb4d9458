"""Runs that do not open: each gives one line that names it, and nothing in a file is executed."""

import gzip
import io
import multiprocessing
import pickle
import resource
import shutil
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import tensorstore

from jaxae import Run, TrainState
from tests.commands import Trap, edit_config, jaxae, leaves, plain, python, refusal, resumed

FIXTURE = Path(__file__).parent / "fixtures" / "run-v1"


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
@pytest.mark.parametrize("command", ["train", "figures", "encode", "decode"])
def test_a_folder_that_is_not_a_run_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, kind: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    folder = tmp_path / kind
    files = tmp_path / "in.npy", tmp_path / "out" / "out.npy"
    args = {"train": ("--resume", "--run-dir", folder), "figures": (folder,)}
    line = refusal(capsys, command, *args.get(command, (folder, *files)))
    assert f"{folder} is not a run" in line
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "file"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b'"run"', b"\xff\xfe", b'{"format": 99}']
)
def test_a_file_that_is_not_a_config_is_named(
    run: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (run / "config.json").write_bytes(content)
    assert f"{run / 'config.json'} is damaged" in refusal(capsys, "figures", run)


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("model", {"latent_dim": 0}),
        ("model", {"latent_dim": "2"}),
        ("model", {"layers": 3}),
        ("train", {"epochs": 0}),
        ("train", {"learning_rate": "fast"}),
        ("train", {"learning_rate": None}),
        ("data", {"image_shape": [8]}),
        ("data", {"image_shape": None}),
        ("data", {"image_shape": [0, 6]}),
        ("data", {"image_shape": [-8, 6]}),
        ("data", {"train_examples": "many"}),
        ("data", {"train_examples": 0}),
        ("data", {"source": None}),
        ("data", {"source": 7}),
    ],
    ids=str,
)
def test_a_config_with_a_bad_value_is_named(
    run: Path, capsys: pytest.CaptureFixture[str], section: str, changes: dict[str, Any]
) -> None:
    edit_config(run, section, **changes)
    line = refusal(capsys, "figures", run)
    assert f"{run / 'config.json'} is damaged" in line


def test_a_run_without_a_checkpoint_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run / "checkpoints")
    assert f"{run} has no checkpoint" in refusal(capsys, "figures", run)
    assert not (run / "checkpoints").exists()


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_read_is_named(run: Path, tmp_path: Path) -> None:
    kinds = ("another width", "another image size", "cut", "flipped")
    runs = [Path(shutil.copytree(run, tmp_path / kind)) for kind in kinds]
    edit_config(runs[0], "model", hidden_dim=17)
    edit_config(runs[1], "data", image_shape=[6, 6])
    for damaged in runs[2:]:
        for path in [path for path in (damaged / "checkpoints").rglob("*") if path.is_file()]:
            content = path.read_bytes()
            half = len(content) // 2
            flipped = bytes(255 - byte for byte in content[half:])
            path.write_bytes(content[:half] + (flipped if damaged.name == "flipped" else b""))
    np.save(tmp_path / "z.npy", np.zeros((1, 2)))
    out = tmp_path / "out" / "out.npy"
    # In a new process, to see what Orbax logs as Python exits.
    script = """
import sys
from jaxae.cli import app, running
running.set_up(debug=False)
z, out, *runs = sys.argv[1:]
print([app.main(["decode", run, z, out]) for run in runs])
"""
    done = python("-c", script, tmp_path / "z.npy", out, *runs)
    assert done.stdout == "[2, 2, 2, 2]\n"
    for line, damaged in zip(done.stderr.splitlines(), runs, strict=True):
        assert line.startswith(f"jaxae: {damaged / 'checkpoints' / '2'} cannot be read: ")
    assert not out.parent.exists()


@pytest.mark.parametrize(
    "row", ["{", "[]", "7", '{"epoch": 1}', '{"epoch": 3, "train_loss": "x"}', "\xff"]
)
def test_damaged_metrics_are_named(run: Path, capsys: pytest.CaptureFixture[str], row: str) -> None:
    with (run / "metrics.jsonl").open("a", encoding="latin-1") as file:
        file.write(row + "\n")
    assert f"{run / 'metrics.jsonl'} is damaged" in refusal(capsys, "figures", run)


# Nothing in a file is executed, and memory is bounded.


@pytest.fixture(scope="module")
def often_saved(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with checkpoints of epochs 1 and 2."""
    run = tmp_path_factory.mktemp("runs") / "run"
    options = ("--epochs=2", "--hidden-dim=16", "--checkpoint-every=1")
    assert jaxae("train", "--data-dir", blobs, "--run-dir", run, *options) == 0
    return run


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ProcessPoolExecutor]:
    """Another process, since Orbax leaves reads of damaged files unfinished."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
        yield executor


def reading_error(run: Path) -> tuple[str, int]:
    """Try to load a run's model; return why it fails, and by how many KiB peak memory grew."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reason = ""
    try:
        Run.open(run).load_model()
    except ValueError as error:
        reason = str(error)
    return reason, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("array.npy", bytes(200_000_000))
    return file.getvalue()


HOSTILE = {
    "pickle": pickle.dumps(Trap()),
    "old pickle": pickle.dumps(Trap(), protocol=0),
    "zip bomb": zip_bomb(),
    "gzip bomb": gzip.compress(bytes(200_000_000)),
    "deep": b"[" * 1_000_000,
    "long number": b"9" * 1_000_000,
}


def resume_with_each_file_replaced(run: Path, content: bytes) -> dict[str, str | TrainState]:
    """Replace each file in turn by the content; return the result of resuming for each."""
    given: dict[str, str | TrainState] = {}
    for path in [path for path in run.rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        path.write_bytes(content)
        try:
            state = resumed(run)
            given[str(path)] = jax.tree.map(np.asarray, plain(state))
        except ValueError as error:
            given[str(path)] = str(error)
        path.write_bytes(whole)
    return given


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_or_skipped(
    often_saved: Path, elsewhere: ProcessPoolExecutor, kind: str
) -> None:
    wanted = leaves(resumed(often_saved))
    given = elsewhere.submit(resume_with_each_file_replaced, often_saved, HOSTILE[kind]).result()
    assert len(given) > 20
    for path, outcome in given.items():
        if isinstance(outcome, str):
            assert path in outcome and Path(path).name in ("config.json", "metrics.jsonl")
        elif outcome.epoch != 1:
            np.testing.assert_equal(jax.tree.leaves(outcome), wanted)


@pytest.mark.slow
def test_an_array_that_would_inflate_to_gigabytes_is_refused(
    tmp_path: Path, elsewhere: ProcessPoolExecutor
) -> None:
    run = Path(shutil.copytree(FIXTURE, tmp_path / "run"))
    # A zstd frame (RFC 8878) of run-length blocks, each of four bytes for 128 KiB of zeros.
    size, blocks = 2**17, 3 * 2**13
    block, last = (((size << 3) | (1 << 1) | end).to_bytes(3, "little") + b"\0" for end in (0, 1))
    bomb = bytes.fromhex("28b52ffd 00 38") + block * (blocks - 1) + last
    state = f"file://{run}/checkpoints/2/"
    store = tensorstore.KvStore.open({"driver": "ocdbt", "base": state}).result()
    array = b"state.params.encoder.hidden.bias.value/0"
    assert array in store.list().result()
    store.write(array, bomb).result()
    reason, growth = elsewhere.submit(reading_error, run).result()
    assert "checkpoints/2 cannot be read" in reason
    assert growth < 2**18  # 256 MiB, for what a first call loads.


@pytest.mark.slow
def test_a_change_that_still_decompresses_is_detected(tmp_path: Path) -> None:
    run = Path(shutil.copytree(FIXTURE, tmp_path / "run"))
    spec = {"driver": "zarr", "path": "state.params.encoder.hidden.bias.value/"}
    base = f"file://{run}/checkpoints/2/"
    array = tensorstore.open(
        spec | {"kvstore": {"driver": "ocdbt", "base": base}, "path": spec["path"]}
    ).result()
    array[0].write(array[0].read().result() + np.float32(1e-6)).result()
    assert "checkpoints/2 cannot be read: its values changed" in reading_error(run)[0]
