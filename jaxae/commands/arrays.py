"""`jaxae encode` and `jaxae decode`: a run's model applied to .npy files."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import tyro

from jaxae.arrays import ArrayFile, blaming, write_array
from jaxae.chunks import Floats
from jaxae.commands.common import Hardware, RunArgument, console, say
from jaxae.latent import decode_blocks, encode_blocks
from jaxae.progress import counted
from jaxae.runs import Run
from jaxae.signals import signals_held_back


@dataclasses.dataclass(frozen=True)
class Encode:
    """Map images to their points in a run's latent space."""

    run: RunArgument
    """The run's folder."""

    images: tyro.conf.Positional[Path]
    """An .npy file of shape (n, height, width): integers 0 to 255 or floats 0 to 1."""

    z: tyro.conf.Positional[Path]
    """The .npy file to write: float32 of shape (n, latent_dim)."""

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    def __call__(self) -> None:
        """Read, encode and write, block by block."""
        model = Run.open(self.run).load_model(mesh=self.hardware.mesh())
        with blaming(self.images):
            images = ArrayFile(self.images)
            blocks = encode_blocks(model, images)
            _write(self.z, (images.shape[0], model.latent_dim), blocks, "Encoding")


@dataclasses.dataclass(frozen=True)
class Decode:
    """Map points in a run's latent space to images."""

    run: RunArgument
    """The run's folder."""

    z: tyro.conf.Positional[Path]
    """An .npy file of finite numbers of shape (n, latent_dim)."""

    images: tyro.conf.Positional[Path]
    """The .npy file to write: float32 of shape (n, height, width), values 0 to 1."""

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    def __call__(self) -> None:
        """Read, decode and write, block by block."""
        model = Run.open(self.run).load_model(mesh=self.hardware.mesh())
        with blaming(self.z):
            z = ArrayFile(self.z)
            blocks = decode_blocks(model, z)
            _write(self.images, (z.shape[0], *model.image_shape), blocks, "Decoding")


def _write(path: Path, shape: tuple[int, ...], blocks: Iterable[Floats], title: str) -> None:
    # A job that is stopped has its partial file to delete first.
    with signals_held_back() as stop_if_asked:
        blocks = _stopping(blocks, stop_if_asked)
        write_array(path, shape, counted(blocks, title, shape[0], console))
    say(f"{path}: float32 of shape {shape}")


def _stopping(blocks: Iterable[Floats], stop_if_asked: Callable[[], None]) -> Iterator[Floats]:
    for block in blocks:
        stop_if_asked()
        yield block
