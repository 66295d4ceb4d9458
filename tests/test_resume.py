"""Resuming: what is kept, what continues bit for bit, and what is refused."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxae import (
    Dataset,
    Epoch,
    EpochMetrics,
    ModelConfig,
    Run,
    TrainConfig,
    create_model,
    decode,
    draw,
    fit,
    load_dataset,
    verify,
)
from jaxae.drawing.provenance import parameters_hash, read_provenance
from jaxae.drawing.source import Source
from jaxae.runs.checkpoints import saved_numbers
from tests.commands import contents, edit_config, jaxae, leaves, refusal, resumed
from tests.idx_files import write_blobs

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_figures")]


def resume(run: Path, *options: object) -> None:
    assert jaxae("train", f"--run-dir={run}", "--resume", *options) == 0


def rows(run: Path) -> list[tuple[int, float, float]]:
    return [(row.epoch, row.train_loss, row.test_loss) for row in Run.open(run).history()]


def outcome(run: Path) -> tuple[list[bytes], list[tuple[int, float, float]]]:
    state = resumed(run)
    return [leaf.tobytes() for leaf in leaves(state)], rows(run)


@pytest.fixture(scope="module")
def whole(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 6 epochs with checkpoints after 2, 4 and 6, not to be changed."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    args = ("--epochs=6", "--hidden-dim=16", "--checkpoint-every=2", "--keep=3")
    assert jaxae("train", f"--data-dir={blobs}", f"--run-dir={run}", *args) == 0
    return run


@pytest.fixture
def stopped(whole: Path, tmp_path: Path) -> Path:
    """A copy of the run as it was after the row of epoch 5 had been written."""
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    shutil.rmtree(run / "checkpoints" / "6")
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:5]))
    return run


def refused(capsys: pytest.CaptureFixture[str], run: Path, *args: object) -> str:
    """Try to resume a run, which must change nothing; return the one line that it prints."""
    return refusal(capsys, "train", f"--run-dir={run}", "--resume", *args, unchanged=run)


# In Python, from a state.


@pytest.mark.accelerator
@pytest.mark.parametrize("schedule", ["constant", "onecycle"])
@pytest.mark.parametrize("model", ["ae", "vae"])
def test_fit_continues_from_a_state_bit_for_bit(tiny: Dataset, schedule: Any, model: Any) -> None:
    config = TrainConfig(
        epochs=4,
        batch_size=64,
        schedule=schedule,
        input_noise=0.1,
        kl_warmup=3 if model == "vae" else 0,
    )
    architecture = ModelConfig(hidden_dim=8, model=model)
    epochs: list[Epoch] = []
    at_once = create_model(architecture, tiny.image_shape, 0)
    fit(at_once, tiny, config, on_epoch=epochs.append)

    state = epochs[1].state
    before = [leaf.copy() for leaf in leaves(state)]
    resumed: list[Epoch] = []
    # With another seed, since the state holds all that matters.
    in_two = create_model(architecture, tiny.image_shape, 5)
    history = fit(in_two, tiny, config, state=state, on_epoch=resumed.append)

    assert [row.epoch for row in history] == [3, 4]
    for now, wanted in zip(leaves(resumed[-1].state), leaves(epochs[-1].state), strict=True):
        np.testing.assert_array_equal(now, wanted)
    np.testing.assert_equal(leaves(state), before)  # Not consumed.
    x = jnp.asarray(tiny.test.images[0] / 255)
    np.testing.assert_array_equal(in_two(x), at_once(x))


def test_fit_from_a_finished_state_trains_nothing_and_takes_its_parameters(tiny: Dataset) -> None:
    epochs: list[Epoch] = []
    architecture, config = ModelConfig(hidden_dim=8), TrainConfig(epochs=1)
    trained = create_model(architecture, tiny.image_shape, 0)
    fit(trained, tiny, config, on_epoch=epochs.append)
    other = create_model(architecture, tiny.image_shape, 1)
    assert fit(other, tiny, config, state=epochs[-1].state) == []
    x = jnp.asarray(tiny.test.images[0] / 255)
    np.testing.assert_array_equal(other(x), trained(x))


# Checkpoints.


@pytest.mark.parametrize("validation", [0, 60])
def test_the_last_and_the_best_checkpoints_are_kept(
    blobs: Path, tmp_path: Path, validation: int
) -> None:
    run = tmp_path / "run"
    # With this learning rate the loss soon gets worse.
    args = ("--epochs=9", "--learning-rate=1", "--seed=3", "--hidden-dim=16")
    often = ("--checkpoint-every=1", "--keep=2", f"--validation={validation}")
    assert jaxae("train", f"--data-dir={blobs}", f"--run-dir={run}", *args, *often) == 0
    opened = Run.open(run)
    if not validation:
        assert all(row.validation_loss is None for row in opened.history())
        assert saved_numbers(run / "checkpoints") == [8, 9]
        return
    losses = {row.epoch: row.validation_loss or np.inf for row in opened.history()}
    best = min(losses, key=lambda epoch: losses[epoch])
    assert best < 8, "the test needs a run whose best epoch is early"
    assert saved_numbers(run / "checkpoints") == [best, 8, 9]

    def validation_loss(model: nnx.Module) -> float:
        rows = np.random.RandomState(0).permutation(300)[:validation]
        images = np.asarray(load_dataset(blobs).train.images)[rows] / np.float32(255)
        x_hat = np.asarray(jax.vmap(model)(images))
        return float(np.sum((x_hat - images) ** 2) / len(images))

    assert validation_loss(opened.load_model("best")) == pytest.approx(losses[best], rel=1e-4)
    assert validation_loss(opened.load_model()) == pytest.approx(losses[9], rel=1e-4)


def test_checkpoints_are_saved_at_the_interval_and_at_the_end(whole: Path, stopped: Path) -> None:
    assert saved_numbers(whole / "checkpoints") == [2, 4, 6]
    resume(stopped, "--epochs=7", "--checkpoint-every=5", "--keep=9")
    assert saved_numbers(stopped / "checkpoints") == [2, 4, 5, 7]


def test_any_checkpoint_can_be_used(whole: Path, tmp_path: Path) -> None:
    z, images = tmp_path / "z.npy", tmp_path / "images.npy"
    np.save(z, np.linspace(-2, 2, 6, dtype=np.float32).reshape(3, 2))
    assert jaxae("decode", whole, z, images, "--checkpoint", 4) == 0
    model = Run.open(whole).load_model(4)
    np.testing.assert_array_equal(np.load(images), decode(model, np.load(z)))

    figure = tmp_path / "curve.png"
    draw("curve", [Source(whole, checkpoint=4)], figure)
    (source,) = read_provenance(figure)["sources"]
    assert source["runs"][0]["parameters"] == parameters_hash(model)
    assert parameters_hash(model) != parameters_hash(Run.open(whole).load_model())
    assert verify(figure) == []


@pytest.mark.parametrize(
    "command",
    [
        "figures RUN",
        "report RUN",
        "encode RUN in out",
        "decode RUN in out",
        "export RUN --format onnx --out out",
    ],
)
def test_a_missing_checkpoint_is_answered_with_those_saved(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    words = [
        {"RUN": str(whole), "out": str(tmp_path / "out")}.get(word, word)
        for word in command.split()
    ]
    line = refusal(capsys, *words, "--checkpoint", 3)
    assert f"{whole} has no checkpoint of epoch 3; expected newest, best or one of 2, 4, 6" in line
    assert list(tmp_path.iterdir()) == []


# On the command line.


@pytest.mark.parametrize(
    "tail",
    [b"", b'{"epoch": 6, "train_lo', b'{"epoch": 6}\n', b"\x00\xff\n", b"\n", b"[" * 100_000],
)
def test_rows_after_the_checkpoint_are_rewritten(stopped: Path, whole: Path, tail: bytes) -> None:
    with (stopped / "metrics.jsonl").open("ab") as file:
        file.write(tail)
    resume(stopped)
    assert outcome(stopped) == outcome(whole)


def test_a_damaged_row_falls_back_to_the_checkpoint_before_it(
    stopped: Path, whole: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (stopped / "metrics.jsonl").read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace("3", "x", 1)
    (stopped / "metrics.jsonl").write_text("".join(lines))
    resume(stopped)
    (message,) = caplog.messages
    assert f"{stopped / 'metrics.jsonl'} has 2 intact rows" in message
    assert "resuming after epoch 2" in capsys.readouterr().out
    assert outcome(stopped) == outcome(whole)


def test_a_run_without_a_checkpoint_starts_over(stopped: Path, whole: Path) -> None:
    shutil.rmtree(stopped / "checkpoints")
    resume(stopped)
    assert outcome(stopped) == outcome(whole)


def test_a_run_with_epochs_added_equals_one_that_had_them_from_the_start(
    whole: Path, blobs: Path, tmp_path: Path
) -> None:
    run, longer = Path(shutil.copytree(whole, tmp_path / "run")), tmp_path / "longer"
    resume(run, "--epochs=8")
    args = ("--epochs=8", "--hidden-dim=16")
    assert jaxae("train", f"--data-dir={blobs}", f"--run-dir={longer}", *args) == 0
    assert outcome(run) == outcome(longer)
    assert Run.open(run).config.train == Run.open(longer).config.train


def test_resuming_a_finished_run_changes_nothing(
    whole: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # This needs neither data nor training.
    for name in ("jaxae.load_dataset", "jaxae.fit"):
        monkeypatch.setattr(name, None)
    monkeypatch.setattr(Run, "load_dataset", None)
    before = contents(whole)
    resume(whole)
    out, err = capsys.readouterr()
    assert f"{whole} is finished, with 6 epochs" in out and err == ""
    assert contents(whole) == before


def test_fewer_epochs_end_sooner(
    stopped: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resume(stopped, "--epochs=5")
    assert rows(stopped) == rows(whole)[:5]
    # A command line with fewer epochs finds the run finished, and removes none.
    resume(stopped, "--epochs=2")
    assert "is finished, with 5 epochs" in capsys.readouterr().out
    assert Run.open(stopped).config.train.epochs == 5
    resume(stopped, "--epochs=6")
    assert outcome(stopped) == outcome(whole)


def test_data_that_moved_is_found_by_data_dir(
    stopped: Path, whole: Path, blobs: Path, tmp_path: Path
) -> None:
    edit_config(stopped, "data", source=str(tmp_path / "gone"))
    resume(stopped, f"--data-dir={blobs}")
    assert outcome(stopped) == outcome(whole)
    assert Run.open(stopped).config.data == Run.open(whole).config.data


@pytest.mark.parametrize(
    "options",
    [
        "--stream --checkpoint-steps=2 --devices=2",
        "--model=vae --kl-weight=2 --input-noise=.1 --precision=bfloat16 --seed=3 --box=cloud",
        "--schedule=onecycle --learning-rate=4e-3 --epochs=8 --batch-size=64 --tensorboard",
        "--dataset=mini --device=cpu --checkpoint-every=1 --keep=9 --overwrite",
    ],
)
def test_the_command_line_that_started_a_run_resumes_it(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    monkeypatch.setattr("jaxae.fit", lambda *_, **__: [])
    monkeypatch.chdir(blobs.parent)
    line = (f"--data-dir={blobs.name}", f"--run-dir={tmp_path / 'run'}", *options.split())
    assert jaxae("train", *line) == 0
    began = Run.open(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert jaxae("train", *line, f"--data-dir={blobs}", "--resume") == 0
    assert Run.open(tmp_path / "run") == began
    resume(tmp_path / "run")  # It keeps everything except the devices.
    assert dataclasses.replace(Run.open(began.path), environment=began.environment) == began


def test_a_finished_run_records_where_its_data_moved(
    whole: Path, blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    moved = Path(shutil.copytree(blobs, tmp_path / "moved"))
    resume(run, f"--data-dir={moved}")
    assert "is finished" in capsys.readouterr().out
    assert Run.open(run).config.data.source == str(moved)
    assert Run.open(run).environment == Run.open(whole).environment
    other = tmp_path / "other"
    write_blobs(other, seed=1)
    assert "checksum" in refused(capsys, run, f"--data-dir={other}")


def test_a_change_of_environment_is_reported_and_recorded(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_config(stopped, "versions", jax="0.1.2", numpy="1.0")
    edit_config(stopped, "device", count=3)
    resume(stopped)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "bit for bit" in line)
    assert line.startswith(f"jax 0.1.2 → {jax.__version__}, number of devices 3 → 1: ")
    config = json.loads((stopped / "config.json").read_text())
    (entry,) = config["resumed"]
    assert config["versions"]["jax"] == "0.1.2" and config["device"]["count"] == 3
    assert entry["versions"]["jax"] == jax.__version__
    assert (entry["epoch"], entry["device"]["count"]) == (4, 1)

    # It is reported once: the next time, nothing has changed.
    resume(stopped, "--epochs=7")
    assert "bit for bit" not in capsys.readouterr().out
    assert json.loads((stopped / "config.json").read_text())["resumed"] == [entry]


def test_a_run_from_a_missing_platform_asks_for_a_device(
    stopped: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_config(stopped, "device", platform="gpu", kind="A100")
    line = refused(capsys, stopped)
    assert "was trained on gpu" in line and "pass --device cpu" in line
    resume(stopped, "--device=cpu", "--devices=1")
    assert "device A100 → cpu" in capsys.readouterr().out
    assert outcome(stopped) == outcome(whole)


def test_a_resumed_run_keeps_writing_for_tensorboard(
    stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boards: list[list[int]] = []

    class Board:
        def __init__(self, folder: Path, history: list[EpochMetrics]):
            folder.mkdir(exist_ok=True)
            boards.append([row.epoch for row in history])

        def log(self, row: EpochMetrics) -> None:
            boards[-1].append(row.epoch)

        def close(self) -> None:
            pass

    monkeypatch.setattr("jaxae.runs.TensorBoard", Board)
    resume(stopped, "--tensorboard")
    resume(stopped, "--epochs=7")
    assert boards == [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7]]


# What is refused.

OTHERS = {
    "batch_size": 64,
    "learning_rate": 0.1,
    "schedule": "onecycle",
    "seed": 1,
    "kl_weight": 2.0,
    "input_noise": 0.5,
    "latent_dim": 3,
    "hidden_dim": 17,
    "model": "vae",
    "architecture": "conv",
    "activation": "gelu",
    "precision": "bfloat16",
    "likelihood": "normal",
    "binarize": True,
    "kl_warmup": 1,
    "flatten": 0.5,
    "stream": True,
    "validation": 30,
}


def test_every_setting_is_tried() -> None:
    fields = {*dataclasses.fields(TrainConfig), *dataclasses.fields(ModelConfig)}
    assert {field.name for field in fields} - {"epochs"} == OTHERS.keys()


@pytest.mark.parametrize(("name", "value"), OTHERS.items())
def test_a_different_setting_is_refused_by_name(
    stopped: Path, capsys: pytest.CaptureFixture[str], name: str, value: object
) -> None:
    option = (f"--{name.replace('_', '-')}", *(() if value is True else (value,)))
    line = refused(capsys, stopped, *option)
    assert line.startswith(f"jaxae: {' '.join(map(str, option))} would change the result")


def test_an_option_given_with_its_default_is_not_ignored(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    default = ModelConfig().hidden_dim
    assert "was started with 16" in refused(capsys, stopped, "--hidden-dim", default)
    assert "--hidden-dim 16 8 would change" in refused(capsys, stopped, "--hidden-dim", 16, 8)
    resume(stopped, "--hidden-dim=16", "--seed=0")


def test_more_epochs_of_a_fixed_schedule_are_refused(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    args = ("--epochs=2", "--hidden-dim=16", "--schedule=onecycle")
    assert jaxae("train", f"--data-dir={blobs}", f"--run-dir={run}", *args) == 0
    line = refused(capsys, run, "--epochs", 3)
    assert "--epochs 3 would change" in line and "covers 2 epochs" in line


def test_changed_data_are_refused(
    stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    write_blobs(other, seed=1)
    line = refused(capsys, stopped, "--data-dir", other)
    assert str(other) in line and "checksum" in line


def test_resume_without_the_runs_folder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--run-dir" in refusal(capsys, "train", "--resume")


def test_a_folder_with_a_backslash_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, "train", f"--run-dir={tmp_path / 'back'}\\slash", "--epochs=1")
    assert "has a backslash in its path" in line
    assert list(tmp_path.iterdir()) == []
