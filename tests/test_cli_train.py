"""`jaxae train` and `jaxae figures`: what they write, and what they leave unchanged."""

import dataclasses
import datetime
import json
import re
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from jaxae import ModelConfig, Run, TrainConfig, load_dataset
from jaxae._utils.text import printable
from jaxae.cli import begin
from jaxae.cli.options import words
from tests.commands import contents, edit_config, jaxae, refusal

FIGURES = ("latent", "grid", "reconstructions", "curve")  # What train draws.
# What figures draws of a run that has no prior.
OTHERS = ("coverage", "entropy", "gaps", "interpolation", "magnification", "geodesics")
ALL_FIGURES = (*FIGURES, *OTHERS)
SMALL = ("--epochs", 2, "--hidden-dim", 16)


def parameters(run: Path) -> list[bytes]:
    model = Run.open(run).load_model()
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))]


def test_train_writes_config_metrics_checkpoint_and_figures(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {
        *(".lock", "config.json", "metrics.jsonl", "checkpoints", "figures")
    }
    for name in FIGURES:
        assert (trained / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_metrics_have_one_row_per_epoch(trained: Path) -> None:
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    for row in rows:
        assert list(row) == ["epoch", "train_loss", "test_loss", "seconds", "images_per_second"]
        assert all(np.isfinite(value) and value > 0 for value in row.values())
        assert row["images_per_second"] == pytest.approx(300 / row["seconds"])


def test_config_records_how_the_run_was_made(trained: Path, blobs: Path) -> None:
    config = json.loads((trained / "config.json").read_text())
    assert config["model"] == dataclasses.asdict(ModelConfig(hidden_dim=16))
    assert config["train"] == dataclasses.asdict(TrainConfig(epochs=2))
    assert config["data"]["source"] == str(blobs)
    assert config["data"]["checksum"] == load_dataset(blobs).checksum
    assert {"device", "versions", "created"} <= config.keys()


@pytest.mark.usefixtures("no_figures")
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
        likelihood="bernoulli",
        binarize=True,
        kl_warmup=1,
        flatten=0.5,
    )
    model = ModelConfig(latent_dim=3, hidden_dim=(5, 4), model="vae", architecture="conv")
    given = {**dataclasses.asdict(train), **dataclasses.asdict(model)}
    options = [(f"--{name.replace('_', '-')}", value) for name, value in given.items()]
    args = [arg for option, value in options for arg in (option, *words(value)) if arg != "True"]
    assert jaxae("train", "--data-dir", blobs, "--run-dir", run, *args) == 0
    opened = Run.open(run)
    assert (opened.config.train, opened.config.model) == (train, model)


@pytest.mark.parametrize("command", ["train", "study"])
@pytest.mark.parametrize(("kind", "field"), [("dense", "kl_weight"), ("conv", "kl_warmup")])
def test_a_weight_or_a_warm_up_without_a_divergence_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, kind: str, field: str
) -> None:
    run, option = tmp_path / "run", f"--{field.replace('_', '-')}"
    line = refusal(capsys, command, "--run-dir", run, "--architecture", kind, option, 4)
    assert f"{field} is 4, but model ae has no divergence; leave {field} out" in line
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


@pytest.mark.usefixtures("no_figures")
def test_without_a_run_dir_the_run_is_named_after_data_and_time(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert jaxae("train", "--data-dir", blobs, "--dataset", "a/b", *SMALL) == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"a-b-\d{8}-\d{6}", run.name)
    assert Run.open(run).config.data.name == "a/b"


