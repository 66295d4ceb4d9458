"""The examples of docstrings and pages: Python gives what it says, commands have such options."""

import doctest
import importlib
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import jaxae
from benchmarks.options import parser
from jaxae import Dataset
from jaxae.cli.app import _parse, main
from tests.exported import write_run

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIALS = DOCS / "tutorials"
PAGES = (*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")))
# Files with examples in docstrings; others are not imported.
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("jaxae", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if ">>> " in path.read_text()
]


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Return the language and the text of each code block of a page."""
    block = r"^```\{?([\w-]+)\}?[^\n]*\n(.*?)^```$"
    return re.findall(block, page.read_text(), re.DOTALL | re.MULTILINE)


def python_of(page: Path) -> list[str]:
    return [text for language, text in blocks_of(page) if language == "python"]


def cells_of(page: Path) -> list[str]:
    """Return the code of a tutorial's cells without their options, but no cell with magics."""
    code = [text for language, text in blocks_of(page) if language == "code-cell"]
    code = [re.sub(r"\A(---\n.*?\n---\n|(:[^\n]*\n)+)", "", text, flags=re.DOTALL) for text in code]
    return [text for text in code if not re.search(r"^%|^\w+ = !", text, re.MULTILINE)]


def commands_of(page: Path) -> Iterator[list[str]]:
    """Yield the commands of a page's console blocks and shell cells, as lists of words."""
    for language, text in blocks_of(page):
        if language == "console" or text.startswith("%%bash"):
            for line in text.replace("\\\n", " ").splitlines():
                if words := shlex.split(line.partition(" | ")[0], comments=True):
                    yield words


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_docstrings_run(
    module: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mnist").symlink_to(trained)
    monkeypatch.chdir(tmp_path)
    (imports,) = python_of(DOCS / "api" / "index.md")  # Those that it says examples assume.
    names: dict[str, Any] = {}
    exec(imports, names)
    runner = doctest.DocTestRunner(verbose=False)
    said: list[str] = []
    for found in doctest.DocTestFinder().find(importlib.import_module(module), globs=names):
        runner.run(found, out=said.append)
    plt.close("all")
    assert runner.tries and not runner.failures, "".join(said)


@pytest.mark.slow
def test_the_page_on_python_runs(
    tiny: Dataset, blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jaxae, "load_dataset", lambda name: tiny)
    options = ("--data-dir", str(blobs), "--epochs", "1", "--run-dir", "runs/mnist")
    assert main(["train", *options]) == 0
    names: dict[str, Any] = {}
    with plt.rc_context():  # The examples choose a style.
        for block in python_of(DOCS / "python.md"):
            exec(block, names)
    plt.close("all")


@pytest.mark.slow
def test_the_page_on_your_own_model_runs(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jaxae, "load_dataset", lambda name: tiny)
    names: dict[str, Any] = {"epochs": 1}
    for cell in cells_of(TUTORIALS / "your-own-model.md"):
        exec(cell, names)
    assert len(names["history"]) == 1


@pytest.mark.slow
def test_the_page_on_interchange_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("torch", "jax2onnx", "onnxruntime"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/mnist"), jaxae.ModelConfig(), (28, 28))
    names: dict[str, Any] = {}
    for language, text in blocks_of(DOCS / "interchange.md"):
        if language == "python":
            exec(text, names)
        for line in text.splitlines() if language == "console" else ():
            if line.startswith("jaxae"):
                assert main(shlex.split(line)[1:]) == 0
        if Path("mnist.safetensors").exists():  # What PyTorch would save in between.
            shutil.copy("mnist.safetensors", "trained.safetensors")
    assert names["z"].shape == (5, 2)


def test_the_readmes_example_is_one_that_runs() -> None:
    (example,) = python_of(ROOT / "README.md")
    tested = "".join(python_of(DOCS / "python.md"))
    assert all(line in tested for line in example.splitlines())


def test_the_python_of_every_page_runs() -> None:
    """That of adding-a-framework.md is the contestant's file, see test_contestants.py."""
    tested = {"README", "adding-a-framework", "interchange", "python", "api/index"}
    shown = [page for page in PAGES if python_of(page)]
    names = {str(page.relative_to(ROOT).with_suffix("")).removeprefix("docs/") for page in shown}
    assert names == tested


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in commands_of(page):
        if words[0] == "jaxae":
            # Whether a run can be resumed depends on its folder.
            _parse([word for word in words[1:] if word != "--resume"])
        elif words[0] == "make":
            assert words[1] in targets
        elif words[:3] == ["python", "-m", "benchmarks"]:
            parser().parse_args(words[3:])
