"""Measure a run, print its numbers, and write them."""

import json
import sys
from pathlib import Path

import numpy as np

from jaxae._utils.files import write_json
from jaxae._utils.tables import markdown
from jaxae._utils.text import printable
from jaxae.analysis import evaluate_claims, measure
from jaxae.cli.common import say
from jaxae.cli.numbers import show_numbers
from jaxae.cli.report import MakeReport
from jaxae.drawing import Source


def report(options: MakeReport) -> None:
    """Measure, print, write."""
    source = Source(options.run, data=options.data_dir, checkpoint=options.checkpoint)
    _warn_of_streamed(source)
    kl_weight = source.run.train_config.kl_weight
    found = measure(source.embedding, source.classifier, kl_weight=kl_weight)
    judged = evaluate_claims(found)
    content = found.as_json() | {"claims": [claim._asdict() for claim in judged]}
    if options.json:
        print(json.dumps(content, indent=2))
    else:
        show_numbers(found)
        answers = {True: "holds", False: "fails", None: "can't be evaluated"}
        rows = [[claim.sentence, answers[claim.holds], claim.found, claim.rule] for claim in judged]
        say(*markdown(["the lecture says", "here it", "found", "rule"], rows), "")
    written = _written(options, content)
    if written is not None and not options.json:
        say(str(written))


def _written(options: MakeReport, content: object) -> Path | None:
    path = options.out or options.run / "report.json"
    try:
        write_json(path, content)
    except OSError as error:
        if options.out is not None:
            raise
        why = f"{path} is not written: {error.strerror or error}; pass --out FILE"
        print(f"jaxae: {printable(why)}", file=sys.stderr)
        return None
    return path


def _warn_of_streamed(source: Source) -> None:
    if not source.run.train_config.stream:
        return
    dataset = source.embedding.dataset
    n = len(dataset.train)
    # As bytes, and decoded as float32.
    gigabytes = 5 * n * np.prod(dataset.image_shape) / 1e9
    print(
        f"jaxae: {source.path} streamed its images; a report holds all {n:,} in memory, "
        f"{gigabytes:.1f} GB or more",
        file=sys.stderr,
    )
