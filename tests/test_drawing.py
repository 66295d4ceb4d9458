"""Figures of runs, and the provenance in their files."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import jaxae
from jaxae import ModelConfig
from jaxae.cli.app import main
from jaxae.drawing import rendering
from jaxae.drawing.options import Options
from jaxae.drawing.provenance import metadata_for, parameters_hash, read_provenance
from jaxae.drawing.registry import FIGURES
from jaxae.drawing.source import Source
from tests.idx_files import write_blobs

SMALL = ("--epochs", "2", "--hidden-dim", "16")
OF_ONE_RUN = {*FIGURES} - {"ae_vae", "seeds"}


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
@pytest.mark.slow
def test_a_file_has_its_provenance_and_is_redrawn_identically(
    runs: Path, tmp_path: Path, suffix: str
) -> None:
    run = Path(shutil.copytree(runs / "ae", tmp_path / "run"))
    file = run / "figures" / f"grid.{suffix}"
    jaxae.draw("grid", [Source(run)], file, box="cloud")
    said = read_provenance(file)
    assert said["figure"] == "grid" and said["options"] == {"box": "cloud"}
    (source,) = said["sources"]
    opened = jaxae.Run.open(run)
    assert source["path"] == ".." and str(tmp_path) not in json.dumps(said)
    assert source["runs"][0]["config"]["train"]["seed"] == 0
    assert source["runs"][0]["config"]["data"]["checksum"] == opened.config.data.checksum
    assert source["runs"][0]["parameters"] == parameters_hash(opened.load_model())
    assert jaxae.verify(file) == []


@pytest.mark.slow
def test_verify_finds_changed_parameters_and_a_changed_picture(
    runs: Path, blobs: Path, tmp_path: Path, capsys: Any
) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs / "ae", run)
    file = run / "figures" / "latent.png"
    assert main(["figures", "--verify", str(file)]) == 0
    assert "the same" in capsys.readouterr().out
    with Image.open(file) as image:
        pixels, info = np.array(image), image.info
    pixels[200, 200] ^= 255
    from PIL.PngImagePlugin import PngInfo

    kept = PngInfo()
    kept.add_text("Description", info["Description"])
    Image.fromarray(pixels).save(file, pnginfo=kept)
    assert jaxae.verify(file) == ["the drawing differs"]
    options = ["--data-dir", str(blobs), "--run-dir", str(run), "--overwrite", *SMALL]
    curve = runs / "ae" / "figures" / "curve.png"
    assert main(["train", "--seed", "1", *options]) == 0
    shutil.copy(curve, run / "figures" / "curve.png")
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["figures", "--verify", str(run / "figures" / "curve.png")])
    assert stop.value.code == 1
    assert "other settings or parameters" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg", "txt"])
def test_a_file_without_provenance_is_refused(tmp_path: Path, suffix: str, capsys: Any) -> None:
    file = tmp_path / f"x.{suffix}"
    file.write_bytes(b"neither picture nor text \xff\x00")
    assert main(["figures", "--verify", str(file)]) == 2
    error = capsys.readouterr().err
    assert str(file) in error and error.count("\n") == 1
    if suffix != "txt":
        Figure().savefig(file)
        assert main(["figures", "--verify", str(file)]) == 2
        assert "does not say" in capsys.readouterr().err


@pytest.mark.slow
def test_every_figure_of_one_run_is_drawn_in_every_format(runs: Path, tmp_path: Path) -> None:
    for format in ("png", "svg"):
        assert main(["figures", str(runs / "vae"), "--out", str(tmp_path), "--format", format]) == 0
        assert {path.stem for path in tmp_path.glob(f"*.{format}")} == OF_ONE_RUN


@pytest.mark.slow
def test_a_run_without_a_prior_says_so_and_draws_the_rest(
    runs: Path, tmp_path: Path, capsys: Any
) -> None:
    assert main(["figures", str(runs / "ae"), "--out", str(tmp_path)]) == 0
    assert "no prior" in capsys.readouterr().out
    assert {path.stem for path in tmp_path.iterdir()} == OF_ONE_RUN - {"prior"}


@pytest.mark.slow
def test_figures_of_two_runs(runs: Path, tmp_path: Path) -> None:
    both = [Source(runs / "ae"), Source(runs / "vae")]
    for name in ("ae_vae", "interpolation", "seeds"):
        jaxae.draw(name, both, tmp_path / f"{name}.png")
        assert jaxae.verify(tmp_path / f"{name}.png") == []
    with pytest.raises(ValueError, match="1 run was given; expected 2"):
        jaxae.draw("ae_vae", both[:1], tmp_path / "x.png")
    with pytest.raises(ValueError, match=f"expected one of {', '.join(FIGURES)}"):
        jaxae.draw("portrait", both[:1], tmp_path / "x.png")


def test_figures_takes_a_run_or_a_file_but_not_both(runs: Path, capsys: Any) -> None:
    assert main(["figures"]) == 2
    assert "expected a run's folder, or --verify" in capsys.readouterr().err
    assert main(["figures", str(runs / "ae"), "--verify", "x.png"]) == 2
    assert f"{runs / 'ae'} and --verify x.png were given" in capsys.readouterr().err


def test_provenance_names_the_parameters_that_were_drawn(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is read once: changes between drawing and writing have no effect."""
    run = Path(shutil.copytree(runs / "ae", tmp_path / "run"))
    expected = parameters_hash(jaxae.Run.open(run).load_model())
    curve = FIGURES["curve"]

    def drawn_then_removed(*args: Any) -> Figure:
        figure = curve.function(*args)
        shutil.rmtree(run)
        return figure

    monkeypatch.setitem(FIGURES, "curve", curve._replace(function=drawn_then_removed))
    source = Source(run, data=jaxae.Run.open(run).load_dataset())
    for name in ("curve", "latent"):
        jaxae.draw(name, [source], tmp_path / f"{name}.png")
        (said,) = read_provenance(tmp_path / f"{name}.png")["sources"]
        assert said["runs"][0]["parameters"] == expected


