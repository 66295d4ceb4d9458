"""`jaxae import`: runs made from safetensors files, valid and invalid."""

import dataclasses
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy

from jaxae import ModelConfig, Run, TrainConfig, decode, encode
from jaxae.interchange import safetensors as format_safetensors
from jaxae.runs.recorder import Recorder
from tests.commands import jaxae
from tests.exported import batch, config_of, parameters, random_model, write_run
from tests.kinds import KINDS


@pytest.fixture(scope="module", params=KINDS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each kind of model."""
    path = tmp_path_factory.mktemp("runs") / "run"
    write_run(path, KINDS[request.param])
    return path


def test_exporting_and_importing_a_run_keeps_every_bit(run: Path, tmp_path: Path) -> None:
    file, again = tmp_path / "model.safetensors", tmp_path / "deep" / "again"
    assert jaxae("export", run, "--format", "safetensors", "--out", file) == 0
    assert jaxae("import", file, again) == 0
    old, new = Run.open(run), Run.open(again)
    assert (new.config.model, new.config.train, new.config.data) == (
        *(old.config.model, old.config.train, old.config.data),
    )
    assert new.history() == []
    assert json.loads((again / "config.json").read_text())["imported_from"] == file.name
    was, now = old.load_model(), new.load_model()
    assert type(now) is type(was)
    assert parameters(now) == parameters(was)
    images = batch(5, 8, 6)
    np.testing.assert_array_equal(encode(now, images), encode(was, images), strict=True)
    np.testing.assert_array_equal(decode(now, batch(5, 2)), decode(was, batch(5, 2)), strict=True)


def test_exporting_an_imported_run_gives_the_same_file(run: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert jaxae("export", run, "--format", "safetensors", "--out", first) == 0
    assert jaxae("import", first, tmp_path / "again") == 0
    assert jaxae("export", tmp_path / "again", "--format", "safetensors", "--out", second) == 0
    assert first.read_bytes() == second.read_bytes()


def whole_file(tmp_path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the metadata of a valid file."""
    config = ModelConfig(hidden_dim=4)
    file = tmp_path / "whole"
    format_safetensors.write(file, random_model(config, (8, 6)), config_of(config, (8, 6)))
    with safetensors.safe_open(file, framework="numpy") as opened:
        (about,) = opened.metadata().values()
    return safetensors.numpy.load_file(file), json.loads(about)


def section(name: str, **changes: object) -> dict[str, Any]:
    return {name: dataclasses.asdict(config_of(ModelConfig(hidden_dim=4), (8, 6)))[name] | changes}


@pytest.mark.parametrize(
    ("arrays", "about", "said"),
    [
        ({}, None, r"hidden_dim 4 .* 28×28 has 3,144 .* pass --like RUN"),
        ({"encoder.latent.weight": None}, None, "encoder.latent.weight is missing.*jaxae export"),
        ({"encoder.hidden.weight": np.zeros((), np.float32)}, None, "hidden_dim is 0"),
        ({}, "", "Expecting value"),
        ({}, "[]", "list"),
        ({}, "[" * 100_000, "recursion"),
        ({}, {"layout": 2}, "layout 2.*reads 1"),
        ({}, {"model": None}, "NoneType"),
        ({}, section("model", model="gan"), "'gan'.*ae, vae"),
        ({}, section("model", architecture="flat"), "'flat'.*dense, conv"),
        ({}, section("model", hidden_dim=[]), "hidden_dim has 0 numbers"),
        ({}, section("model", hidden_dim=[1] * 10**5), "hidden_dim has 100000 numbers"),
        ({}, section("model", hidden_dim=[4, 3]), r"encoder\.deeper\.0\.weight missing"),
        ({}, section("model", hidden_dim=[4, 10**15, 10**15]), "has .* parameters"),
        ({}, section("model", model="vae"), "encoder.log_variance"),
        ({}, section("model", hidden_dim=5), r"\(5"),
        ({}, section("model", hidden_dim=10**30), "has 5,?0.* parameters"),
        ({}, section("model", latent_dim=2**40), "has .* parameters"),
        ({}, section("data", image_shape=[2**20, 2**20]), "has .* parameters"),
        ({}, section("data", image_shape=[8, -6]), "does not describe a data set"),
        ({}, section("train", learning_rate=-1), "learning_rate is -1"),
        ({"decoder.hidden.bias": None}, {}, "decoder.hidden.bias missing for a dense ae"),
        (
            {"decoder.more.bias": np.zeros(3, np.float32)},
            {},
            "decoder.more.bias unknown for a dense ae",
        ),
        ({"decoder.hidden.bias": np.zeros(4, np.float16)}, {}, "decoder.hidden.bias is F16"),
        ({"decoder.hidden.bias": np.zeros((2, 2), np.float32)}, {}, r"\(2, 2\).*\(4,\)"),
        ({"decoder.hidden.bias": np.zeros(400, np.float32)}, {}, r"\(400,\).*\(4,\)"),
    ],
)
def test_an_invalid_file_is_refused_and_creates_no_run(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arrays: dict[str, Any],
    about: dict[str, Any] | str | None,
    said: str,
) -> None:
    whole, sections = whole_file(tmp_path)
    text = json.dumps(sections | about) if isinstance(about, dict) else about
    file = tmp_path / "changed.safetensors"
    safetensors.numpy.save_file(
        {name: array for name, array in (whole | arrays).items() if array is not None},
        file,
        None if text is None else {"jaxae": text},
    )
    assert jaxae("import", file, tmp_path / "runs" / "run") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"jaxae: {file}: ") and re.search(said, line)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_saved_again_by_pytorch_gives_the_same_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    torch = pytest.importorskip("safetensors.torch")
    # Parameters do not show their activation.
    config = dataclasses.replace(KINDS[kind], activation="relu")
    model = random_model(config, (28, 28))
    format_safetensors.write(tmp_path / "whole", model, config_of(config, (28, 28)))
    torch.save_file(torch.load_file(tmp_path / "whole"), tmp_path / "again")
    assert jaxae("import", tmp_path / "again", tmp_path / "run") == 0
    run = Run.open(tmp_path / "run")
    assert (run.config.model, run.config.train) == (config, TrainConfig())
    assert (run.config.data.name, run.config.data.image_shape, run.config.data.train_examples) == (
        *("mnist", (28, 28), 60_000),
    )
    assert parameters(run.load_model()) == parameters(model)
    (said,) = caplog.messages
    for part in ("again does not say", f"assuming {config} of mnist", "default"):
        assert part in said


