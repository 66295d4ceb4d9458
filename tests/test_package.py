"""The package's public names, which are imported when they are first used."""

import ast
import sys
from pathlib import Path

import jaxae


def test_every_public_name_is_listed_and_imported() -> None:
    assert set(jaxae.__all__) <= set(dir(jaxae))
    for name in jaxae.__all__:
        assert getattr(jaxae, name) is not None


def test_type_checkers_are_told_the_same_names() -> None:
    tree = ast.parse(Path(jaxae.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    told = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told.keys() == set(jaxae.__all__)
    for name, module in told.items():
        __import__(str(module))
        assert getattr(sys.modules[str(module)], name) is getattr(jaxae, name)
