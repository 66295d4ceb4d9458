"""The command line: what each command writes, and how it refuses."""

import dataclasses
import datetime
import io
import json
import logging
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

from jaxae import (
    Dataset,
    ModelConfig,
    Run,
    TrainConfig,
    decode,
    encode,
    load_dataset,
)
from jaxae._utils.text import printable
from jaxae.cli import begin, running
from jaxae.cli.app import COMMANDS, main
from jaxae.cli.console import say
from jaxae.cli.running import drop_unfinished_reads

FIGURES = ("latent", "grid", "reconstructions", "curve")  # What train draws.
# What figures draws of a run that has no prior.
ALL_FIGURES = (*FIGURES, "coverage", "entropy", "gaps", "interpolation")
SMALL = ("--epochs", 2, "--hidden-dim", 16)
COMMAND = (sys.executable, "-m", "jaxae")


def jaxae(*args: object) -> int:
    return main([str(arg) for arg in args])


def refusal(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    """Run a command that must fail; return the one line that it says."""
    capsys.readouterr()
    assert jaxae(*args) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("jaxae: ")
    return line


def program(*args: object) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def parameters(run: Path) -> list[bytes]:
    model = Run.open(run).load_model()
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))]


def edit_config(run: Path, section: str, **changes: Any) -> None:
    config = json.loads((run / "config.json").read_text())
    config[section] |= changes
    (run / "config.json").write_text(json.dumps(config))


