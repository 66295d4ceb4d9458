"""`jaxae figures`: draw figures of one run or of several, or verify a figure's file."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

import jaxae
from jaxae.cli.console import say
from jaxae.cli.options import BoxOption, CheckpointOption, File, Folder
from jaxae.config import Width

Format = Literal["png", "pdf", "svg"]
# Not read from the registry, which imports JAX: help need not wait for that.
WORDS = {
    "latent": "every embedding, coloured by class",
    "grid": "images decoded from a grid in latent space",
    "reconstructions": "test images above their reconstructions",
    "curve": "losses against the epoch",
    "coverage": "the grid, with the distance of each tile to the nearest embedding",
    "entropy": "where classes mix",
    "gaps": "what the decoder makes of points far from any embedding",
    "interpolation": "images decoded between two images, for up to four runs",
    "magnification": "how fast images change over the plane",
    "geodesics": "shortest curves between test images, beside straight lines",
    "prior": "images decoded from samples of the prior, for a variational model",
    "ae_vae": "two runs side by side",
    "seeds": "test squared errors of up to four studies, with the range over seeds",
}
_ONLY = "\n".join(
    [
        "Draw only these figures; by default all that one run has, or all that compare the runs.",
        *(f"{name}: {words}" for name, words in WORDS.items()),
    ]
)


@dataclasses.dataclass(frozen=True)
class Figures:
    """Draw figures of one run or of several, or verify a figure's file.

    One run gets every figure that it has. Two to four runs get the figures that compare them, and
    so do studies. A figure that these runs do not have is named, and the others are drawn.

    The metadata of a figure's file name the runs that it shows, with their settings, seeds, data
    and parameters. --verify FILE redraws the figure from those runs and compares; the exit status
    is 1 if they differ, and if a figure of --only is missing.

    Examples: jaxae figures runs/mnist --only latent grid --format pdf --width column --out paper,
    then jaxae figures runs/mnist runs/vae --out paper,
    then jaxae figures --verify paper/latent.pdf
    """

    runs: tyro.conf.Positional[
        Annotated[tuple[Path, ...] | None, tyro.conf.arg(metavar="RUN ...")]
    ] = None
    """The folders of up to four runs, or of up to four studies."""

    only: Annotated[tuple[str, ...] | None, tyro.conf.arg(metavar="FIGURE ...", help=_ONLY)] = None

    classes: Annotated[
        tuple[str, ...] | None,
        tyro.conf.arg(
            metavar="CLASS ...",
            help="Show only images of these classes, given by name or label. Boxes, gaps and "
            "distances are then those of these images, but the plane and the classifier stay those "
            "of all classes. This has no effect on curve, prior and seeds.",
        ),
    ] = None

    format: Format = "png"
    """The files' format; pdf and svg are vector graphics."""

    width: Annotated[
        Width | None,
        tyro.conf.arg(
            metavar="column|page|slide|INCHES",
            help="Width of each figure: a column (3.5 inches) or a page (7) of a two-column paper, "
            "a slide (12, with larger text), or a number of inches; by default column or page, "
            "whichever suits the figure.",
        ),
    ] = None

    dpi: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Dots per inch, 10 to 2400; by default 300, or 150 for a slide. In pdf and svg, those of
    points and images."""

    palette: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="NAME",
            help="Colours of the classes: a colour map of Matplotlib, such as tab10; by default "
            "colours that colour-blind readers can distinguish.",
        ),
    ] = None

    box: BoxOption = None

    out: Folder = None
    """The folder to write to; by default figures/ in the first run's folder. A figure of several
    runs is named after them, too, such as ae_vae-mnist-vae.png."""

    checkpoint: CheckpointOption = "newest"

    data_dir: Folder = None
    """Where the runs' data are now, if they were moved."""

    verify: File = None
    """A figure's file to verify; no figures are written then."""

    def __call__(self) -> None:
        """Draw the figures, or verify one."""
        if self.verify is not None:
            self._verify(self.verify)
        elif self.runs:
            self._draw(self.runs)
        elif self.only or self.classes:
            raise ValueError(
                "expected a run's folder before --only and --classes, which take all words that "
                "follow them"
            )
        else:
            raise ValueError(
                "expected a run's folder, or --verify and a figure's file "
                "(see jaxae figures --help)"
            )

    def _draw(self, runs: Sequence[Path]) -> None:
        if self.only == ():
            raise ValueError(f"--only names no figure; expected some of {', '.join(WORDS)}")
        if self.out is not None and self.out.exists() and not self.out.is_dir():
            raise ValueError(f"--out {self.out} is not a folder")
        sources = [
            jaxae.Source(run, data=self.data_dir, checkpoint=self.checkpoint) for run in runs
        ]
        names = ("box", "classes", "palette", "width", "dpi")
        options = {name: getattr(self, name) for name in names}
        jaxae.drawing.check(self.only or (), sources, jaxae.drawing.Options(**options))
        figures = self.only or jaxae.drawing.figures_for(sources)
        if not figures:
            raise ValueError(f"{len(sources)} runs were given; expected one to four")
        complete = draw_all(sources, dict.fromkeys(figures), self.out, self.format, **options)
        if self.only and not complete:
            sys.exit(1)

    def _verify(self, file: Path) -> None:
        if self.runs:
            raise ValueError(
                f"{self.runs[0]} and --verify {file} were given; expected one of them, "
                "since a figure's file names its run"
            )
        differences = jaxae.verify(file, data=self.data_dir)
        say(f"{file}: {'; '.join(differences) or 'the same'}")
        if differences:
            sys.exit(1)


def draw_all(
    sources: Sequence[jaxae.Source],
    names: Iterable[str],
    folder: Path | None = None,
    format: Format = "png",
    **options: Any,
) -> bool:
    """Draw figures of runs and print their paths, or why these runs do not have one.

    Args:
      sources: the runs. The files of a figure of several runs are named after these, too.
      names: the figures.
      folder: where to write the files; by default figures/ in the first run's folder.
      format: the files' format.
      options: those of `jaxae.draw`.

    Returns:
      Whether every figure was drawn.
    """
    folder = folder or sources[0].path / "figures"
    runs = jaxae.drawing.folders_of(sources) if len(sources) > 1 else []
    complete = True
    for name in names:
        path = folder / f"{'-'.join([name, *runs]).replace('/', '-')}.{format}"
        try:
            jaxae.draw(name, sources, path, **options)
        except jaxae.drawing.MissingFigureError as error:
            say(f"no {name}: {error}")
            complete = False
        else:
            say(str(path))
    return complete
