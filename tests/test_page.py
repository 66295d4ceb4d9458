"""The page of results: well formed, self-contained, and true to the rows."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contestants import CONTESTANTS, Entry
from benchmarks.measuring.results import Results
from benchmarks.reporting.page import page
from benchmarks.reporting.rows import rows_of

VOID = {"meta", "input"}
HOSTILE = """</script><script>alert("1")</script>'"><img src=x onerror=alert(2)>"""


class Reader(HTMLParser):
    """The elements of a page, the text in them, and its JSON block."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.json = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][1].get("id") == "data" and self.open[-1] == "script":
            self.json += data
        self.texts.append(data)


def measured(path: Path, **times: list[float]) -> Results:
    """Epochs of `train` and calls of `encode`, a round for each time."""
    results = Results(path)
    for name, seconds in times.items():
        for number, value in enumerate(seconds):
            for task in ("train", "encode"):
                found = {"values": [value], "loops": 1, "round": number, "mode": "epoch"}
                results.add(task, name, found)
    return results


def test_the_page_contains_the_rows(tmp_path: Path) -> None:
    results = measured(tmp_path / "r.json", flax=[1.0, 1.25, 1.5], equinox=[2.0, 2.5])
    repeated = {"values": [4.0], "loops": 1, "round": 1, "mode": "epoch", "slow": 1}
    results.add("train", "flax", repeated)
    read = Reader(page(results))
    drawn = json.loads(read.json)
    assert drawn.keys() == {"train", "encode"}
    for task, found in drawn.items():
        assert [row["framework"] for row in found] == ["flax", "equinox"]
        for row, expected in zip(found, rows_of(results, task), strict=True):
            assert row["seconds"] == expected.seconds
            dots = {(d["round"], d["seconds"]) for d in row["processes"] if not d["slow"]}
            assert dots == {(of.round, of.seconds) for of in expected.processes}
    flax, equinox = drawn["train"]
    assert flax["processes"][2:] == [
        {"round": 2, "seconds": 1.5, "slow": False},
        {"round": 1, "seconds": 4.0, "slow": True},
    ]
    assert equinox["ratio"]["median"] == 2
    assert "1.25 s" in read.texts and "2.25 s" in read.texts


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    text = page(measured(tmp_path / "r.json", flax=[1.0]))
    # A name, not an address: the namespace of SVG.
    assert set(re.findall(r"\w+://[^\"' ]*", text)) == {"http://www.w3.org/2000/svg"}
    assert not {"src", "href", "action"} & {key for _, attrs in Reader(text).tags for key in attrs}
    assert "@import" not in text and "url(" not in text and "import(" not in text


def test_text_from_files_is_not_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traits: Any = {"library": "jax", "group": "epoch", "what": "made up"}
    entry = Entry(module="made_up", cls="MadeUp", packages=(), **traits)
    monkeypatch.setitem(CONTESTANTS, HOSTILE, entry)
    results = measured(tmp_path / "r.json", flax=[1.0], **{HOSTILE: [2.0]})
    results.add("train", "equinox", {"values": [1.0], "loops": 1, "round": 0, "loader": HOSTILE})
    results.note(kind="failed", framework="keras-jax", task="train", why=HOSTILE)
    read = Reader(page(results))
    assert [tag for tag, _ in read.tags if tag in ("script", "img")] == ["script", "script"]
    assert not [attrs for _, attrs in read.tags if "onerror" in attrs]
    assert json.loads(read.json)["train"][2]["framework"] == HOSTILE
    # A framework, its setting, an error.
    assert sum(HOSTILE in text for text in read.texts) >= 3


def test_every_task_and_framework_can_be_chosen(tmp_path: Path) -> None:
    read = Reader(page(measured(tmp_path / "r.json", flax=[1.0], equinox=[2.0])))
    boxes = {attrs["value"] for tag, attrs in read.tags if tag == "input" and "value" in attrs}
    assert boxes == {"train", "encode", "flax", "equinox"}
    # Each box, and each head that sorts, is a real control with a text.
    kinds = [attrs.get("type") for tag, attrs in read.tags if tag in ("input", "button")]
    assert set(kinds) == {"checkbox", "button"}
    heads = [attrs for tag, attrs in read.tags if tag == "th" and "aria-sort" in attrs]
    assert len(heads) == kinds.count("button")
