"""`jaxae report`: a run's numbers, and which of the lecture's sentences hold."""

import dataclasses

from jaxae.claims import claims
from jaxae.commands.common import Flag, RunArgument, say
from jaxae.embedding import Embedding
from jaxae.files import write_json
from jaxae.measuring import classifier_of, measure
from jaxae.report import NUMBERS, Report
from jaxae.runs import Run
from jaxae.tables import markdown


@dataclasses.dataclass(frozen=True)
class MakeReport:
    """Put the lecture's argument about a run into numbers, with 95 % intervals.

    Prints tables in Markdown and writes report.json into the run's folder: how well images come
    back, how far the cloud is from normal, whether classes separate, the gaps and what they decode
    to, and which of the lecture's sentences hold.
    """

    run: RunArgument
    """The run's folder."""

    json: Flag = False
    """Print what report.json holds, and nothing else."""

    def __call__(self) -> None:
        """Measure, write, print."""
        run = Run.open(self.run)
        dataset = run.load_dataset()
        embedding = Embedding(run.load_model(), dataset)
        report = measure(embedding, classifier_of(dataset), kl_weight=run.train_config.kl_weight)
        judged = claims(report)
        path = self.run / "report.json"
        write_json(path, report.as_json() | {"claims": [claim._asdict() for claim in judged]})
        if self.json:
            print(path.read_text(), end="")
            return
        show_numbers(report)
        answers = {True: "holds", False: "fails", None: "can't be judged"}
        rows = [[claim.sentence, answers[claim.holds], claim.found, claim.rule] for claim in judged]
        say(*markdown(["the lecture says", "here it", "found", "rule"], rows), "", str(path))


def show_numbers(report: Report) -> None:
    """Print a report's numbers, those of classes in a table of their own."""
    whole = [
        [name, str(report.numbers[name]), unit, words]
        for name, (unit, words) in NUMBERS.items()
        if name in report.numbers
    ]
    say(*markdown(["number", "value [95 % interval]", "unit", "what it is"], whole), "")
    names = list(dict.fromkeys(n.partition("/")[0] for n in report.numbers if "/" in n))
    rows = [
        [own, *(_cell(report, f"{name}/{own}") for name in names)] for own in report.class_names
    ]
    say(*markdown(["class", *names], rows), "")
    say(f"separate (purity of 0.9 or more): {', '.join(report.separate) or 'none'}")
    pairs = ", ".join(f"{a} and {b} {share:.2f}" for a, b, share in report.mixed)
    say(f"mixed (0.1 or more of each other's neighbours): {pairs or 'none'}", "")
    for name, reason in report.undefined.items():
        say(f"{name} is undefined: {reason}")


def _cell(report: Report, name: str) -> str:
    return f"{report.numbers[name].value:.3g}" if name in report.numbers else "—"