@pytest.fixture(scope="module")
def trained(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, not to be changed."""
    run = tmp_path_factory.mktemp("runs") / "trained"
    assert jaxae("train", "--data-dir", blobs, *SMALL, "--run-dir", run) == 0
    return run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be damaged."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("in the way")
    return path


# What train writes.


def test_train_writes_config_metrics_checkpoint_and_figures(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {
        *(".lock", "config.json", "metrics.jsonl", "checkpoints", "figures")
    }
    for name in FIGURES:
        assert (trained / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_metrics_hold_a_row_an_epoch(trained: Path) -> None:
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    for row in rows:
        assert list(row) == ["epoch", "train_loss", "test_loss", "seconds", "images_per_second"]
        assert all(np.isfinite(value) and value > 0 for value in row.values())
        assert row["images_per_second"] == pytest.approx(300 / row["seconds"])


def test_config_records_how_the_run_was_made(trained: Path, blobs: Path) -> None:
    config = json.loads((trained / "config.json").read_text())
    assert config["model"] == {"latent_dim": 2, "hidden_dim": 16, "model": "ae"}
    assert config["train"] == dataclasses.asdict(TrainConfig(epochs=2))
    assert config["data"]["source"] == str(blobs)
    assert config["data"]["checksum"] == load_dataset(blobs).checksum
    assert {"device", "versions", "created"} <= config.keys()


@pytest.mark.slow
def test_options_reach_the_run(blobs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train = TrainConfig(
        epochs=1,
        batch_size=7,
        learning_rate=0.25,
        schedule="onecycle",
        seed=9,
        kl_weight=0.5,
        input_noise=0.1,
        precision="bfloat16",
        stream=True,
    )
    model = ModelConfig(latent_dim=3, hidden_dim=5, model="vae")
    given = {**dataclasses.asdict(train), **dataclasses.asdict(model)}
    options = [(f"--{name.replace('_', '-')}", value) for name, value in given.items()]
    args = [arg for option, value in options for arg in (option, value) if arg is not True]
    assert jaxae("train", "--data-dir", blobs, "--run-dir", run, *args) == 0
    opened = Run.open(run)
    assert (opened.config.train, opened.config.model) == (train, model)


@pytest.mark.parametrize("command", ["train", "study"])
@pytest.mark.parametrize("kind", ["ae", "conv"])
def test_a_weight_of_a_divergence_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, kind: str
) -> None:
    run = tmp_path / "run"
    line = refusal(capsys, command, "--run-dir", run, "--model", kind, "--kl-weight", 4)
    assert f"kl_weight is 4, and model {kind} has no divergence" in line
    assert not run.exists()


def test_train_shows_each_epoch_with_losses_and_speed(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jaxae("train", "--data-dir", blobs, *SMALL, "--run-dir", tmp_path / "run") == 0
    out, err = capsys.readouterr()
    assert err == ""
    for epoch in (1, 2):
        assert re.search(rf"^epoch {epoch}/2: loss \d.*, test \d.* images/s", out, re.MULTILINE)
    for name in FIGURES:
        assert str(tmp_path / "run" / "figures" / f"{name}.png") in out


def test_without_a_run_dir_the_run_is_named_after_data_and_time(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert jaxae("train", "--data-dir", blobs, "--dataset", "a/b", *SMALL) == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"a-b-\d{8}-\d{6}", run.name)
    assert Run.open(run).config.data.name == "a/b"


def test_two_runs_of_one_second_get_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Stopped":
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(begin, "datetime", Stopped)
    monkeypatch.chdir(tmp_path)
    folders = [begin.default_folder("mnist").name for _ in range(3)]
    assert folders == [f"mnist-20260102-030405{suffix}" for suffix in ("", "-2", "-3")]
    assert all((tmp_path / "runs" / folder).is_dir() for folder in folders)


def test_a_folder_as_a_data_sets_name_is_refused_with_the_option_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jaxae("train", "--dataset", "./mini", "--run-dir", tmp_path / "run") == 2
    assert "--dataset ./mini is a folder; pass --data-dir ./mini" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["../../up", "/root", "[red]", "a\nb\x1b[2J", "x" * 300, "$(id)"])
@pytest.mark.slow
def test_a_data_sets_name_is_no_path_and_no_markup(
    blobs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    (tmp_path / "here" / "now").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "now")
    options = ("--epochs", 1, "--hidden-dim", 2)
    assert jaxae("train", "--data-dir", blobs, "--dataset", name, *options) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{printable(name)}: 300 training images")
    (run,) = Path("runs").iterdir()
    assert re.fullmatch(r"[\w.+-]+", run.name)
    assert Run.open(run).config.data.name == name
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


@pytest.mark.slow
def test_one_seed_gives_bit_identical_parameters_and_another_gives_others(
    trained: Path, blobs: Path, tmp_path: Path
) -> None:
    for name, seed in (("same", 0), ("other", 1)):
        run = tmp_path / name
        assert jaxae("train", "--data-dir", blobs, *SMALL, "--seed", seed, "--run-dir", run) == 0
    assert parameters(tmp_path / "same") == parameters(trained)
    assert parameters(tmp_path / "other") != parameters(trained)


# Existing folders.


def test_an_existing_run_is_refused_and_untouched(
    run: Path, blobs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(run)
    line = refusal(capsys, "train", "--data-dir", blobs, *SMALL, "--run-dir", run)
    assert str(run) in line and "--overwrite" in line
    assert contents(run) == before


@pytest.mark.slow
def test_overwrite_replaces_the_whole_run(run: Path, blobs: Path) -> None:
    (run / "figures" / "old.png").write_text("of the old run")
    args = ("--epochs", 1, "--hidden-dim", 8, "--run-dir", run, "--overwrite")
    assert jaxae("train", "--data-dir", blobs, *args) == 0
    assert Run.open(run).config.model.hidden_dim == 8
    assert [row.epoch for row in Run.open(run).history()] == [1]
    assert not (run / "figures" / "old.png").exists()


@pytest.mark.parametrize("option", [(), ("--overwrite",)])
def test_a_folder_that_is_no_run_is_never_deleted(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, ...]
) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    before = contents(folder)
    args = ("--data-dir", blobs, *SMALL, "--run-dir", folder)
    assert str(folder) in refusal(capsys, "train", *args, *option)
    assert contents(folder) == before


@pytest.mark.parametrize(
    "wrong", [("--epochs", 0), ("--dataset", "./nowhere"), ("--device", "tpu"), ("--bogus",)]
)
def test_overwrite_deletes_nothing_when_another_argument_is_wrong(
    run: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[object, ...]
) -> None:
    before = contents(run)
    refusal(capsys, "train", "--run-dir", run, "--overwrite", *wrong)
    assert contents(run) == before


# Figures.


@pytest.mark.parametrize(
    ("format", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
@pytest.mark.slow
def test_figures_are_drawn_in_any_format_into_any_folder(
    trained: Path, tmp_path: Path, format: str, start: bytes
) -> None:
    before, out = contents(trained), tmp_path / "new" / "folder"
    assert jaxae("figures", trained, "--format", format, "--out", out) == 0
    drawn = contents(out)
    assert drawn.keys() == {f"{name}.{format}" for name in ALL_FIGURES}
    assert all(content.startswith(start) for content in drawn.values())
    assert contents(trained) == before


def test_a_tilde_after_an_equals_sign_is_the_home_folder(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(run.parent))
    monkeypatch.setenv("USERPROFILE", str(run.parent))
    assert jaxae("train", "--resume", "--run-dir=~/run") == 0
    assert f"{run} is finished" in capsys.readouterr().out
    assert jaxae("export", run, "--format=safetensors", "--out=~/run.safetensors") == 0
    assert (run.parent / "run.safetensors").is_file()
    assert "~no one/run is not a run" in refusal(capsys, "report", "~no one/run")


def test_figures_go_to_the_run_by_default(run: Path) -> None:
    shutil.rmtree(run / "figures")
    assert jaxae("figures", run) == 0
    assert contents(run / "figures").keys() == {f"{name}.png" for name in ALL_FIGURES}


def test_fit_box_draws_another_grid(trained: Path, tmp_path: Path) -> None:
    assert jaxae("figures", trained, "--out", tmp_path, "--fit-box") == 0
    assert (tmp_path / "grid.png").read_bytes() != (trained / "figures/grid.png").read_bytes()


def test_figures_of_data_that_changed_are_refused(
    run: Path, blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = Path(shutil.copytree(blobs, tmp_path / "changed"))
    images = changed / "train-images-idx3-ubyte"
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    edit_config(run, "data", source=str(changed))
    shutil.rmtree(run / "figures")
    line = refusal(capsys, "figures", run)
    assert str(changed) in line and "changed" in line
    assert not (run / "figures").exists()


# Encode and decode.


def test_encode_and_decode_give_what_the_functions_give(
    trained: Path, tiny: Dataset, tmp_path: Path
) -> None:
    images, z, decoded = (tmp_path / "new" / f"{name}.npy" for name in ("images", "z", "decoded"))
    images.parent.mkdir()
    np.save(images, tiny.test.images)
    assert jaxae("encode", trained, images, z) == 0
    assert jaxae("decode", trained, z, decoded) == 0
    model = Run.open(trained).load_model()
    expected_z = encode(model, tiny.test.images)
    np.testing.assert_array_equal(np.load(z), expected_z, strict=True)
    np.testing.assert_array_equal(np.load(decoded), decode(model, expected_z), strict=True)
    assert {path.name for path in images.parent.iterdir()} == {"images.npy", "z.npy", "decoded.npy"}


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_no_examples_in_no_examples_out(trained: Path, tmp_path: Path, command: str) -> None:
    shape, out_shape = ((0, 8, 6), (0, 2)) if command == "encode" else ((0, 2), (0, 8, 6))
    np.save(tmp_path / "none.npy", np.zeros(shape, np.float32))
    assert jaxae(command, trained, tmp_path / "none.npy", tmp_path / "out.npy") == 0
    assert np.load(tmp_path / "out.npy").shape == out_shape


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_the_file_to_read_is_never_written(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    file = tmp_path / "array.npy"
    np.save(file, np.zeros((1, 8, 6) if command == "encode" else (1, 2), np.float32))
    (tmp_path / "link.npy").symlink_to(file)
    before = file.read_bytes()
    for out in (file, tmp_path / "link.npy"):
        assert f"{out} is the file to read" in refusal(capsys, command, trained, file, out)
    assert file.read_bytes() == before


class Trap:
    """Unpickling one fails the test."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return pytest.fail, ("a pickle was opened",)


def save_damaged(path: Path, kind: str) -> None:
    whole = np.zeros((4, 8, 6), np.float32)
    match kind:
        case "text":
            path.write_text("0.1 0.2\n")
        case "empty":
            path.write_bytes(b"")
        case "objects":
            np.save(path, np.array([Trap()], dtype=object), allow_pickle=True)
        case "pickle":
            path.write_bytes(np.array([Trap()], dtype=object).dumps())
        case "npz":
            with path.open("wb") as file:
                np.savez(file, images=whole)
        case "cut body" | "cut header":
            np.save(path, whole)
            path.write_bytes(path.read_bytes()[: -3 if kind == "cut body" else 30])


@pytest.mark.parametrize("command", ["encode", "decode"])
@pytest.mark.parametrize(
    "kind", ["text", "empty", "objects", "pickle", "npz", "cut body", "cut header", "missing"]
)
def test_a_file_that_is_no_array_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, kind: str
) -> None:
    path = tmp_path / "given.npy"
    save_damaged(path, kind)
    line = refusal(capsys, command, trained, path, tmp_path / "out" / "out.npy")
    assert str(path) in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "array", "reason"),
    [
        ("encode", np.zeros((2, 8, 8), np.uint8), r"\(2, 8, 8\).*\(n, 8, 6\)"),
        ("encode", np.zeros((8, 6), np.uint8), r"\(8, 6\).*\(n, 8, 6\)"),
        ("encode", np.full((2, 8, 6), np.nan), "nan"),
        ("encode", np.full((2, 8, 6), np.inf), "inf"),
        ("encode", np.full((2, 8, 6), 1.01), r"1\.01.*0 to 1 "),
        ("encode", np.full((2, 8, 6), -0.5), r"-0\.5.*0 to 1 "),
        ("encode", np.full((2, 8, 6), 256), r"256.*0 to 255"),
        ("encode", np.full((2, 8, 6), -1), r"-1.*0 to 255"),
        ("encode", np.full((2, 8, 6), "a"), "<U1"),
        ("encode", np.full((2, 8, 6), 0.5j), "complex"),
        ("decode", np.zeros((4, 3)), r"\(4, 3\).*\(n, 2\)"),
        ("decode", np.zeros(2), r"\(2,\).*\(n, 2\)"),
        ("decode", np.array([[0, np.nan]]), "NaN"),
        ("decode", np.array([[0, -np.inf]]), "infinite"),
        ("decode", np.array([[0, 1e300]]), "finite"),
        ("decode", np.full((2, 2), "a"), "<U1"),
        ("decode", np.full((2, 2), 1j), "complex"),
    ],
)
def test_an_array_that_does_not_fit_the_model_is_refused(
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    array: npt.NDArray[Any],
    reason: str,
) -> None:
    path = tmp_path / "given.npy"
    np.save(path, array)
    line = refusal(capsys, command, trained, path, tmp_path / "out" / "out.npy")
    assert str(path) in line
    assert re.search(reason, line.removeprefix(f"jaxae: {path}"))
    assert not (tmp_path / "out").exists()


