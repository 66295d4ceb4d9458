"""Find a data set by its name or its folder."""

import hashlib
from pathlib import Path

from jaxae.data.dataset import Dataset, Split
from jaxae.data.folder import holds_arrays, read_folder
from jaxae.data.idx import read_idx

_BUNDLED = Path(__file__).parent / "mnist"

# Of the canonical archives; SOURCE.md beside them says where they come from.
_SHA256 = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


def load_dataset(name_or_folder: str | Path = "mnist") -> Dataset:
    """Load a data set of labelled images.

    Args:
      name_or_folder: a name, or a folder as a `Path` or as a text that begins with `/`, `~` or
        `.`; one of
        - `"mnist"`, bundled with the package and checked against its SHA-256;
        - a folder with the four IDX files of MNIST's layout, gzipped or not, spelled
          `train-images-idx3-ubyte` or `train-images.idx3-ubyte`;
        - a folder of arrays: `train_images.npy`, uint8 of shape (n, height, width);
          `train_labels.npy`; the same two for `test`; and `meta.json`, which may list the
          `class_names`. The images stay on disk;
        - the name of an image-classification data set of TensorFlow Datasets, such as
          `"fashion_mnist"` or `"emnist/letters"`, converted once into a cache (in
          `$JAXAE_DATA_DIR`, by default the platform's cache folder), such a folder of arrays.

    Returns:
      The data set; images are uint8 of shape (n, height, width), RGB turned to grey.

    Raises:
      ValueError: there is no such data set, or a file of it is missing or damaged.
    """
    if name_or_folder == "mnist":
        _check_archives(_BUNDLED)
        return _from_folder(_BUNDLED)
    if names_folder(name_or_folder):
        folder = Path(name_or_folder).expanduser()
        if name_or_folder == "" or not folder.is_dir():
            raise ValueError(
                f"{name_or_folder!s}: no such folder; expected one with IDX or .npy files"
            )
        return read_folder(folder) if holds_arrays(folder) else _from_folder(folder)
    # Imported here because only a data set of TFDS needs it.
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
    """Return whether this is a folder, which need not exist, rather than a data set's name."""
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


def _from_folder(folder: Path) -> Dataset:
    train = _read_split(folder, "train")
    test = _read_split(folder, "t10k")
    classes = int(max(train.labels.max(), test.labels.max())) + 1
    return Dataset(
        folder.resolve().name, train, test, tuple(str(label) for label in range(classes))
    )


def _read_split(folder: Path, prefix: str) -> Split:
    images, labels = _find(folder, prefix, "images", 3), _find(folder, prefix, "labels", 1)
    try:
        return Split(read_idx(images, ndim=3), read_idx(labels, ndim=1))
    except ValueError as error:
        # read_idx names its file itself; what is wrong between the two names both.
        if str(error).startswith(str(folder)):
            raise
        raise ValueError(f"{images} and {labels.name}: {error}") from error


def _find(folder: Path, prefix: str, kind: str, ndim: int) -> Path:
    stems = [f"{prefix}-{kind}{separator}idx{ndim}-ubyte" for separator in "-."]
    for stem in stems:
        for path in (folder / stem, folder / f"{stem}.gz"):
            if path.is_file():
                return path
    raise ValueError(
        f"{folder}: no {stems[0]} (or {stems[1]}, or either with .gz), and no train_images.npy"
    )
