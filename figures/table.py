"""Write table.json, table.md and table.tex into this folder: every number of both models.

python figures/table.py [STUDY ...]    by default from runs/study-ae and runs/study-vae
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tabulate import tabulate

from jaxae import Source
from jaxae.analysis import NUMBERS, Estimate

FOLDER = Path(__file__).resolve().parent
STUDIES = [FOLDER.parent / "runs" / name for name in ("study-ae", "study-vae")]
# Characters that pdfLaTeX cannot typeset.
_MATH = str.maketrans(
    {"−": "$-$", "≥": r"$\geq$", "²": "$^2$", "₂": "$_2$", "‖": r"$\Vert$", "¾": "$3/4$"}
)

Reports = dict[str, dict[str, Any]]
Table = tuple[list[str], list[list[str]]]


def numbers(reports: Reports) -> Table:
    """Return headings and rows: each model's means over seeds, with their 95 % intervals."""
    rows = []
    for name, (unit, description) in NUMBERS.items():
        found = [report["numbers"].get(name) for report in reports.values()]
        cells = ["—" if number is None else str(Estimate(**number)) for number in found]
        rows.append([name, *cells, unit, description])
    return ["number", *reports, "unit", "what it is"], rows


def claims(reports: Reports) -> Table:
    """Return headings and rows: in how many seeds of each model each claim holds."""
    rows = []
    for of_models in zip(*(report["claims"] for report in reports.values()), strict=True):
        cells = [f"{claim['holds']} of {claim['judged']}" for claim in of_models]
        rows.append([of_models[0]["sentence"], *cells, of_models[0]["rule"]])
    return ["the lecture says", *reports, "rule"], rows


def markdown(reports: Reports) -> str:
    """Return both tables in Markdown."""
    seeds = len(next(iter(reports.values()))["seeds"])
    of_numbers, of_claims = (
        tabulate(_escaped(rows), headings, "github", disable_numparse=True)
        for headings, rows in (numbers(reports), claims(reports))
    )
    return (
        f"Means over {seeds} seeds, [95 % interval].\n\n{of_numbers}\n\n"
        f"Number of seeds in which each claim holds:\n\n{of_claims}\n"
    )


def latex(reports: Reports) -> str:
    """Return both tables in LaTeX, for the package booktabs."""
    tables = (
        tabulate(rows, headings, "latex_booktabs", disable_numparse=True)
        for headings, rows in (numbers(reports), claims(reports))
    )
    return "\n\n".join(tables).translate(_MATH) + "\n"


def _escaped(rows: list[list[str]]) -> list[list[str]]:
    return [[cell.replace("|", r"\|") for cell in row] for row in rows]


def main() -> None:
    """Read the studies' reports and write the tables."""
    parser = argparse.ArgumentParser(description="Write table.json, table.md and table.tex.")
    parser.add_argument(
        "studies",
        nargs="*",
        type=Path,
        default=STUDIES,
        metavar="STUDY",
        help="the folder of a study; by default runs/study-ae and runs/study-vae",
    )
    studies = parser.parse_args().studies
    reports = {
        Source(study).name: json.loads((study / "report.json").read_text()) for study in studies
    }
    (FOLDER / "table.json").write_text(json.dumps(reports, indent=1) + "\n")
    (FOLDER / "table.md").write_text(markdown(reports))
    (FOLDER / "table.tex").write_text(latex(reports))


if __name__ == "__main__":
    main()
