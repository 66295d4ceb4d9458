"""Print to the terminal: results on standard output, messages on standard error."""

import os
import sys
from typing import NoReturn

from rich.console import Console

from jaxae._utils.text import printable


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """End silently, as if by SIGPIPE: the reader has closed the pipe (`| head`)."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141)


# No markup and no emoji: names of files and data sets may hold "[red]" or ":smile:".
console = _Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def say(*lines: str) -> None:
    """Print lines, with control characters escaped."""
    for line in lines:
        console.print(printable(line))


def warn(text: str, label: str = "") -> None:
    """Print a line "jaxae{label}: {text}" on standard error, with control characters escaped."""
    print(f"jaxae{label}: {printable(text)}", file=sys.stderr)
