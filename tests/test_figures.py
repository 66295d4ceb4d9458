"""The scripts of figures/: what they draw, and that they made the committed files."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from figures import draw, literature, table
from jaxae import FIGURES, Source
from jaxae.analysis import Verdict
from jaxae.drawing.provenance import read_provenance


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect the arguments of `jaxae.draw`, which draws nothing."""
    calls: list[Any] = []
    monkeypatch.setattr("jaxae.draw", lambda *args: calls.append(args))
    return calls


def run(script: Any, monkeypatch: pytest.MonkeyPatch, *args: object) -> None:
    monkeypatch.setattr(sys, "argv", [f"{script.__name__}.py", *map(str, args)])
    script.main()


@pytest.mark.parametrize("name", draw.PICTURES)
def test_a_committed_picture_was_drawn_from_the_runs_that_the_script_names(name: str) -> None:
    found = read_provenance(draw.FOLDER / f"{name}.png")
    assert found["figure"] == draw.figure_of(name)
    assert [source["path"] for source in found["sources"]] == [
        f"../runs/{run}" for run in draw.PICTURES[name]
    ]


def test_every_committed_picture_can_be_redrawn() -> None:
    found = {path.stem for path in draw.FOLDER.glob("*.png")}
    assert found == {*draw.PICTURES, "explorer"}
    assert {*map(draw.figure_of, draw.PICTURES)} <= set(FIGURES)


@pytest.mark.parametrize("names", [[], ["prior", "ae_vae", "prior"]])
def test_the_script_draws_all_pictures_or_those_named(
    names: list[str], calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(draw, monkeypatch, *names)
    names = names[:2] or list(draw.PICTURES)
    assert [(name, path) for name, _, path in calls] == [
        (draw.figure_of(name), draw.FOLDER / f"{name}.png") for name in names
    ]
    opened: dict[str, Source] = {}
    for _, sources, path in calls:
        assert [source.path for source in sources] == [
            draw.FOLDER.parent / "runs" / folder for folder in draw.PICTURES[path.stem]
        ]
        for folder, source in zip(draw.PICTURES[path.stem], sources, strict=True):
            assert opened.setdefault(folder, source) is source


def test_the_script_draws_from_other_runs_into_another_folder(
    calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(draw, monkeypatch, "prior", "--runs", "own", "--out", tmp_path)
    ((_, (source,), path),) = calls
    assert (source.path, path) == (Path("own/vae"), tmp_path / "prior.png")


@pytest.mark.parametrize(
    ("script", "args", "expected"),
    [
        (draw, ("portrait",), "unknown picture 'portrait'; expected some of latent, grid"),
        (draw, ("--runs", "nowhere"), "would replace the committed pictures; pass --out"),
        (draw, ("--runs", "nowhere", "--out", "x"), "nowhere/mnist is not a run"),
        (table, ("nowhere",), "would replace the committed tables; pass --out"),
        (table, ("nowhere", "--out", "x"), "nowhere is not a run"),
    ],
)
def test_a_script_refuses_in_one_line(
    script: Any,
    args: tuple[str, ...],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        run(script, monkeypatch, *args)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("script", [draw, table])
def test_the_help_of_a_script(script: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    with pytest.raises(SystemExit) as stop:
        run(script, monkeypatch, "--help")
    assert not stop.value.code and "--out DIR" in capsys.readouterr().out


def test_tables_of_other_studies_go_to_another_folder(
    study: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    committed, *_ = json.loads((table.FOLDER / "table.json").read_text()).values()
    for name in ("a", "b"):
        own = Path(shutil.copytree(study, tmp_path / name))
        (own / "report.json").write_text(json.dumps(committed))
    run(table, monkeypatch, tmp_path / "a", tmp_path / "b", "--out", tmp_path / "out")
    found = json.loads((tmp_path / "out/table.json").read_text())
    assert found == {"a": committed, "b": committed}
    with pytest.raises(SystemExit):
        run(table, monkeypatch, trained, "--out", tmp_path / "out")
    assert f"{trained} is a run; expected a study" in capsys.readouterr().err


def test_the_committed_tables_show_the_committed_numbers() -> None:
    reports = json.loads((table.FOLDER / "table.json").read_text())
    assert (table.FOLDER / "table.md").read_text() == table.markdown(reports)
    assert (table.FOLDER / "table.tex").read_text() == table.latex(reports)


def test_the_committed_table_of_the_literature_shows_the_committed_numbers() -> None:
    found = json.loads((table.FOLDER / "literature.json").read_text())
    assert (table.FOLDER / "literature.md").read_text() == literature.markdown(found)


def test_a_bar_ends_no_cell_in_markdown_and_symbols_are_commands_in_latex() -> None:
    number = {"value": -0.5, "low": None, "high": None}
    claim = Verdict("50 % of x_1 ≥ ¾", "p < 1", 1, 2)._asdict()
    reports = {"a": {"numbers": {"divergence": number}, "claims": [claim], "seeds": [0, 1]}}
    (row,) = (line for line in table.markdown(reports).splitlines() if "divergence" in line)
    cells = [cell.strip() for cell in row.replace(r"\|", "!").split("|")]
    assert cells == ["", "divergence", "-0.5", "nats", "KL(q(z!x) ‖ N(0, I)) per test image", ""]
    (row,) = (line for line in table.latex(reports).splitlines() if "50" in line)
    sentence, found, rule = (cell.strip() for cell in row.removesuffix(r"\\").split("&"))
    assert sentence == r"50 \% of x\_1 $\geq$ $3/4$"
    assert (found, rule) == ("1 of 2", r"p \ensuremath{<} 1")
