"""What the commands share: the console, and the types of their common options."""

from pathlib import Path

import tyro
from rich.console import Console

Flag = tyro.conf.FlagCreatePairsOff[bool]
RunArgument = tyro.conf.Positional[Path]
console = Console(highlight=False, soft_wrap=True)


def show(text: str) -> None:
    """Print as it is: brackets in numbers, names and paths are no markup."""
    console.print(text, markup=False)
