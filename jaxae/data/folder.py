"""Read a data set from a folder of .npy files, or of IDX files in MNIST's layout."""

import json
from pathlib import Path

from jaxae._utils.files import read_text
from jaxae._utils.npy import ArrayFile, prefix_errors
from jaxae.data.dataset import Dataset, Split
from jaxae.data.idx import read_idx
from jaxae.data.ondisk import NpyImages


def read_folder(folder: Path) -> Dataset:
    """Open a folder of .npy or IDX files; `load_dataset` describes both layouts.

    Returns:
      The data set, named after the folder. Images in .npy files stay on disk.

    Raises:
      ValueError: a file is missing, damaged, or does not fit the others; the message names it.
      OSError: a file cannot be read.
    """
    names = None
    npy = [
        (folder / f"{split}_images.npy", folder / f"{split}_labels.npy")
        for split in ("train", "test")
    ]
    if any(path.exists() for paths in npy for path in paths):
        train, test = (_read_npy_split(*paths) for paths in npy)
        names = read_class_names(folder)
    else:
        train, test = (_read_idx_split(folder, split) for split in ("train", "t10k"))
    if names is None:
        classes = int(max(train.labels.max(), test.labels.max())) + 1
        names = tuple(map(str, range(classes)))
    return Dataset(folder.resolve().name, train, test, names)


def read_class_names(folder: Path) -> tuple[str, ...] | None:
    """Read the class names from a folder's meta.json, in the labels' order.

    Returns:
      One name per label, or None if there is no meta.json or it has no `class_names`.

    Raises:
      ValueError: meta.json is not valid; the message names it.
      OSError: it cannot be read.
    """
    path = folder / "meta.json"
    if not path.exists():
        return None
    with prefix_errors(path):
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


def _read_npy_split(images: Path, labels: Path) -> Split:
    for path in (images, labels):
        if not path.exists():
            raise ValueError(f"{path.parent}: no {path.name}")
    with prefix_errors(labels):
        mapped = ArrayFile(labels).map()
    on_disk = NpyImages(images)
    with prefix_errors(f"{images} and {labels.name}"):
        return Split(on_disk, mapped)


def _read_idx_split(folder: Path, split: str) -> Split:
    images = _find_idx(folder, f"{split}-images", "idx3-ubyte")
    labels = _find_idx(folder, f"{split}-labels", "idx1-ubyte")
    pixels, numbers = read_idx(images, ndim=3), read_idx(labels, ndim=1)
    with prefix_errors(f"{images} and {labels.name}"):
        return Split(pixels, numbers)


def _find_idx(folder: Path, stem: str, suffix: str) -> Path:
    names = [f"{stem}{separator}{suffix}" for separator in "-."]
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise ValueError(
        f"{folder}: no {names[0]} (or {names[1]}, or either with .gz), and no train_images.npy"
    )
