"""`jaxae encode` and `jaxae decode`: a run's model applied to .npy files."""

import dataclasses
from pathlib import Path

import tyro

from jaxae.commands.common import CheckpointOption, Hardware, RunArgument


@dataclasses.dataclass(frozen=True)
class Encode:
    """Map images to their points in a run's latent space."""

    run: RunArgument
    """The run's folder."""

    images: tyro.conf.Positional[Path]
    """An .npy file of shape (n, height, width): integers 0 to 255 or floats 0 to 1."""

    z: tyro.conf.Positional[Path]
    """The .npy file to write: float32 of shape (n, latent_dim)."""

    checkpoint: CheckpointOption = "newest"

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    def __call__(self) -> None:
        """Read, encode and write, block by block."""
        from jaxae.commands.mapping import encode_file

        encode_file(self)


@dataclasses.dataclass(frozen=True)
class Decode:
    """Map points in a run's latent space to images."""

    run: RunArgument
    """The run's folder."""

    z: tyro.conf.Positional[Path]
    """An .npy file of finite numbers of shape (n, latent_dim)."""

    images: tyro.conf.Positional[Path]
    """The .npy file to write: float32 of shape (n, height, width), values 0 to 1."""

    checkpoint: CheckpointOption = "newest"

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    def __call__(self) -> None:
        """Read, decode and write, block by block."""
        from jaxae.commands.mapping import decode_file

        decode_file(self)
