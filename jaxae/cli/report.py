"""`jaxae report`: a run's numbers, and which of the lecture's claims hold."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

import jaxae
from jaxae._utils.files import write_json
from jaxae._utils.text import printable
from jaxae.cli.console import console, say, warn
from jaxae.cli.options import CheckpointOption, File, Flag, Folder, RunArgument


@dataclasses.dataclass(frozen=True)
class Report:
    """Measure what the lecture claims of an embedding, with 95 % intervals.

    Prints Markdown tables and writes report.json to the run's folder: the reconstruction error, how
    far the embedding is from normal, how well the classes separate, the gaps and what they decode
    to, how distances on images differ from those in the plane, and which of the lecture's claims
    hold. PCA, the mean image and raw pixels are measured on the same data, to compare the model
    with. All images are read into memory, also for a run that streamed them.

    Example: jaxae report runs/mnist
    """

    run: RunArgument
    """The run's folder."""

    out: File = None
    """The file to write; by default the run's report.json."""

    checkpoint: CheckpointOption = "newest"

    data_dir: Folder = None
    """Where the run's data are now, if they were moved."""

    json: Flag = False
    """Print the content of report.json instead of tables."""

    def __call__(self) -> None:
        """Measure, print, write."""
        source = jaxae.Source(self.run, data=self.data_dir, checkpoint=self.checkpoint)
        _warn_of_memory(source)
        report = measure(source, source.classifier)
        claims = jaxae.analysis.evaluate_claims(report)
        latent_dim = source.run.config.model.latent_dim
        references = jaxae.analysis.references(source.dataset, latent_dim)
        content = as_json(report, claims, references, source)
        if self.json:
            console.out(json.dumps(content, indent=2), highlight=False)
        else:
            say(_describe_checkpoint(source), "")
            show_numbers(report)
            show_references(report, references)
            answers = {True: "holds", False: "fails", None: "can't be evaluated"}
            rows = [
                [claim.sentence, answers[claim.holds], claim.found, claim.rule] for claim in claims
            ]
            show_table(["the lecture says", "here it", "found", "rule"], rows)
        path = self.out or self.run / "report.json"
        try:
            write_json(path, content)
        except OSError as error:
            if self.out is not None:
                raise
            # The run may be another user's. Its numbers are printed all the same.
            warn(f"cannot write {path}: {error.strerror or error}; pass --out FILE")
        else:
            if not self.json:
                say(str(path))


def measure(
    source: jaxae.Source, classifier: jaxae.analysis.Classifier | None
) -> jaxae.analysis.Report:
    """Compute every number of a run, by the likelihood that it was trained with."""
    train = source.run.config.train
    return jaxae.measure(
        source.embedding,
        classifier,
        kl_weight=train.kl_weight,
        likelihood=train.likelihood,
        binarize=train.binarize,
    )


def as_json(
    report: jaxae.analysis.Report,
    claims: Sequence[jaxae.analysis.Claim] | Sequence[jaxae.analysis.Verdict],
    references: jaxae.analysis.References,
    source: jaxae.Source | None = None,
) -> dict[str, Any]:
    """Return the content of report.json: of a run with its source, of a study without."""
    content = report.as_json() | {
        "claims": [claim._asdict() for claim in claims],
        "references": {
            row: {name: estimate._asdict() for name, estimate in numbers.items()}
            for row, numbers in references.items()
        },
    }
    if source is None:
        return content
    checkpoint = {"epoch": source.snapshot.epoch, "lowest": _chosen_by(source)}
    return content | {"checkpoint": checkpoint}


def _chosen_by(source: jaxae.Source) -> str | None:
    # The metric that chose the checkpoint, if it is the best one.
    return source.run.config.best_by if source.checkpoint == "best" else None


def _describe_checkpoint(source: jaxae.Source) -> str:
    why = {
        "validation_loss": f"the lowest loss on {source.run.config.train.validation:,} "
        "training images that were held out",
        "test_loss": "the lowest test loss, which underestimates the loss on new images",
    }
    chosen_by = _chosen_by(source)
    reason = f", {why[chosen_by]}" if chosen_by else ""
    return f"checkpoint: epoch {source.snapshot.epoch}{reason}"


def show_numbers(report: jaxae.analysis.Report) -> None:
    """Print the numbers of a report as Markdown tables; those of single classes in their own."""
    whole = [
        [name, str(report.numbers[name]), unit, words]
        for name, (unit, words) in jaxae.analysis.NUMBERS.items()
        if name in report.numbers
    ]
    show_table(["number", "value [95 % interval]", "unit", "what it is"], whole)
    if report.evidence is not None:
        say(report.evidence.words, "")
    names = list(dict.fromkeys(n.partition("/")[0] for n in report.numbers if "/" in n))
    rows = [
        [label, *(_cell(report, f"{name}/{label}") for name in names)]
        for label in report.class_names
    ]
    show_table(["class", *names], rows)
    say(f"separate (purity of 0.9 or more): {', '.join(report.separate) or 'none'}")
    pairs = ", ".join(f"{a} and {b} {fraction:.2f}" for a, b, fraction in report.mixed)
    say(f"mixed (0.1 or more of each other's neighbours): {pairs or 'none'}", "")
    for reason in dict.fromkeys(report.undefined.values()):
        names = [name for name, own in report.undefined.items() if own == reason]
        say(f"undefined: {', '.join(names)} ({reason})")


def show_references(report: jaxae.analysis.Report, references: jaxae.analysis.References) -> None:
    """Print the numbers that the model and the references have in common, a row for each."""
    columns = jaxae.analysis.REFERENCE_NUMBERS
    rows = [
        [row, *(f"{numbers[name].value:.4g}" if name in numbers else "—" for name in columns)]
        for row, numbers in {"model": report.numbers, **references}.items()
    ]
    show_table(["row", *columns], rows)


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table and an empty line."""
    # In a class name, a bar would end the cell and a line break the row.
    cells = [[printable(cell).replace("|", r"\|") for cell in row] for row in rows]
    say(*tabulate(cells, headings, "github", disable_numparse=True).splitlines(), "")


def _cell(report: jaxae.analysis.Report, name: str) -> str:
    return f"{report.numbers[name].value:.3g}" if name in report.numbers else "—"


def _warn_of_memory(source: jaxae.Source) -> None:
    if source.run.config.train.stream:
        dataset = source.embedding.dataset
        n = len(dataset.train)
        gigabytes = 9 * n * math.prod(dataset.image_shape) / 1e9  # As bytes, and as float64.
        warn(
            f"{source.path} streamed its images; a report holds all {n:,} in memory, "
            f"{gigabytes:.1f} GB or more"
        )
