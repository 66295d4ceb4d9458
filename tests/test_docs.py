"""README.md and docs/: numbers match the committed results, and links resolve."""

import inspect
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jaxae
from figures import literature
from figures.draw import PICTURES, figure_of
from jaxae.cli.app import COMMANDS, main
from jaxae.drawing.provenance import read_provenance

ROOT = Path(__file__).parents[1]
README, DOCS = ROOT / "README.md", ROOT / "docs"
RESULTS = ROOT / "benchmarks" / "results"
COMPARISON = RESULTS / "amd-epyc-26.2.1-2cpu" / "comparison" / "report.md"
PAGES = (README, *sorted(DOCS.glob("*.md")), *sorted((DOCS / "tutorials").glob("*.md")))
Table = list[list[str]]


def tables(text: str) -> Iterator[Table]:
    """Yield every table of a page as rows of cells, headings first."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in row[1:-1].split("|")] for row in block.splitlines()]
        yield [rows[0], *rows[2:]]


def table(page: Path, *columns: str, after: str = "# ") -> Table:
    """Return the first table with some columns that follows a heading or other text on a page."""
    _, _, text = page.read_text().partition(after)
    return next(found for found in tables(text) if {*columns} <= {*found[0]})


def cells(found: Table, row: str, column: str) -> str:
    """Return the cell of a row, named by its first cell, and a column."""
    (match,) = (cells for cells in found if cells[0].removesuffix(" !") == row)
    return match[found[0].index(column)]


@pytest.mark.parametrize("page", [README, DOCS / "the-argument.md"])
def test_the_arguments_tables_are_the_studies(page: Path) -> None:
    committed = {found[0][0]: found for found in tables((ROOT / "figures/table.md").read_text())}
    shown = [found for found in tables(page.read_text()) if found[0][0] in committed]
    assert shown
    for found in shown:
        whole = committed[found[0][0]]
        columns = [whole[0].index(name) for name in found[0]]
        rows = [[row[column] for column in columns] for row in whole]
        assert all(row in rows for row in found)


def test_what_is_said_of_the_argument_follows_from_the_studies() -> None:
    ae, vae, flat = json.loads((ROOT / "figures" / "table.json").read_text()).values()
    holds = {
        word: claim["holds"]
        for claim in ae["claims"]
        for word in claim["rule"].split()
        if word in jaxae.analysis.NUMBERS and not claim["over_seeds"]
    }
    assert len(ae["seeds"]) == 8
    depending = [rule for rule, times in holds.items() if 0 < times < 8]
    assert depending == ["elongation", "image_elongation", "box_coverage"]
    page = (DOCS / "the-argument.md").read_text()
    for name in ("distance_rise", "confidence_drop"):
        assert str(jaxae.analysis.Estimate(**ae["numbers"][name])) in page
    assert f"{100 * ae['numbers']['classifier_accuracy']['value']:.1f} % of the test" in page

    def below(one: Any, other: Any, name: str) -> bool:
        return bool(one["numbers"][name]["high"] < other["numbers"][name]["low"])

    names = ("non_normality", "central_gap_share", "hull_gap_share", "log_det_variance")
    assert all(below(other, ae, name) for name in names for other in (vae, flat))
    for name in ("central_gap_distance", "central_gap_confidence"):
        assert not below(vae, ae, name)
    assert below(ae, flat, "occupied_distance") and flat["numbers"]["distance_rise"]["low"] > 0
    for name in ("knn5_accuracy", "geodesic_gain"):
        assert not below(flat, ae, name) and not below(ae, flat, name)
    lower, higher = (
        flat["numbers"][name]["value"] / ae["numbers"][name]["value"]
        for name in ("log_det_variance", "test_squared_error")
    )
    assert f"by a factor of {1 / lower:.0f}, and raises" in page
    assert f"the squared error by {100 * (higher - 1):.1f} %" in page
    for name in ("latent", "grid"):
        (source,) = read_provenance(ROOT / "figures" / f"{name}.png")["sources"]
        assert [run["config"]["train"]["seed"] for run in source["runs"]] == [0]


def test_the_reference_rows_are_those_of_the_studies() -> None:
    reports = json.loads((ROOT / "figures" / "table.json").read_text())
    rows = {name: report["numbers"] for name, report in reports.items()}
    for report in reports.values():
        rows |= report["references"]
    (_, *columns), *shown = table(DOCS / "the-argument.md", "train_trustworthiness")
    assert columns == list(jaxae.analysis.REFERENCE_NUMBERS)
    expected = [
        [row, *(f"{numbers[n]['value']:.4g}" if n in numbers else "—" for n in columns)]
        for row, numbers in rows.items()
    ]
    assert shown == expected


def test_the_tables_of_the_literature_are_the_committed_ones() -> None:
    committed = (ROOT / "figures" / "literature.md").read_text()
    page = (DOCS / "literature.md").read_text()
    shown = list(tables(page))
    assert all(found in shown for found in tables(committed))
    for commands in re.findall(r"```console\n(.*?)```", committed, re.DOTALL):
        assert commands in page


def test_what_is_said_of_the_literature_follows_from_the_numbers() -> None:
    found = json.loads((ROOT / "figures" / "literature.json").read_text())
    pca, conv = (
        [row["numbers"][name]["value"] for name in literature.EMBEDDING_NUMBERS]
        for row in found["embeddings"]
        if row["name"] in ("PCA", "convolutional AE")
    )
    assert pca == pytest.approx(literature.PUBLISHED_EMBEDDINGS["PCA"], abs=5e-5)
    published = np.array(literature.PUBLISHED_EMBEDDINGS["convolutional AE"], float)
    assert np.greater(conv, published).tolist() == [True, True, True, False]
    errors = {r["name"]: r["numbers"]["test_mse_per_pixel"]["value"] for r in found["embeddings"]}
    assert min(errors, key=errors.__getitem__) == "784-1000-500-250-2, longer"
    assert min(errors.values()) < min(
        row[-1] for row in literature.PUBLISHED_EMBEDDINGS.values() if row[-1] is not None
    )


@pytest.mark.parametrize("page", [README, DOCS / "benchmarks.md"])
def test_the_comparisons_table_is_the_reports(page: Path) -> None:
    committed = table(COMPARISON, "framework", "time", after="\n## train\n")
    shown = table(page, "framework", "time")
    columns = [committed[0].index(name) for name in shown[0]]
    rows = [[row[column] for column in columns] for row in committed]
    # The README leaves some rows out.
    assert shown == [row for row in rows if page != README or row in shown]
    assert len(shown) > 12


def test_what_is_said_of_the_results_is_in_the_reports() -> None:
    readme = " ".join(README.read_text().split())
    trained = table(README, "framework", "time")
    for name, words in (("equinox", "Equinox, which"), ("torch-eager", "PyTorch at its best")):
        ratio = cells(trained, name, "time / flax").split()[0]
        assert re.search(rf"{words}[^.]* takes {re.escape(ratio)} times as long", readme), name
    page = (DOCS / "benchmarks.md").read_text()
    race = table(COMPARISON, "one-cycle: time")
    for recipe in ("lecture", "one-cycle"):
        assert f"{cells(race, 'flax', f'{recipe}: time')} with" in page
    scaling = RESULTS / "scaling/report.md"
    exponent = cells(table(scaling, "exponent"), "images", "exponent").split()[0]
    assert f"to the power {exponent}" in page
    page = (DOCS / "devices.md").read_text()
    ratio = cells(table(scaling, "precision"), "bfloat16", "× float32").split()[0]
    assert f"{ratio} times as long as one in float32" in page
    machines = table(ROOT / "benchmarks/SCALING.md", "half efficient from batch")
    node = "DGX H100, 8 GPUs, float32, 0 µs a hop"
    assert f"a batch size of {cells(machines, node, 'half efficient from batch')} in" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_is_there(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)]+)\)", text)
    for link in (link for link in links if "://" not in link):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), link
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [heading.lower().replace(" ", "-") for heading in headings]
        if target.parent.resolve() == ROOT / "figures" and target.stem in PICTURES:
            assert read_provenance(target)["figure"] == figure_of(target.stem)


def test_every_page_is_listed() -> None:
    index = DOCS / "index.md"
    for page in PAGES[1:]:
        assert page == index or f"]({page.relative_to(DOCS)})" in index.read_text()


def test_every_file_and_field_of_a_run_is_described(trained: Path) -> None:
    first_cells = {row[0] for found in tables((DOCS / "files.md").read_text()) for row in found}
    described = set(re.findall(r"`(.*?)`", " ".join(first_cells)))
    assert {entry.name + "/" * entry.is_dir() for entry in trained.iterdir()} <= described
    assert {*json.loads((trained / "config.json").read_text())} <= described
    assert {*jaxae.training.EpochMetrics._fields} <= described
    for report in json.loads((ROOT / "figures" / "table.json").read_text()).values():
        assert {*report} - {"mixing"} <= described


def test_the_layers_are_those_that_are_checked() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract = pyproject["tool"]["importlinter"]["contracts"][0]
    _, *rows = table(DOCS / "how-it-is-built.md", "what belongs there")
    assert [row[0].replace("`, `", " | ").strip("`") for row in rows] == contract["layers"]


def test_every_public_name_is_in_the_reference() -> None:
    pages = "".join(page.read_text() for page in (DOCS / "api").glob("*.md"))
    listed = set(re.findall(r"^\.\. \S+:: jaxae\.(\S+)", pages, re.MULTILINE))
    folders = [name for name in dir(jaxae) if inspect.ismodule(getattr(jaxae, name))]
    assert "geometry" in folders and "fit" in listed
    for name in {*dir(jaxae)} - {*folders}:
        assert name in listed
    for folder in folders:
        for name, value in vars(getattr(jaxae, folder)).items():
            if not name.startswith("_") and not inspect.ismodule(value):
                assert name in listed or f"{folder}.{name}" in listed, (folder, name)


def test_the_commands_on_the_start_page_are_documented() -> None:
    reference = (DOCS / "command-line.md").read_text()
    shown = [cell for row in table(DOCS / "index.md", "task", "command") for cell in row]
    commands = re.findall(r"`jaxae (\w+) (.*?)`", " ".join(shown))
    assert len(commands) > 10
    for command, rest in commands:
        assert command in COMMANDS
        for option in re.findall(r"--[a-z-]+", rest):
            assert f"{option} " in reference or f"{option}`" in reference


def test_every_place_in_the_guide_for_contributors_is_there() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    places = re.findall(r"`((?:jaxae|benchmarks|tests)/[^`]*|[\w.]+\.(?:md|toml|cff))`", guide)
    assert len(places) > 20 and all((ROOT / place).exists() for place in places)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_documented(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (DOCS / "command-line.md").read_text()
    with pytest.raises(SystemExit):
        main([command, "--help"])
    options = re.findall(r"^. (--[a-z][a-z-]*)", capsys.readouterr().out, re.MULTILINE)
    assert options and f"jaxae {command} " in page
    for option in options:
        assert re.search(rf"{option}[` ]", page), option
