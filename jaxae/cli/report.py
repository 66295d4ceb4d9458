"""`jaxae report`: a run's numbers, and which of the lecture's sentences hold."""

import dataclasses
from pathlib import Path

from jaxae.cli.common import CheckpointOption, Flag, RunArgument


@dataclasses.dataclass(frozen=True)
class MakeReport:
    """Put the lecture's argument about a run into numbers, with 95 % intervals.

    Prints tables in Markdown and writes report.json into the run's folder: how well images come
    back, how far the cloud is from normal, whether classes separate, the gaps and what they decode
    to, and which of the lecture's sentences hold. All images are read into memory, those of a run
    that streamed them too.

    Example: jaxae report runs/mnist
    """

    run: RunArgument
    """The run's folder."""

    out: Path | None = None
    """The file to write; by default the run's report.json."""

    checkpoint: CheckpointOption = "newest"

    data_dir: Path | None = None
    """Where the run's data are now, if they moved."""

    json: Flag = False
    """Print what report.json holds, and nothing else."""

    def __call__(self) -> None:
        """Measure, print, write."""
        from jaxae.cli.reporting import report

        report(self)
