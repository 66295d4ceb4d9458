"""`jaxae figures`: draw a run's figures."""

import dataclasses
from pathlib import Path

from jaxae.commands.common import Flag, RunArgument, console
from jaxae.data import Dataset
from jaxae.drawing import Format, draw_figures
from jaxae.runs import Run


@dataclasses.dataclass(frozen=True)
class Figures:
    """Draw a run's figures again."""

    run: RunArgument
    """The run's folder."""

    format: Format = "png"
    """Of the files; pdf and svg are vector graphics."""

    out: Path | None = None
    """The folder to write to; by default the run's figures/."""

    fit_box: Flag = False
    """Decode the grid on the cloud's own 1st to 99th percentile, not on the lecture's box."""

    def __call__(self) -> None:
        """Open the run, load its data, draw."""
        run = Run.open(self.run)
        draw_run(
            run, run.load_dataset(), self.out or self.run / "figures", self.format, self.fit_box
        )


def draw_run(run: Run, dataset: Dataset, folder: Path, format: Format, fit_box: bool) -> None:
    """Draw a run's figures and print their paths."""
    paths = draw_figures(
        run.load_model(), dataset, run.history(), folder, format=format, fit_box=fit_box
    )
    for path in paths:
        console.print(str(path))
