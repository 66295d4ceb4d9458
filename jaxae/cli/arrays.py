"""`jaxae encode` and `jaxae decode`: a run's model applied to .npy files."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from jaxae.cli.common import CheckpointOption, Hardware, RunArgument

Images = tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IMAGES.npy")]]
Points = tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="Z.npy")]]


@dataclasses.dataclass(frozen=True)
class Encode:
    """Map images to their points in a run's latent space.

    Example: jaxae encode runs/mnist images.npy z.npy
    """

    run: RunArgument
    """The run's folder."""

    images: Images
    """An .npy file of shape (n, height, width): integers 0 to 255 or floats 0 to 1."""

    z: Points
    """The .npy file to write: float32 of shape (n, latent_dim)."""

    checkpoint: CheckpointOption = "newest"

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    def __call__(self) -> None:
        """Read, encode and write, block by block."""
        from jaxae.cli.mapping import encode_file

        encode_file(self)


@dataclasses.dataclass(frozen=True)
class Decode:
    """Map points in a run's latent space to images.

    Example: jaxae decode runs/mnist z.npy images.npy
    """

    run: RunArgument
    """The run's folder."""

    z: Points
    """An .npy file of finite numbers of shape (n, latent_dim)."""

    images: Images
    """The .npy file to write: float32 of shape (n, height, width), values 0 to 1."""

    checkpoint: CheckpointOption = "newest"

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    def __call__(self) -> None:
        """Read, decode and write, block by block."""
        from jaxae.cli.mapping import decode_file

        decode_file(self)
