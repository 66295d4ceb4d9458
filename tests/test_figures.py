"""The scripts of figures/: what they draw, and that they made the committed files."""

import json
import sys
from typing import Any

import pytest

from figures import draw, table
from jaxae import FIGURES, Source
from jaxae.drawing.provenance import read_provenance


@pytest.mark.parametrize("name", draw.PICTURES)
def test_a_committed_picture_was_drawn_from_the_runs_that_the_script_names(name: str) -> None:
    found = read_provenance(draw.FOLDER / f"{name}.png")
    assert found["figure"] == name
    assert [source["path"] for source in found["sources"]] == [
        f"../{run}" for run in draw.PICTURES[name]
    ]


def test_every_committed_picture_can_be_redrawn() -> None:
    assert {path.stem for path in draw.FOLDER.glob("*.png")} == set(draw.PICTURES) <= set(FIGURES)


@pytest.mark.parametrize("names", [[], ["prior", "ae_vae"]])
def test_the_script_draws_all_pictures_or_those_named(
    names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr("jaxae.draw", lambda *args: calls.append(args))
    monkeypatch.setattr(sys, "argv", ["draw.py", *names])
    draw.main()
    names = names or list(draw.PICTURES)
    assert [(name, path) for name, _, path in calls] == [
        (name, draw.FOLDER / f"{name}.png") for name in names
    ]
    opened: dict[str, Source] = {}
    for name, sources, _ in calls:
        assert [source.path for source in sources] == [
            draw.FOLDER.parent / run for run in draw.PICTURES[name]
        ]
        for run, source in zip(draw.PICTURES[name], sources, strict=True):
            assert opened.setdefault(run, source) is source


def test_an_unknown_picture_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["draw.py", "portrait"])
    with pytest.raises(SystemExit) as stop:
        draw.main()
    assert stop.value.code == 2
    assert "unknown picture portrait; expected latent, grid" in capsys.readouterr().err


def test_the_committed_tables_show_the_committed_numbers() -> None:
    reports = json.loads((table.FOLDER / "table.json").read_text())
    assert (table.FOLDER / "table.md").read_text() == table.markdown(reports)
    assert (table.FOLDER / "table.tex").read_text() == table.latex(reports)


def test_a_bar_ends_no_cell_in_markdown_and_symbols_are_commands_in_latex() -> None:
    number = {"value": -0.5, "low": None, "high": None}
    claim = {"sentence": "50 % of x_1 ≥ ¾", "holds": 1, "judged": 2, "rule": "p < 1"}
    reports = {"a": {"numbers": {"divergence": number}, "claims": [claim], "seeds": [0, 1]}}
    (row,) = (line for line in table.markdown(reports).splitlines() if "divergence" in line)
    cells = [cell.strip() for cell in row.replace(r"\|", "!").split("|")]
    assert cells == ["", "divergence", "-0.5", "nats", "KL(q(z!x) ‖ N(0, I)) per test image", ""]
    (row,) = (line for line in table.latex(reports).splitlines() if "50" in line)
    sentence, found, rule = (cell.strip() for cell in row.removesuffix(r"\\").split("&"))
    assert sentence == r"50 \% of x\_1 $\geq$ $3/4$"
    assert (found, rule) == ("1 of 2", r"p \ensuremath{<} 1")
