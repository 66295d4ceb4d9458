"""`jaxae figures`: draw a run's figures, or verify a figure's file."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

import jaxae
from jaxae.cli.console import say
from jaxae.cli.options import BoxOption, CheckpointOption, File, Folder
from jaxae.config import BoxName

Format = Literal["png", "pdf", "svg"]


@dataclasses.dataclass(frozen=True)
class Figures:
    """Draw a run's figures, or verify a figure's file.

    The metadata of a figure's file name the run that it shows, with its settings, seed, data and
    parameters. --verify FILE redraws the figure from that run and compares; the exit status is 1 if
    they differ.

    Examples: jaxae figures runs/mnist --format pdf --out paper, then
    jaxae figures --verify paper/latent.pdf
    """

    run: tyro.conf.Positional[Annotated[Path | None, tyro.conf.arg(metavar="RUN")]] = None
    """The run's folder."""

    format: Format = "png"
    """The files' format; pdf and svg are vector graphics."""

    out: Folder = None
    """The folder to write to; by default the run's figures/."""

    box: BoxOption = None

    checkpoint: CheckpointOption = "newest"

    data_dir: Folder = None
    """Where the run's data are now, if they were moved."""

    verify: File = None
    """A figure's file to verify; no figures are written then."""

    def __call__(self) -> None:
        """Draw every figure of one run, or verify one."""
        if self.verify is not None:
            if self.run is not None:
                raise ValueError(
                    f"{self.run} and --verify {self.verify} were given; expected one of them, "
                    "since a figure's file names its run"
                )
            differences = jaxae.verify(self.verify, data=self.data_dir)
            say(f"{self.verify}: {'; '.join(differences) or 'the same'}")
            if differences:
                sys.exit(1)
        elif self.run is not None:
            source = jaxae.Source(self.run, data=self.data_dir, checkpoint=self.checkpoint)
            folder, names = self.out or self.run / "figures", jaxae.drawing.OF_ONE_RUN
            draw_all(source, folder, self.format, self.box, names)
        else:
            raise ValueError(
                "expected a run's folder, or --verify and a figure's file "
                "(see jaxae figures --help)"
            )


def draw_all(
    source: jaxae.Source, folder: Path, format: Format, box: BoxName | None, names: tuple[str, ...]
) -> None:
    """Draw figures of a run and print their paths; say which of them the run does not have."""
    for name in names:
        path = folder / f"{name}.{format}"
        try:
            jaxae.draw(name, [source], path, box=box)
        except jaxae.drawing.MissingFigureError as error:
            say(f"no {name}: {error}")
        else:
            say(str(path))