def test_a_file_written_before_there_were_architectures_is_read(tmp_path: Path) -> None:
    file, config = tmp_path / "model", KINDS["conv"]
    model = random_model(config, (8, 6))
    format_safetensors.write(file, model, config_of(config, (8, 6)))
    with safetensors.safe_open(file, framework="numpy") as opened:
        about = json.loads(opened.metadata()["jaxae"])
    about["model"] = {"latent_dim": 2, "hidden_dim": 16, "model": "conv"}
    arrays = safetensors.numpy.load_file(file)
    safetensors.numpy.save_file(arrays, file, {"jaxae": json.dumps(about)})
    again, opened_config = format_safetensors.read(file)
    assert opened_config.model == config
    assert parameters(again) == parameters(model)


def test_settings_missing_from_a_file_are_taken_from_a_run(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert jaxae("export", run, "--format", "safetensors", "--out", tmp_path / "whole") == 0
    arrays = safetensors.numpy.load_file(tmp_path / "whole")
    safetensors.numpy.save_file(arrays, tmp_path / "again", {"format": "pt"})
    assert jaxae("import", tmp_path / "again", tmp_path / "new", "--like", run) == 0
    was, now = Run.open(run), Run.open(tmp_path / "new")
    for name in ("model", "train", "data"):
        assert getattr(now.config, name) == getattr(was.config, name)
    assert parameters(now.load_model()) == parameters(was.load_model())
    assert not caplog.messages


def test_import_refuses_a_folder_that_is_not_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole_file(tmp_path)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text").write_text("precious")
    assert jaxae("import", tmp_path / "thesis", tmp_path / "run") == 2
    assert f"{tmp_path / 'thesis'} is a folder" in capsys.readouterr().err
    for there in (tmp_path / "thesis", tmp_path / "whole"):
        assert jaxae("import", tmp_path / "whole", there) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{there} exists already" in line
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["text"]


def test_an_imported_run_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    whole_file(tmp_path)
    before = os.umask(0o077)
    try:
        assert jaxae("import", tmp_path / "whole", tmp_path / "runs" / "run") == 0
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "runs").rglob("*")]
    assert modes and not any(mode & 0o077 for mode in modes)


def test_an_imported_run_cannot_be_resumed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jaxae("export", run, "--format", "safetensors", "--out", tmp_path / "x") == 0
    assert jaxae("import", tmp_path / "x", tmp_path / "again") == 0
    capsys.readouterr()
    assert jaxae("train", "--run-dir", tmp_path / "again", "--resume") == 2
    assert "was imported from x" in capsys.readouterr().err


def test_a_failed_import_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_file(tmp_path)

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Recorder, "close", full)
    assert jaxae("import", tmp_path / "whole", tmp_path / "run") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
