"""A data set as a folder of arrays, read as it lies on disk; the layout of the TFDS cache too."""

import json
from pathlib import Path
from typing import NamedTuple

from jaxae.arrays import blaming, read_array
from jaxae.data.dataset import Dataset, Split
from jaxae.data.ondisk import NpyImages, RecordImages
from jaxae.files import read_text


class Meta(NamedTuple):
    """What a folder's meta.json says, None where it says nothing.

    Attributes:
      class_names: a name per label, in the labels' order.
      image_shape: height and width, which array_record files do not tell themselves.
    """

    class_names: tuple[str, ...] | None = None
    image_shape: tuple[int, int] | None = None


def holds_arrays(folder: Path) -> bool:
    """Tell whether a folder has any file of this layout."""
    names = [f"{split}_{kind}.npy" for split in ("train", "test") for kind in ("images", "labels")]
    names += ["train_images.array_record", "test_images.array_record"]
    return any((folder / name).exists() for name in names)


def read_folder(folder: Path) -> Dataset:
    """Open a folder of arrays; `load_dataset` tells its layout.

    Returns:
      The data set, named after the folder; the images are read when asked for. Where both forms of
      the same images are there, it is the .npy file that counts.

    Raises:
      ValueError: a file is missing, damaged, or does not fit the others; the text names it.
      OSError: a file cannot be read.
    """
    meta = read_meta(folder)
    train, test = (_read_split(folder, split, meta) for split in ("train", "test"))
    classes = int(max(train.labels.max(), test.labels.max())) + 1
    names = meta.class_names or tuple(map(str, range(classes)))
    return Dataset(folder.resolve().name, train, test, names)


def read_meta(folder: Path) -> Meta:
    """Read a folder's meta.json; there need not be one.

    Raises:
      ValueError: it is not JSON of that kind.
      OSError: it cannot be read.
    """
    path = folder / "meta.json"
    if not path.exists():
        return Meta()
    with blaming(path):
        try:
            content = json.loads(read_text(path))
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if not isinstance(content, dict):
            raise ValueError("expected an object with class_names or image_shape")
        names, shape = content.get("class_names"), content.get("image_shape")
        if names is not None and not (isinstance(names, list) and names):
            raise ValueError("class_names is not a list of names, one for each label")
        if shape is not None and not (
            isinstance(shape, list)
            and len(shape) == 2
            and all(type(side) is int and side > 0 for side in shape)
        ):
            raise ValueError("image_shape is not [height, width], two positive whole numbers")
    return Meta(
        None if names is None else tuple(map(str, names)),
        None if shape is None else (shape[0], shape[1]),
    )


def _read_split(folder: Path, split: str, meta: Meta) -> Split:
    images, path = _open_images(folder, split, meta), folder / f"{split}_labels.npy"
    if not path.exists():
        raise ValueError(f"{folder}: no {path.name}")
    with blaming(path):
        labels = read_array(path)
    try:
        return Split(images, labels)
    except ValueError as error:
        raise ValueError(f"{images.path} and {path.name}: {error}") from error


def _open_images(folder: Path, split: str, meta: Meta) -> NpyImages | RecordImages:
    npy, records = (folder / f"{split}_images{suffix}" for suffix in (".npy", ".array_record"))
    if npy.exists():
        return NpyImages(npy)
    if not records.exists():
        raise ValueError(f"{folder}: no {npy.name} or {records.name}")
    if meta.image_shape is None:
        raise ValueError(
            f"{records} does not tell the size of its images; expected a meta.json beside it with "
            '"image_shape": [height, width]'
        )
    return RecordImages(records, meta.image_shape)
