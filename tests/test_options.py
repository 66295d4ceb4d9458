"""The options of a figure: which are refused, and that a file with any of them is verified."""

import json
import shutil
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import jaxae
from jaxae.drawing import Options
from jaxae.drawing.provenance import read_provenance
from tests.commands import refusal


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"box": "big"}, "box is 'big'; expected one of cloud, lecture"),
        ({"classes": "cat"}, "classes is 'cat'; expected a list of names"),
        ({"classes": []}, "classes is empty"),
        ({"width": "poster"}, "width is 'poster'; expected column"),
        ({"palette": "tap10"}, "unknown palette 'tap10'; expected jaxae, .*; did you mean tab10"),
        (
            {"width": 100, "dpi": 301},
            "width and dpi give 30,100 pixels across; expected at most 30",
        ),
        ({"dpi": float("nan")}, "dpi is nan; expected 10 to 2400"),
    ],
)
def test_draw_refuses_an_option_before_it_reads_the_run(
    options: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=expected):
        jaxae.draw("latent", [tmp_path / "nowhere"], tmp_path / "latent.png", **options)


def test_draw_refuses_a_suffix_and_a_name(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"type '.gif' .*expected .png, .pdf, .svg"):
        jaxae.draw("latent", [tmp_path / "nowhere"], tmp_path / "latent.gif")
    with pytest.raises(ValueError, match=r"unknown figure 'seed'; .* did you mean seeds"):
        jaxae.draw("seed", [tmp_path / "nowhere"], tmp_path / "x.png")


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_a_file_is_the_same_under_any_style_of_the_user(
    runs: Path, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"out/interpolation.{suffix}"
    options: Any = {"classes": ["0", "2"], "palette": "tab10", "width": "slide", "dpi": 60}
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": "mine", "pdf.fonttype": 3}):
        jaxae.draw("interpolation", [runs / "ae", runs / "vae"], file, **options)
    assert read_provenance(file)["options"] == options
    with plt.style.context("dark_background"):
        assert jaxae.verify(file) == []
        assert mpl.rcParams["axes.facecolor"] == "black"
    with pytest.raises(ValueError, match="is not a run"):
        shutil.move(file, tmp_path / file.name)
        jaxae.verify(tmp_path / file.name)


def test_dpi_is_that_of_the_file(runs: Path, tmp_path: Path) -> None:
    for dpi in (100, 200):
        jaxae.draw("curve", [runs / "ae"], tmp_path / f"{dpi}.png", dpi=dpi)
    few, many = (plt.imread(tmp_path / f"{dpi}.png").shape for dpi in (100, 200))
    assert many[:2] == pytest.approx(np.multiply(few[:2], 2), abs=1)


@pytest.mark.parametrize(("fit_box", "box"), [(True, "cloud"), (False, "lecture")])
def test_a_file_of_an_earlier_version_is_verified(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fit_box: bool, box: Any
) -> None:
    monkeypatch.setattr(Options, "as_json", lambda _: {"fit_box": fit_box})
    jaxae.draw("grid", [runs / "vae"], tmp_path / "grid.png", box=box)
    assert read_provenance(tmp_path / "grid.png")["options"] == {"fit_box": fit_box}
    assert jaxae.verify(tmp_path / "grid.png") == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"options": {"glow": 1}}, "option 'glow' is unknown; expected box, classes, palette"),
        ({"options": {"width": "poster"}}, "width is 'poster'; expected column"),
        ({"options": {"dpi": "many"}}, ""),
        ({"figure": "hologram"}, "figure 'hologram' is unknown"),
    ],
)
def test_a_file_of_a_later_version_is_refused(
    runs: Path, tmp_path: Path, capsys: Any, changes: dict[str, Any], reason: str
) -> None:
    file = tmp_path / "curve.png"
    versions = {"jaxae": "9"}
    said = {"figure": "curve", "options": {}, "sources": [], "versions": versions, **changes}
    Figure().savefig(file, metadata={"Description": json.dumps(said)})
    line = refusal(capsys, "figures", "--verify", file)
    assert f"{file} has provenance in a format that this version does not read: {reason}" in line


def test_options_survive_the_file() -> None:
    options = Options("cloud", ("a", "b"), "tab10", 4.5, 72)
    assert Options.from_json(json.loads(json.dumps(options.as_json()))) == options
    assert Options().as_json() == {}