def test_a_refused_array_leaves_the_old_output_alone(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "given.npy", np.full((2, 8, 6), np.nan))
    (tmp_path / "z.npy").write_text("of an earlier call")
    refusal(capsys, "encode", trained, tmp_path / "given.npy", tmp_path / "z.npy")
    assert contents(tmp_path).keys() == {"given.npy", "z.npy"}
    assert (tmp_path / "z.npy").read_text() == "of an earlier call"


# Bad arguments.


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("--epochs", 0), "epochs is 0"),
        (("--epochs", "many"), "--epochs.*'many'"),
        (("--epochs", 1.5), r"--epochs.*'1\.5'"),
        (("--batch-size", 0), "batch_size is 0"),
        (("--batch-size", -3), "batch_size is -3"),
        (("--latent-dim", 0), "latent_dim is 0"),
        (("--hidden-dim", 0), "hidden_dim is 0"),
        (("--learning-rate", -1), r"learning_rate is -1\.0"),
        (("--learning-rate", 0), r"learning_rate is 0\.0"),
        (("--learning-rate", "nan"), "learning_rate is nan"),
        (("--learning-rate", "inf"), "learning_rate is inf"),
        (("--seed", -1), "seed is -1"),
        (("--seed", 2**32), f"seed is {2**32}"),
        (("--schedule", "zigzag"), "--schedule.*'constant', 'onecycle'"),
        (("--device", "abacus"), "--device.*'auto', 'cpu', 'gpu', 'tpu'"),
        (("--device", "tpu"), "'tpu'.*JAX finds .*cpu"),
        (("--devices", "two"), r"--devices: 'two' is none of \{None\}\|INT \("),
        (("--bogus", 1), "--bogus"),
        (("--epochs",), "--epochs"),
        (("stray",), "stray"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_bad_option_of_train_is_named_and_makes_no_run(
    blobs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    args: tuple[object, ...],
    named: str,
) -> None:
    if args == ("--device", "tpu") and any(d.platform == "tpu" for d in jax.devices()):
        pytest.skip("there is a TPU")
    run = tmp_path / "runs" / "run"
    line = refusal(capsys, "train", "--data-dir", blobs, "--run-dir", run, *args)
    assert re.search(named, line)
    assert not run.parent.exists()


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("--dataset", "mnst"), "'mnst'"),
        (("--dataset", "./nowhere"), "--dataset ./nowhere is a folder; pass --data-dir ./nowhere"),
        (("--data-dir", "nowhere"), "nowhere: no such folder"),
        (("--data-dir", "."), "no train-images-idx3-ubyte"),
    ],
)
def test_data_that_is_not_there_is_named_and_makes_no_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, str],
    named: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAXAE_DATA_DIR", str(tmp_path / "cache"))
    assert named in refusal(capsys, "train", *args)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("args", [(), ("fly",), ("figures",), ("encode", "run", "x.npy")])
