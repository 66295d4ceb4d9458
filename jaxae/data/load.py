"""Load a data set by its name or from its folder."""

import hashlib
from pathlib import Path

from jaxae.data.dataset import Dataset
from jaxae.data.folder import read_folder

_BUNDLED = Path(__file__).parent / "mnist"

# Of MNIST's original archives; SOURCE.md in that folder says where they come from.
_SHA256 = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


def load_dataset(name_or_folder: str | Path = "mnist") -> Dataset:
    """Load a data set of labelled images.

    Args:
      name_or_folder: a name, or a folder given as a `Path` or as a string that begins with `/`, `~`
        or `.`. One of

        - `"mnist"`, bundled with the package and checked against its SHA-256;
        - a folder with the four IDX files of MNIST's layout, gzipped or not, named
          `train-images-idx3-ubyte` or `train-images.idx3-ubyte`;
        - a folder of arrays: `train_images.npy`, uint8 of shape (n, height, width), or (n, height,
          width, 3) in colour; `train_labels.npy`; the same two for `test`; and `meta.json`, which
          may list the `class_names`. The images stay on disk;
        - the name of an image-classification data set of TensorFlow Datasets, such as
          `"fashion_mnist"` or `"emnist/letters"`. It is converted once to such a folder of arrays,
          in a cache (`$JAXAE_DATA_DIR`, by default the platform's cache folder).

    Returns:
      The data set.

    Raises:
      ValueError: there is no such data set, or one of its files is missing or damaged.

    Example:
      >>> data = jaxae.load_dataset("mnist")
      >>> data.train.images.shape, data.test.images.shape
      ((60000, 28, 28), (10000, 28, 28))
    """
    if name_or_folder == "mnist":
        _check_archives(_BUNDLED)
        return read_folder(_BUNDLED)
    if names_folder(name_or_folder):
        folder = Path(name_or_folder).expanduser()
        if name_or_folder == "" or not folder.is_dir():
            raise ValueError(
                f"{name_or_folder!s}: no such folder; expected one with IDX or .npy files"
            )
        return read_folder(folder)
    # Imported here because most data sets do not need it.
    from jaxae.data.tfds import load_from_tfds

    try:
        return load_from_tfds(str(name_or_folder))
    except ValueError as error:
        if Path(name_or_folder).is_dir():
            raise ValueError(
                f"{error}; for the folder {name_or_folder} pass --data-dir {name_or_folder}, or in "
                f'Python "./{name_or_folder}"'
            ) from error
        raise


def names_folder(name_or_folder: str | Path) -> bool:
    """Whether this is a folder, which need not exist, and not the name of a data set."""
    if isinstance(name_or_folder, Path):
        return True
    return Path(name_or_folder).is_absolute() or name_or_folder[:1] in ("", ".", "~")


def _check_archives(folder: Path) -> None:
    for stem, expected in _SHA256.items():
        name = f"{stem}.gz"
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            raise ValueError(
                f"{folder / name} is damaged: its SHA-256 is {found}, expected {expected}; "
                "install jaxae again"
            )
