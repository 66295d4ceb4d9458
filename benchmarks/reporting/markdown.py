"""Tables and times as Markdown."""

from collections.abc import Iterator, Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table's lines and an empty one; all columns but the first are aligned right."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    for line in (columns, rule, *rows):
        yield f"| {' | '.join(line)} |"
    yield ""


def seconds(value: float) -> str:
    """A time in the unit that suits it."""
    if value >= 1:
        return f"{value:.2f} s"
    return f"{1e3 * value:.2f} ms" if value >= 1e-3 else f"{1e6 * value:.0f} µs"