def test_a_command_line_that_is_not_whole_is_refused(
    capsys: pytest.CaptureFixture[str], args: tuple[str, ...]
) -> None:
    command = "jaxae" if args in ((), ("fly",)) else f"jaxae {args[0]}"
    assert f"(see {command} --help)" in refusal(capsys, *args)


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (("trian",), "unknown command 'trian'; did you mean train? "),
        (("train", "--epohs", 3), "train has no option --epohs; did you mean --epochs? "),
        (("train", "--learning_rat=1"), "no option --learning_rat; did you mean --learning-rate? "),
        (("encode", "run", "--devcie", "cpu"), "--devcie; did you mean --device or --devices? "),
        (("report", "run", "--bogus"), "report has no option --bogus (see jaxae report --help"),
        (("report", "run", "--debgu"), "report has no option --debgu; did you mean --debug? "),
        (("--verison",), "no option --verison before a command; did you mean --version? "),
    ],
)
def test_a_typo_is_answered_with_what_may_be_meant(
    capsys: pytest.CaptureFixture[str], args: tuple[object, ...], hint: str
) -> None:
    assert hint in refusal(capsys, *args)


def test_underscores_and_equals_signs_in_options_are_fine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, "train", "--batch_size=0", "--run-dir", tmp_path / "run")
    assert "batch_size is 0" in line


