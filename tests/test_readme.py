"""The README's numbers and pictures come from committed results."""

import re
from pathlib import Path

from jaxae.cli.app import COMMANDS
from jaxae.drawing.provenance import read_provenance

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_storys_numbers_are_those_of_the_studies() -> None:
    story = README[README.index("## The argument") : README.index("## Command line")]
    rows = [line for line in story.splitlines() if line.startswith("| ") and "![" not in line]
    table = (ROOT / "figures" / "table.md").read_text().splitlines()
    headings = ("| how far", "| :---", "| from a 0")
    strangers = [row for row in rows if row not in table and not row.startswith(headings)]
    assert len(rows) > 15 and strangers == []


def test_every_picture_is_there_and_says_what_it_was_drawn_from() -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert len(pictures) >= 9
    for picture in pictures:
        assert (ROOT / picture).is_file(), picture
        if picture.startswith("figures/"):
            assert read_provenance(ROOT / picture)["figure"] == Path(picture).stem


def test_the_readme_names_every_command() -> None:
    usage = README[README.index("## Command line") : README.index("## Python")]
    for command in COMMANDS:
        assert f"jaxae {command} " in usage
