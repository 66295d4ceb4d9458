"""Tables as text: Markdown to read and paste, LaTeX for a paper."""

from collections.abc import Sequence

_BAR = r"\|"
_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "−": "$-$",
    "≥": r"$\geq$",
    "²": "$^2$",
    "₂": "$_2$",
    "‖": r"$\Vert$",
    "¾": "$3/4$",
    "→": r"$\rightarrow$",
}


def markdown(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: bool = False
) -> list[str]:
    """Lay rows out as the lines of a Markdown table; | in a cell is escaped.

    Args:
      columns: the headings.
      rows: as many cells each.
      numeric: whether all columns but the first hold numbers, to be aligned at the right.
    """
    rule = ["---", *["---:" if numeric else "---"] * (len(columns) - 1)]
    lines = [columns, rule, *rows]
    return [f"| {' | '.join(cell.replace('|', _BAR) for cell in line)} |" for line in lines]


def latex(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out as a LaTeX tabular in booktabs' style; special characters are escaped."""

    def line(cells: Sequence[str]) -> str:
        escaped = ("".join(_LATEX.get(char, char) for char in cell) for cell in cells)
        return " & ".join(escaped) + r" \\"

    body = [line(columns), r"\midrule", *map(line, rows)]
    head = rf"\begin{{tabular}}{{{'l' * len(columns)}}}"
    return "\n".join([head, r"\toprule", *body, r"\bottomrule", r"\end{tabular}"])
