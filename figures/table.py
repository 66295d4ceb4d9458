"""Write table.json, table.md and table.tex: every number of three models, and every claim.

python figures/table.py                        from the studies of runs/, into figures/
python figures/table.py STUDY ... --out DIR    from other studies
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tabulate import tabulate

from jaxae import Source
from jaxae.analysis import NUMBERS, Estimate
from jaxae.drawing import names_of

FOLDER = Path(__file__).resolve().parent
STUDIES = [FOLDER.parent / "runs" / name for name in ("study-ae", "study-vae", "study-flat")]
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
        rows.append([of_models[0]["sentence"], *map(_verdict, of_models), of_models[0]["rule"]])
    return ["the lecture says", *reports, "rule"], rows


def _verdict(claim: dict[str, Any]) -> str:
    if claim["over_seeds"] and claim["judged"]:
        return "holds" if claim["holds"] else "not shown"
    return f"{claim['holds']} of {claim['judged']}"


def markdown(reports: Reports) -> str:
    """Return both tables in Markdown."""
    seeds = len(next(iter(reports.values()))["seeds"])
    of_numbers, of_claims = (
        tabulate(_escaped(rows), headings, "github", disable_numparse=True)
        for headings, rows in (numbers(reports), claims(reports))
    )
    return (
        f"# All numbers\n\nMeans over {seeds} seeds, [95 % interval].\n\n{of_numbers}\n\n"
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
        metavar="STUDY",
        help="the folder of a study, by default runs/study-ae, runs/study-vae and "
        "runs/study-flat; others than these need --out",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder to write to, by default figures/"
    )
    options = parser.parse_args()
    studies, folder = options.studies or STUDIES, options.out or FOLDER
    try:
        if options.studies and not options.out:
            raise ValueError("a STUDY alone would replace the committed tables; pass --out, too")
        sources = [Source(study) for study in studies]
        if runs := [source.path for source in sources if not source.is_study]:
            raise ValueError(f"{runs[0]} is a run; expected a study")
        names = names_of(sources)
        found = [json.loads((study / "report.json").read_text()) for study in studies]
        reports = dict(zip(names, found, strict=True))
        written = {
            "table.json": json.dumps(reports, indent=1) + "\n",
            "table.md": markdown(reports),
            "table.tex": latex(reports),
        }
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            (folder / name).write_text(text)
            print(folder / name)
    except (ValueError, OSError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
