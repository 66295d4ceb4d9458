"""The Jinja environment of the templates, which fail on a name that is not defined."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates(folder: Path, autoescape: bool) -> Environment:
    """The templates of a folder, whose statements take up no lines of the text."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
