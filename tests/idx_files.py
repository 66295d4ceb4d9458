"""IDX files written by hand, independently of jaxae's reader."""

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jaxae import Split


def idx_header(shape: tuple[int, ...]) -> bytes:
    """Return the header of an IDX file of unsigned bytes."""
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def idx_bytes(array: npt.NDArray[np.uint8]) -> bytes:
    """Return an array as an IDX file."""
    return idx_header(array.shape) + array.tobytes()


def gzip_bomb(shape: tuple[int, ...], mib: int) -> bytes:
    """Return a small gzipped IDX file that claims a shape and decompresses to `mib` MiB."""
    compressor = zlib.compressobj(wbits=31)
    header = compressor.compress(idx_header(shape)) + compressor.flush(zlib.Z_FULL_FLUSH)
    # After a full flush a block refers to nothing before it, so it can be repeated.
    block = compressor.compress(bytes(16 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return header + mib // 16 * block


def write_idx_folder(folder: Path, train: Split, test: Split) -> None:
    """Write the four IDX files of a data set to a new folder."""
    folder.mkdir()
    for prefix, split in (("train", train), ("t10k", test)):
        images, labels = np.asarray(split.images), split.labels.astype(np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))


def write_blobs(folder: Path, seed: int = 0) -> None:
    """Write a tiny data set, 300 + 60 images of 8×6 pixels of noise, as a folder of IDX files."""
    rng = np.random.default_rng(seed)

    def noise(n: int) -> Split:
        images = rng.integers(0, 256, (n, 8, 6)).astype(np.uint8)
        return Split(images, rng.integers(0, 3, n))

    write_idx_folder(folder, noise(300), noise(60))