def test_debug_shows_where_an_error_arose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("report", tmp_path)
    monkeypatch.setenv("JAXAE_DEBUG", "")
    plain = refusal(capsys, *args)
    assert "--debug" not in plain  # It says what to do.
    for debug, variable in (("--debug",), "0"), ((), "1"):
        monkeypatch.setenv("JAXAE_DEBUG", variable)
        assert jaxae(*args, *debug) == 2
        lines = capsys.readouterr().err.splitlines()
        assert lines[0].startswith("Traceback") and "in open" in "".join(lines)
        assert lines[-1] == plain


def test_a_librarys_error_is_one_line_that_names_debug(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "open", lambda _: np.broadcast_to(np.ones(2), 3))
    assert refusal(capsys, "report", tmp_path).endswith(" (--debug shows where)")


@pytest.mark.parametrize(
    ("text", "module", "reported"),
    [
        ("Event loop is closed", "asyncio.base_events", False),
        ("cannot read", "orbax.checkpoint._src", False),
        ("cannot read", "asyncio.base_events", True),
        ("lost", "jaxae.runs.run", True),
    ],
)
def test_unraisable_exceptions_are_reported_but_those_of_unfinished_reads(
    monkeypatch: pytest.MonkeyPatch, text: str, module: str, reported: bool
) -> None:
    heard: list[object] = []
    monkeypatch.setattr(sys, "__unraisablehook__", heard.append)
    try:
        exec("raise error", {"__name__": module, "error": RuntimeError(text)})
    except RuntimeError as error:
        args: Any = SimpleNamespace(exc_value=error, exc_traceback=error.__traceback__)
    drop_unfinished_reads(args)
    assert heard == [args] * reported


