"""`jaxae report`: a run's numbers, and which of the lecture's sentences hold."""

import dataclasses

from jaxae.commands.common import Flag, RunArgument, say


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
        from jaxae.claims import claims
        from jaxae.commands.numbers import show_numbers
        from jaxae.embedding import Embedding
        from jaxae.files import write_json
        from jaxae.measuring import classifier_of, measure
        from jaxae.runs import Run
        from jaxae.tables import markdown

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
