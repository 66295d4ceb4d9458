"""Text from outside, made fit for one line of a terminal."""

_LONGEST = 300


def printable(text: str) -> str:
    r"""Escape what breaks a line or steers a terminal: `"a\x1b[2J"` becomes `"a\\x1b[2J"`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def reason(error: BaseException) -> str:
    """What an error says, as one line of at most 300 characters."""
    text = f"no {error}" if isinstance(error, KeyError) else str(error)
    line = printable(" ".join(text.split())) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