def test_a_warning_is_printed_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = logging.getLogger("jaxae")
    for name, value in ("handlers", []), ("propagate", True):
        monkeypatch.setattr(ours, name, value)
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler()])
    monkeypatch.setattr(running, "keep_compiled", lambda: None)
    running.set_up(debug=True)
    logging.getLogger("jaxae.latent.codec").warning("a mask?")
    assert capsys.readouterr().err == "jaxae: a mask?\n"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "-1 x 2 | ?"), ("cp1252", "-1 × 2 | ?"), ("utf-8", "−1 × 2 │ 漢")],
)
def test_an_encoding_without_a_character_shows_another(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
    monkeypatch.setattr(sys, "argv", ["jaxae", "train", "--help"])
    with pytest.raises(SystemExit) as stopped:
        main()
    say("−1 × 2 │ 漢")
    sys.stdout.flush()
    assert not stopped.value.code
    assert "--checkpoint-steps" in written.getvalue().decode(encoding)
    assert "?" not in written.getvalue().decode(encoding).replace("| ?", "")
    assert written.getvalue().decode(encoding).splitlines()[-1] == shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert jaxae("--version") == 0
    assert capsys.readouterr().out == f"jaxae {version('jaxae')}\n"


@pytest.mark.parametrize("below", ["", "run"])
def test_a_run_folder_that_cannot_be_made_is_named(
    blobs: Path, a_file: Path, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    line = refusal(capsys, "train", "--data-dir", blobs, *SMALL, "--run-dir", a_file / below)
    assert str(a_file) in line
    assert a_file.read_text() == "in the way"


def test_an_output_folder_that_cannot_be_made_is_named(
    trained: Path, a_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "images.npy", np.zeros((1, 8, 6), np.uint8))
    np.save(tmp_path / "z.npy", np.zeros((1, 2)))
    out = a_file / "below" / "out.npy"
    assert str(a_file) in refusal(capsys, "encode", trained, tmp_path / "images.npy", out)
    assert str(a_file) in refusal(capsys, "decode", trained, tmp_path / "z.npy", out)
    assert str(a_file) in refusal(capsys, "figures", trained, "--out", a_file / "figures")
    assert a_file.read_text() == "in the way"


# Runs that do not open.


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
@pytest.mark.parametrize("command", ["figures", "encode", "decode"])
def test_a_folder_that_is_no_run_is_named(
    tmp_path: Path, a_file: Path, capsys: pytest.CaptureFixture[str], command: str, kind: str
) -> None:
    (tmp_path / "empty").mkdir()
    folder = tmp_path / kind
    files = () if command == "figures" else (tmp_path / "in.npy", tmp_path / "out" / "out.npy")
    line = refusal(capsys, command, folder, *files)
    assert f"{folder} is not a run" in line
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "file"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b'"run"', b"\xff\xfe", b'{"format": 99}']
)
def test_a_config_that_is_no_config_is_named(
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


@pytest.mark.parametrize("kind", ["another width", "another image size", "cut", "flipped"])
@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_read_is_named(run: Path, tmp_path: Path, kind: str) -> None:
    if kind == "another width":
        edit_config(run, "model", hidden_dim=17)
    elif kind == "another image size":
        edit_config(run, "data", image_shape=[6, 6])
    else:
        for path in [path for path in (run / "checkpoints").rglob("*") if path.is_file()]:
            content = bytearray(path.read_bytes())
            half = len(content) // 2
            content[half:] = b"" if kind == "cut" else bytes(255 - byte for byte in content[half:])
            path.write_bytes(content)
    np.save(tmp_path / "z.npy", np.zeros((1, 2)))
    out = tmp_path / "out" / "out.npy"
    # As a program of its own, for what Orbax logs and leaves behind.
    done = program("decode", run, tmp_path / "z.npy", out)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"jaxae: {run / 'checkpoints' / '2'} cannot be read: ")
    assert not out.parent.exists()


