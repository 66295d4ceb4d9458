"""What the commands share: the console, and the types of their common options."""

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
