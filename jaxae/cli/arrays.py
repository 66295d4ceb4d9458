"""`jaxae encode` and `jaxae decode`: apply a run's model to .npy files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import tyro

import jaxae
from jaxae.cli.console import console, say
from jaxae.cli.options import CheckpointOption, Hardware, RunArgument
from jaxae.cli.progress import counted

ImagesFile = tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IMAGES.npy")]]
PointsFile = tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="Z.npy")]]


@dataclasses.dataclass(frozen=True)
class Encode:
    """Map images to points in a run's latent space.

    Example: jaxae encode runs/mnist images.npy z.npy
    """

    run: RunArgument
    """The run's folder."""

    images: ImagesFile
    """An .npy file of shape (n, height, width), or (n, height, width, 3) in colour: integers 0 to
    255, or floats 0 to 1."""

    z: PointsFile
    """The .npy file to write: float32 of shape (n, latent_dim)."""

    checkpoint: CheckpointOption = "newest"

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    def __call__(self) -> None:
        """Read, encode and write, block by block."""
        _refuse_overwriting(self.images, self.z)
        model = jaxae.Run.open(self.run).load_model(self.checkpoint, mesh=self.hardware.mesh())
        with jaxae.data.prefix_errors(self.images):
            images = jaxae.data.ArrayFile(self.images)
            blocks = jaxae.latent.encode_blocks(model, images)
            _write(self.z, (images.shape[0], model.latent_dim), blocks, "Encoding")


@dataclasses.dataclass(frozen=True)
class Decode:
    """Map points in a run's latent space to images.

    Example: jaxae decode runs/mnist z.npy images.npy
    """

    run: RunArgument
    """The run's folder."""

    z: PointsFile
    """An .npy file of shape (n, latent_dim): finite numbers."""

    images: ImagesFile
    """The .npy file to write: float32 of shape (n, height, width), or (n, height, width, 3) in
    colour, values 0 to 1."""

    checkpoint: CheckpointOption = "newest"

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    def __call__(self) -> None:
        """Read, decode and write, block by block."""
        _refuse_overwriting(self.z, self.images)
        model = jaxae.Run.open(self.run).load_model(self.checkpoint, mesh=self.hardware.mesh())
        with jaxae.data.prefix_errors(self.z):
            z = jaxae.data.ArrayFile(self.z)
            blocks = jaxae.latent.decode_blocks(model, z)
            _write(self.images, (z.shape[0], *model.image_shape), blocks, "Decoding")


def _refuse_overwriting(read: Path, written: Path) -> None:
    if read.exists() and written.exists() and written.samefile(read):
        raise ValueError(f"{written} is the file to read; write to another one")


def _write(
    path: Path, shape: tuple[int, ...], blocks: Iterable[jaxae.latent.Floats], title: str
) -> None:
    jaxae.data.write_array(path, shape, counted(blocks, title, shape[0], console))
    say(f"{path}: float32 of shape {shape}")