@pytest.mark.parametrize(
    "row", ["{", "[]", "7", '{"epoch": 1}', '{"epoch": 3, "train_loss": "x"}', "\xff"]
)
def test_damaged_metrics_are_named(run: Path, capsys: pytest.CaptureFixture[str], row: str) -> None:
    with (run / "metrics.jsonl").open("a", encoding="latin-1") as file:
        file.write(row + "\n")
    assert f"{run / 'metrics.jsonl'} is damaged" in refusal(capsys, "figures", run)


# Training that ends early.


@pytest.mark.slow
def test_a_loss_that_diverges_is_told_and_the_run_still_opens(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    args = ("--data-dir", blobs, *SMALL, "--learning-rate", "1e30", "--run-dir", run)
    assert jaxae("train", *args) == 2
    kept, reason = capsys.readouterr().err.splitlines()
    assert str(run) in kept and "epoch 0" in kept
    assert "nan" in reason and "epoch 1" in reason and "learning rate (1e+30)" in reason
    for values in parameters(run):
        assert np.isfinite(np.frombuffer(values, np.float32)).all()
    assert jaxae("figures", run) == 0


@pytest.mark.slow
def test_ctrl_c_keeps_the_last_finished_epoch_of_a_run_that_opens(
    blobs: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    args = (
        "train",
        f"--data-dir={blobs}",
        "--epochs=100000",
        "--hidden-dim=16",
        f"--run-dir={run}",
    )
    process = subprocess.Popen(
        [*COMMAND, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        first = next(line for line in process.stdout if line.startswith("epoch 1/"))
        assert "loss" in first
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    epochs = [row.epoch for row in Run.open(run).history()]
    assert epochs and epochs == list(range(1, len(epochs) + 1))
    assert err.splitlines() == [
        "jaxae: SIGINT: stopping within seconds, after saving; a second signal stops at once",
        f"jaxae: {run}: last saved: epoch {epochs[-1]}; "
        f"jaxae train --run-dir {run} --resume continues it",
        "jaxae: interrupted",
    ]
    assert jaxae("figures", run) == 0
    assert contents(run / "figures").keys() == {f"{name}.png" for name in ALL_FIGURES}


# As a program.


@pytest.mark.slow
def test_help_and_refused_options_wait_for_no_library() -> None:
    script = """
import sys
from jaxae.cli.app import COMMANDS, main

for args in (["--help"], ["train", "--help"], ["train", "--bogus"], ["train", "--epochs", "0"]):
    try:
        main(args)
    except SystemExit:
        pass
slow = {"jax", "flax", "optax", "orbax", "numpy", "scipy", "sklearn", "matplotlib"}
print("imported:", *sorted(slow & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "imported:"


@pytest.mark.slow
def test_a_refusal_of_the_program_is_one_line_and_status_2(tmp_path: Path) -> None:
    done = program("figures", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path} is not a run" in line


REQUIRED = object()
HARDWARE = {"device": "auto", "devices": None}
DEFAULTS: dict[str, dict[str, Any]] = {
    "train": {
        "dataset": "mnist",
        "data-dir": None,
        **HARDWARE,
        "coordinator": None,
        "process-id": None,
        "process-count": None,
        "stream": False,
        "run-dir": None,
        "overwrite": False,
        "tensorboard": False,
        "fit-box": False,
        "latent-dim": 2,
        "hidden-dim": 512,
        "model": "ae",
        "epochs": 20,
        "batch-size": 128,
        "learning-rate": 0.001,
        "schedule": "constant",
        "seed": 0,
        "kl-weight": 1.0,
        "input-noise": 0.0,
        "precision": "float32",
        "checkpoint-every": 5,
        "keep": 2,
        "checkpoint-steps": 10_000,
        "resume": False,
    },
    "figures": {
        "format": "png",
        "out": None,
        "fit-box": False,
        "data-dir": None,
        "checkpoint": "newest",
        "verify": None,
    },
    "encode": {"checkpoint": "newest", **HARDWARE},
    "decode": {"checkpoint": "newest", **HARDWARE},
    "export": {"format": REQUIRED, "out": REQUIRED, "checkpoint": "newest"},
    "import": {"like": None},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example_that_is_one(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit):
        jaxae(command, "--help")
    (line,) = re.findall("(?m)Examples?: (.*)$", capsys.readouterr().out)
    ran: list[object] = []
    monkeypatch.setattr(COMMANDS[command], "__call__", lambda options: ran.append(options))
    for example in line.split(", then "):
        program, *args = example.split()
        assert (program, args[0]) == ("jaxae", command)
        assert main(args) == 0
        assert isinstance(ran.pop(), COMMANDS[command])


def test_help_on_all_commands_has_one_line_on_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        jaxae("--help")
    out = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for command, kind in COMMANDS.items():
        assert f"• {command} {kind.__doc__.splitlines()[0]}" in out
    for told in ("JAXAE_DEBUG=1", "JAX_ENABLE_COMPILATION_CACHE=0", "--version", "COMMAND --help"):
        assert told in out


@pytest.mark.parametrize("command", DEFAULTS)
def test_help_of_a_command_lists_every_option_with_its_default(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")  # Wider, and the options stand in two columns.
    with pytest.raises(SystemExit) as stopped:
        jaxae(command, "--help")
    assert not stopped.value.code
    out = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    # An option starts its line; what follows, up to the next option, explains it.
    starts = re.split(r"(?m)^[│ ]*(?=-)", out)
    explained = {
        match.group(1): " ".join(text.replace("│", " ").split())
        for text in starts
        if (match := re.match(r"(?:-h, )?--([a-z][\w-]*)", text))
    }
    expected = {name.replace("_", "-"): value for name, value in DEFAULTS[command].items()}
    assert explained.keys() - {"help"} == expected.keys()
    for name, value in expected.items():
        told = "(required)" if value is REQUIRED else f"(default: {value})"
        assert told in explained[name]
