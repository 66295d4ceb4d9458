"""Markdown's rows, and numbers as a table shows them."""

from collections.abc import Iterator, Sequence

from jaxae._utils.tables import markdown


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table's lines and the empty one after it; the first column is text."""
    yield from markdown(columns, rows, numeric=True)
    yield ""


def seconds(value: float) -> str:
    """Seconds, in the unit that fits them."""
    if value >= 1:
        return f"{value:.2f} s"
    return f"{1e3 * value:.2f} ms" if value >= 1e-3 else f"{1e6 * value:.0f} µs"
