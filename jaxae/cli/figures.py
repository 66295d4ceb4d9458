"""`jaxae figures`: draw a run's figures, or verify a file that was drawn."""

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from jaxae.cli.common import CheckpointOption, Flag, say

if TYPE_CHECKING:
    from jaxae.drawing import Source

Format = Literal["png", "pdf", "svg"]


@dataclasses.dataclass(frozen=True)
class Figures:
    """Draw a run's figures, or verify one that was drawn.

    A figure's file says in its metadata which run it was drawn from, with its settings, seed, data
    and parameters. --verify FILE draws it again from there and tells whether it is the same; the
    exit status is 1 where it is not.

    Examples: jaxae figures runs/mnist --format pdf --out paper, then
    jaxae figures --verify paper/latent.pdf
    """

    run: tyro.conf.Positional[Annotated[Path | None, tyro.conf.arg(metavar="RUN")]] = None
    """The run's folder."""

    format: Format = "png"
    """Of the files; pdf and svg are vector graphics."""

    out: Path | None = None
    """The folder to write to; by default the run's figures/."""

    fit_box: Flag = False
    """Decode grids on the cloud's own 1st to 99th percentile, not on the lecture's box."""

    checkpoint: CheckpointOption = "newest"

    data_dir: Path | None = None
    """Where the run's data are now, if they moved."""

    verify: Path | None = None
    """A figure's file to verify; nothing is drawn then."""

    def __call__(self) -> None:
        """Draw every figure that one run has, or verify."""
        from jaxae.drawing import OF_ONE_RUN, Source, verify

        if self.verify is not None:
            if self.run is not None:
                raise ValueError(
                    f"{self.run} and --verify {self.verify} were given; expected one of them, "
                    "since a figure's file says itself which run it was drawn from"
                )
            found = verify(self.verify, data=self.data_dir)
            say(f"{self.verify}: {'; '.join(found) or 'the same'}")
            if found:
                sys.exit(1)
        elif self.run is not None:
            source = Source(self.run, data=self.data_dir, checkpoint=self.checkpoint)
            draw_all(
                source, self.out or self.run / "figures", self.format, self.fit_box, OF_ONE_RUN
            )
        else:
            raise ValueError(
                "expected a run's folder, or --verify and a figure's file "
                "(jaxae figures --help explains)"
            )


def draw_all(
    source: "Source", folder: Path, format: Format, fit_box: bool, names: tuple[str, ...]
) -> None:
    """Draw figures of a run and print their paths; say which of them it does not have."""
    from jaxae.drawing import MissingFigureError, draw

    for name in names:
        path = folder / f"{name}.{format}"
        try:
            draw(name, [source], path, fit_box=fit_box)
        except MissingFigureError as error:
            say(f"no {name}: {error}")
        else:
            say(str(path))
