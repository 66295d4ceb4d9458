"""Make text fit for one line of a terminal, and for the terminal's encoding."""

import codecs
import difflib
import io
import sys
from collections.abc import Iterable

_LONGEST = 300
# Replacements where the encoding lacks a character, such as ASCII and Windows' code pages.
_PLAIN = {
    **dict.fromkeys("−─—–━", "-"),
    **dict.fromkeys("╭╮╰╯╸╺", "+"),
    **dict.fromkeys("│‖", "|"),
    **dict.fromkeys("²₂", "2"),
    "¾": "3/4",
    "β": "beta",
    "λ": "lambda",
    "ε": "epsilon",
    "•": "*",
    "×": "x",
    "…": "...",
    "≥": ">=",
    "≤": "<=",
    "→": "->",
}


def printable(text: str) -> str:
    r"""Escape line breaks and control characters: `"a\x1b[2J"` becomes `"a\\x1b[2J"`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def reason(error: BaseException) -> str:
    """Return an error's message as one line of at most 300 characters."""
    text = f"no {error}" if isinstance(error, KeyError) else str(error)
    line = printable(" ".join(text.split())) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return a question that names similar known names, to append to an error; "" if none is."""
    close = [prefix + other for other in difflib.get_close_matches(name, sorted(known), n=2)]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def print_anywhere() -> None:
    """Print similar characters where the encoding of stdout or stderr lacks one: "-1" for "−1".

    A character without a replacement becomes "?". Python's default is to raise an error, which
    would end the program in the middle of its output.
    """
    codecs.register_error("jaxae.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="jaxae.plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end
