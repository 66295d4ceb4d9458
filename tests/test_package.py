"""The package's public names, which are imported on first use, and its version."""

import re
from pathlib import Path

import jaxae

ROOT = Path(__file__).parents[1]


def test_every_public_name_is_listed_and_imported() -> None:
    assert set(jaxae.__all__) <= set(dir(jaxae))
    for name in jaxae.__all__:
        assert getattr(jaxae, name) is not None


def test_the_version_is_that_of_the_newest_release() -> None:
    releases = re.findall(r"^## (\d.*) - (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    version, date = releases[0]
    assert jaxae.__version__ == version
    citation = dict(
        re.findall(r"^([a-z-]+): (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    )
    assert (citation["version"], citation["date-released"]) == (version, date)