def test_folders_and_files_may_be_strings(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    jaxae.draw("grid", [str(runs / "ae")], "grid.png")
    assert jaxae.verify("grid.png") == []
    jaxae.save_figure(Figure(), "empty.svg")
    assert (tmp_path / "empty.svg").is_file()


def test_data_that_moved_are_found_with_data_dir(
    runs: Path, blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = Path(shutil.copytree(runs / "ae", tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    config["data"]["source"] = str(tmp_path / "gone")
    (run / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr("jaxae.drawing.figures_for", lambda _: ("grid",))
    figure = run / "figures" / "latent.png"
    write_blobs(tmp_path / "other", seed=9)
    for command in (["report", str(run)], ["figures", str(run)], ["figures", "--verify", figure]):
        capsys.readouterr()
        assert main([*map(str, command)]) == 2
        assert re.search(
            "no such folder.*; if the data moved, pass --data-dir", capsys.readouterr().err
        )
        assert main([*map(str, command), "--data-dir", str(blobs)]) == 0
        assert main([*map(str, command), "--data-dir", str(tmp_path / "other")]) == 2
        assert re.search("other is not what .* was trained on", capsys.readouterr().err)


def test_verify_names_versions_that_changed(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jaxae.draw("curve", [runs / "ae"], tmp_path / "curve.png")
    versions = read_provenance(tmp_path / "curve.png")["versions"]
    later = {**versions, "flax": "99.1", "new": "1"}
    monkeypatch.setattr(rendering, "versions", lambda: later)
    was = versions["flax"]
    assert jaxae.verify(tmp_path / "curve.png") == [
        f"flax is 99.1, was {was}",
        "new is 1, was None",
    ]


def test_verify_names_the_run_that_changed(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    both = [tmp_path / "runs" / kind for kind in ("ae", "vae")]
    file = tmp_path / "figures" / "seeds.png"
    jaxae.draw("seeds", both, file)
    found = [source["path"] for source in read_provenance(file)["sources"]]
    assert found == ["../runs/ae", "../runs/vae"]
    config = json.loads((both[1] / "config.json").read_text())
    config["train"]["learning_rate"] = 0.5
    (both[1] / "config.json").write_text(json.dumps(config))
    (problem,) = jaxae.verify(file)
    assert "runs/vae has other settings or parameters" in problem


@pytest.mark.parametrize("kind", ["ae", "vae"])
def test_a_figure_drawn_before_there_were_architectures_is_verified(
    runs: Path, tmp_path: Path, kind: str
) -> None:
    file, source = tmp_path / "curve.png", Source(runs / kind)
    jaxae.draw("curve", [source], file)
    said = read_provenance(file)
    del said["sources"][0]["runs"][0]["config"]["model"]["architecture"]
    rendering._write("curve", [source], Options(), file, metadata_for(".png", said))
    assert "architecture" not in str(read_provenance(file))
    assert jaxae.verify(file) == []


@pytest.mark.parametrize(
    ("model", "flatten", "expected"),
    [
        (ModelConfig(), 0, "autoencoder"),
        (ModelConfig(hidden_dim=(8, 4), model="vae"), 0, "variational"),
        (ModelConfig(architecture="conv"), 0, "convolutional"),
        (ModelConfig(model="vae", architecture="conv"), 0, "convolutional, variational"),
        (ModelConfig(), 0.1, "flattened"),
        (ModelConfig(model="vae"), 1, "variational, flattened"),
    ],
)
def test_a_model_is_named_by_its_architecture_and_objective(
    model: ModelConfig, flatten: float, expected: str, tmp_path: Path
) -> None:
    source = Source(tmp_path)
    config = SimpleNamespace(model=model, train=SimpleNamespace(flatten=flatten))
    source.runs = [SimpleNamespace(config=config)]  # type: ignore[list-item]
    assert source.name == expected
