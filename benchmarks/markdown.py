"""Markdown's rows, and numbers as a table shows them."""

from collections.abc import Iterator, Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table's lines and the empty one after it; the first column is text."""
    yield row(*columns)
    yield row("---", *["---:"] * (len(columns) - 1))
    yield from (row(*cells) for cells in rows)
    yield ""


def row(*cells: str) -> str:
    """One row of a table."""
    return f"| {' | '.join(cells)} |"


def seconds(value: float) -> str:
    """Seconds, in the unit that fits them."""
    if value >= 1:
        return f"{value:.2f} s"
    return f"{1e3 * value:.2f} ms" if value >= 1e-3 else f"{1e6 * value:.0f} µs"
