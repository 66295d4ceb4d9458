"""`jaxae explore`: the latent plane of one run or two as a page for a web browser."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

import jaxae
from jaxae.cli.console import say
from jaxae.cli.options import CheckpointOption, Folder


@dataclasses.dataclass(frozen=True)
class Explore:
    """Write the latent plane as one HTML file that decodes the point under the pointer.

    The file opens in a web browser from the disk, without a network. It shows one run, or two runs
    of the same data side by side, linked by example.

    Example: jaxae explore runs/mnist runs/vae --out explorer.html
    """

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RUN [RUN2]")]]
    """The folders of one run or two."""

    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The HTML file to write."""

    max_points: Annotated[int, tyro.conf.arg(metavar="N")] = 200_000
    """Number of embeddings above which a random sample is shown."""

    checkpoint: CheckpointOption = "newest"

    data_dir: Folder = None
    """Where the runs' data are now, if they were moved."""

    def __call__(self) -> None:
        """Write the page."""
        sources = [
            jaxae.Source(run, data=self.data_dir, checkpoint=self.checkpoint) for run in self.runs
        ]
        jaxae.explorer.write(sources, self.out, max_points=self.max_points)
        say(f"{self.out}: {self.out.stat().st_size / 1e6:.2f} MB")
