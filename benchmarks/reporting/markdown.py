"""Markdown's rows, and numbers as a table shows them."""

from collections.abc import Iterator, Sequence

BAR = r"\|"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table's lines and the empty one after it; the first column is text."""
    for cells in (columns, ["---", *["---:"] * (len(columns) - 1)], *rows):
        yield f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"
    yield ""


def seconds(value: float) -> str:
    """Seconds, in the unit that fits them."""
    if value >= 1:
        return f"{value:.2f} s"
    return f"{1e3 * value:.2f} ms" if value >= 1e-3 else f"{1e6 * value:.0f} µs"
