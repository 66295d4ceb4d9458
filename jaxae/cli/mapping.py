"""Apply a run's model to .npy files, block by block."""

from collections.abc import Iterable
from pathlib import Path

from jaxae._utils.npy import ArrayFile, prefix_errors, write_array
from jaxae.cli.arrays import Decode, Encode
from jaxae.cli.common import console, say
from jaxae.cli.progress import counted
from jaxae.latent import Floats, decode_blocks, encode_blocks
from jaxae.runs import Run


def encode_file(options: Encode) -> None:
    """Write the points of a file's images."""
    _check_apart(options.images, options.z)
    model = Run.open(options.run).load_model(options.checkpoint, mesh=options.hardware.mesh())
    with prefix_errors(options.images):
        images = ArrayFile(options.images)
        blocks = encode_blocks(model, images)
        _write(options.z, (images.shape[0], model.latent_dim), blocks, "Encoding")


def decode_file(options: Decode) -> None:
    """Write the images of a file's points."""
    _check_apart(options.z, options.images)
    model = Run.open(options.run).load_model(options.checkpoint, mesh=options.hardware.mesh())
    with prefix_errors(options.z):
        z = ArrayFile(options.z)
        blocks = decode_blocks(model, z)
        _write(options.images, (z.shape[0], *model.image_shape), blocks, "Decoding")


def _check_apart(read: Path, written: Path) -> None:
    if read.exists() and written.exists() and written.samefile(read):
        raise ValueError(f"{written} is the file to read; choose another one to write")


def _write(path: Path, shape: tuple[int, ...], blocks: Iterable[Floats], title: str) -> None:
    write_array(path, shape, counted(blocks, title, shape[0], console))
    say(f"{path}: float32 of shape {shape}")
