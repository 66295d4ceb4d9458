"""Text made fit for a terminal: for one line of it, and for its encoding."""

import codecs
import io
import sys

_LONGEST = 300
# For encodings that lack them, such as ASCII and Windows' code pages.
_PLAIN = {
    **dict.fromkeys("−─—–━", "-"),
    **dict.fromkeys("╭╮╰╯╸╺", "+"),
    **dict.fromkeys("│‖", "|"),
    **dict.fromkeys("²₂", "2"),
    "¾": "3/4",
    "β": "beta",
    "ε": "epsilon",
    "•": "*",
    "×": "x",
    "…": "...",
    "≥": ">=",
    "≤": "<=",
    "→": "->",
}


def printable(text: str) -> str:
    r"""Escape what breaks a line or steers a terminal: `"a\x1b[2J"` becomes `"a\\x1b[2J"`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def reason(error: BaseException) -> str:
    """What an error says, as one line of at most 300 characters."""
    text = f"no {error}" if isinstance(error, KeyError) else str(error)
    line = printable(" ".join(text.split())) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def print_anywhere() -> None:
    """Replace characters that the encoding of standard output or error lacks: "−1" by "-1".

    A character without a likeness becomes "?". Python's own way, an error, ends the program amid
    its output.
    """
    codecs.register_error("jaxae.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="jaxae.plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end
