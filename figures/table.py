"""Write figures/table.{json,md,tex}: every number of both models, means over eight seeds.

python figures/table.py [STUDY STUDY]    (by default runs/study-ae and runs/study-vae)
"""

import json
import sys
from pathlib import Path
from typing import Any

from jaxae._utils.files import atomic
from jaxae._utils.tables import latex, markdown
from jaxae.analysis import Estimate
from jaxae.analysis.report import NUMBERS
from jaxae.drawing.source import Source


def main(studies: list[Path]) -> None:
    """Set the studies' means side by side, with their 95 % intervals over seeds."""
    names = [Source(study).name for study in studies]
    reports = [json.loads((study / "report.json").read_text()) for study in studies]
    columns = ["number", *names, "unit", "what it is"]
    rows = [
        [number, *(_cell(report, number) for report in reports), unit, words]
        for number, (unit, words) in NUMBERS.items()
    ]
    sentences = ["the lecture says", *names, "rule"]
    verdicts = []
    for claims in zip(*(report["claims"] for report in reports), strict=True):
        holds = [f"{claim['holds']} of {claim['judged']}" for claim in claims]
        verdicts.append([claims[0]["sentence"], *holds, claims[0]["rule"]])
    seeds = len(reports[0]["seeds"])
    text = (
        f"Means over {seeds} seeds, [95 % interval].\n\n{_lines(columns, rows)}\n\n"
        f"In how many of them a sentence holds:\n\n{_lines(sentences, verdicts)}\n"
    )
    _write("md", text)
    _write("tex", f"{latex(columns, rows)}\n\n{latex(sentences, verdicts)}\n")
    _write("json", json.dumps(dict(zip(names, reports, strict=True)), indent=1) + "\n")


def _cell(report: dict[str, Any], number: str) -> str:
    found = report["numbers"].get(number)
    return "—" if found is None else str(Estimate(**found))


def _lines(columns: list[str], rows: list[list[str]]) -> str:
    return "\n".join(markdown(columns, rows))


def _write(suffix: str, text: str) -> None:
    with atomic(Path(__file__).with_suffix(f".{suffix}")) as partial:
        partial.write_text(text)


if __name__ == "__main__":
    main([Path(study) for study in sys.argv[1:] or ["runs/study-ae", "runs/study-vae"]])
