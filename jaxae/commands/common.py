"""What the commands share: the console, and the types of their common options."""

import re
from datetime import datetime
from pathlib import Path

import tyro
from rich.console import Console

from jaxae.text import printable

Flag = tyro.conf.FlagCreatePairsOff[bool]
RunArgument = tyro.conf.Positional[Path]
# Names of files and data sets are shown as they are: "[red]" or ":smile:" in one is no markup.
console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def say(*lines: str) -> None:
    """Print lines; what would break one, or steer the terminal, is shown escaped."""
    for line in lines:
        console.print(printable(line))


def default_folder(name: str) -> Path:
    """Name a folder in runs/ after a data set, or whatever it is of, and the time."""
    # A name is no path: what could lead elsewhere, or trouble a shell, becomes a hyphen.
    name = re.sub(r"[^\w.+-]+", "-", name)[:80]
    return Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
