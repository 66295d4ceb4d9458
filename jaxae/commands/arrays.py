"""`jaxae encode` and `jaxae decode`: a run's model applied to .npy files."""

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tyro

from jaxae.arrays import blaming, read_array, write_array
from jaxae.commands.common import RunArgument, say
from jaxae.latent import decode, encode
from jaxae.runs import Run


@dataclasses.dataclass(frozen=True)
class Encode:
    """Map images to their points in a run's latent space."""

    run: RunArgument
    """The run's folder."""

    images: tyro.conf.Positional[Path]
    """An .npy file of shape (n, height, width): integers 0 to 255 or floats 0 to 1."""

    z: tyro.conf.Positional[Path]
    """The .npy file to write: float32 of shape (n, latent_dim)."""

    def __call__(self) -> None:
        """Read, encode, write."""
        model = Run.open(self.run).load_model()
        with blaming(self.images):
            z = encode(model, read_array(self.images))
        _write(self.z, z)


@dataclasses.dataclass(frozen=True)
class Decode:
    """Map points in a run's latent space to images."""

    run: RunArgument
    """The run's folder."""

    z: tyro.conf.Positional[Path]
    """An .npy file of finite numbers of shape (n, latent_dim)."""

    images: tyro.conf.Positional[Path]
    """The .npy file to write: float32 of shape (n, height, width), values 0 to 1."""

    def __call__(self) -> None:
        """Read, decode, write."""
        model = Run.open(self.run).load_model()
        with blaming(self.z):
            images = decode(model, read_array(self.z))
        _write(self.images, images)


def _write(path: Path, array: npt.NDArray[np.float32]) -> None:
    write_array(path, array)
    say(f"{path}: {array.dtype} of shape {array.shape}")
