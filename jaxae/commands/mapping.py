"""Apply a run's model to .npy files, block by block."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from jaxae.arrays import ArrayFile, blaming, write_array
from jaxae.chunks import Floats
from jaxae.commands.arrays import Decode, Encode
from jaxae.commands.common import console, say
from jaxae.latent import decode_blocks, encode_blocks
from jaxae.progress import counted
from jaxae.runs import Run
from jaxae.signals import signals_held_back


def encode_file(options: Encode) -> None:
    """Write the points of a file's images."""
    model = Run.open(options.run).load_model(options.checkpoint, mesh=options.hardware.mesh())
    with blaming(options.images):
        images = ArrayFile(options.images)
        blocks = encode_blocks(model, images)
        _write(options.z, (images.shape[0], model.latent_dim), blocks, "Encoding")


def decode_file(options: Decode) -> None:
    """Write the images of a file's points."""
    model = Run.open(options.run).load_model(options.checkpoint, mesh=options.hardware.mesh())
    with blaming(options.z):
        z = ArrayFile(options.z)
        blocks = decode_blocks(model, z)
        _write(options.images, (z.shape[0], *model.image_shape), blocks, "Decoding")


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