def test_runs_started_in_the_same_second_get_different_folders(
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


@pytest.mark.parametrize("name", ["../../up", "/root", "[red]", "a\nb\x1b[2J", "x" * 300, "$(id)"])
@pytest.mark.slow
def test_a_data_sets_name_is_neither_a_path_nor_markup(
    blobs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    (tmp_path / "here" / "now").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "now")
    monkeypatch.setattr("jaxae.drawing.AFTER_TRAINING", ("curve",))
    options = ("--epochs", 1, "--hidden-dim", 2)
    assert jaxae("train", "--data-dir", blobs, "--dataset", name, *options) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{printable(name)}: 300 training images")
    (run,) = Path("runs").iterdir()
    assert re.fullmatch(r"[\w.+-]+", run.name)
    assert Run.open(run).config.data.name == name
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


@pytest.mark.usefixtures("no_figures")
@pytest.mark.slow
def test_the_seed_determines_the_parameters_bit_for_bit(
    trained: Path, blobs: Path, tmp_path: Path
) -> None:
    for name, seed in (("same", 0), ("other", 1)):
        run = tmp_path / name
        assert jaxae("train", "--data-dir", blobs, *SMALL, "--seed", seed, "--run-dir", run) == 0
    assert parameters(tmp_path / "same") == parameters(trained)
    assert parameters(tmp_path / "other") != parameters(trained)


# Existing folders.


def test_an_existing_run_is_not_overwritten(
    run: Path, blobs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ("--data-dir", blobs, *SMALL, "--run-dir", run)
    line = refusal(capsys, "train", *args, unchanged=run)
    assert str(run) in line and "--overwrite" in line


@pytest.mark.usefixtures("no_figures")
@pytest.mark.slow
def test_overwrite_replaces_the_whole_run(run: Path, blobs: Path) -> None:
    (run / "figures" / "old.png").write_text("of the old run")
    args = ("--epochs", 1, "--hidden-dim", 8, "--run-dir", run, "--overwrite")
    assert jaxae("train", "--data-dir", blobs, *args) == 0
    assert Run.open(run).config.model.hidden_dim == 8
    assert [row.epoch for row in Run.open(run).history()] == [1]
    assert not (run / "figures" / "old.png").exists()


@pytest.mark.parametrize("option", [(), ("--overwrite",)])
def test_a_folder_with_other_files_is_never_deleted(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, ...]
) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    args = ("--data-dir", blobs, *SMALL, "--run-dir", folder, *option)
    assert str(folder) in refusal(capsys, "train", *args, unchanged=folder)


@pytest.mark.parametrize(
    "wrong", [("--epochs", 0), ("--dataset", "./nowhere"), ("--device", "tpu"), ("--bogus",)]
)
def test_overwrite_deletes_nothing_if_another_argument_is_wrong(
    run: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[object, ...]
) -> None:
    refusal(capsys, "train", "--run-dir", run, "--overwrite", *wrong, unchanged=run)


# Training that ends early.


@pytest.mark.slow
def test_a_run_that_diverges_still_opens(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    args = ("--data-dir", blobs, *SMALL, "--learning-rate", "1e30", "--run-dir", run)
    assert jaxae("train", *args) == 2
    kept, reason = capsys.readouterr().err.splitlines()
    assert str(run) in kept and "epoch 0" in kept
    assert "nan" in reason and "epoch 1" in reason and "learning rate (1e+30)" in reason
    for values in parameters(run):
        assert np.isfinite(np.frombuffer(values, np.float32)).all()
    assert jaxae("figures", run, "--only", "latent") == 0


# Figures.


@pytest.mark.slow
def test_figures_are_drawn_into_another_folder(trained: Path, tmp_path: Path) -> None:
    before, out = contents(trained), tmp_path / "new" / "folder"
    assert jaxae("figures", trained, "--format", "pdf", "--out", out) == 0
    drawn = contents(out)
    assert drawn.keys() == {f"{name}.pdf" for name in ALL_FIGURES}
    assert all(content.startswith(b"%PDF") for content, _ in drawn.values())
    assert contents(trained) == before


def test_figures_go_to_the_run_by_default(run: Path) -> None:
    shutil.rmtree(run / "figures")
    assert jaxae("figures", run, "--only", "grid", "curve") == 0
    assert contents(run / "figures").keys() == {"grid.png", "curve.png"}


def test_the_box_of_the_cloud_gives_another_grid(trained: Path, tmp_path: Path) -> None:
    options = ("--only", "grid", "--box=cloud")
    assert jaxae("figures", trained, "--out", tmp_path, *options) == 0
    assert (tmp_path / "grid.png").read_bytes() != (trained / "figures/grid.png").read_bytes()


def test_resuming_a_finished_run_draws_missing_figures(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curve = run / "figures" / "curve.png"
    before = curve.read_bytes()
    curve.unlink()
    assert jaxae("train", "--run-dir", run, "--resume") == 0
    assert [line for line in capsys.readouterr().out.splitlines() if "figures/" in line] == [
        str(curve)
    ]
    assert curve.read_bytes() == before


def test_figures_of_changed_data_are_refused(
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
