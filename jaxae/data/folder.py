"""A data set as a folder of arrays, read as it lies on disk; the layout of the TFDS cache too."""

import json
from pathlib import Path

from jaxae._utils.files import read_text
from jaxae._utils.npy import blaming, read_array
from jaxae.data.dataset import Dataset, Split
from jaxae.data.ondisk import NpyImages


def holds_arrays(folder: Path) -> bool:
    """Tell whether a folder has any file of this layout."""
    names = [f"{split}_{kind}.npy" for split in ("train", "test") for kind in ("images", "labels")]
    return any((folder / name).exists() for name in names)


def read_folder(folder: Path) -> Dataset:
    """Open a folder of arrays; `load_dataset` tells its layout.

    Returns:
      The data set, named after the folder; the images are read when asked for.

    Raises:
      ValueError: a file is missing, damaged, or does not fit the others; the text names it.
      OSError: a file cannot be read.
    """
    names = read_class_names(folder)
    train, test = (_read_split(folder, split) for split in ("train", "test"))
    classes = int(max(train.labels.max(), test.labels.max())) + 1
    names = names or tuple(map(str, range(classes)))
    return Dataset(folder.resolve().name, train, test, names)


def read_class_names(folder: Path) -> tuple[str, ...] | None:
    """Read a folder's meta.json: a name per label, in the labels' order, or None if it has none.

    Raises:
      ValueError: it is not JSON of that kind; the text names it.
      OSError: it cannot be read.
    """
    path = folder / "meta.json"
    if not path.exists():
        return None
    with blaming(path):
        try:
            content = json.loads(read_text(path))
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if not isinstance(content, dict):
            raise ValueError("expected an object with class_names")
        names = content.get("class_names")
        if names is not None and not (isinstance(names, list) and names):
            raise ValueError("class_names is not a list of names, one for each label")
    return None if names is None else tuple(map(str, names))


def _read_split(folder: Path, split: str) -> Split:
    images, labels = (folder / f"{split}_{kind}.npy" for kind in ("images", "labels"))
    for path in (images, labels):
        if not path.exists():
            raise ValueError(f"{folder}: no {path.name}")
    on_disk = NpyImages(images)
    with blaming(labels):
        numbers = read_array(labels)
    try:
        return Split(on_disk, numbers)
    except ValueError as error:
        raise ValueError(f"{on_disk.path} and {labels.name}: {error}") from error
