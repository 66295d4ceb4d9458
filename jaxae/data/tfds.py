"""Data sets of TensorFlow Datasets (TFDS), converted once to a folder of .npy files.

TFDS decodes one PNG at a time. The converted arrays need no decoding and no TensorFlow.
"""

import dataclasses
import difflib
import importlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
from rich.console import Console
from rich.progress import track

from jaxae._utils.npy import prefix_errors
from jaxae._utils.text import reason
from jaxae.data.dataset import Dataset
from jaxae.data.folder import read_class_names, read_folder

_INSTALL = "pip install 'jaxae[tfds]'"


def cache_folder() -> Path:
    """Return the folder of converted data: `$JAXAE_DATA_DIR`, or the platform's cache folder."""
    chosen = os.environ.get("JAXAE_DATA_DIR")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("jaxae")


def load_from_tfds(name: str) -> Dataset:
    """Open a TFDS data set from the cache; convert it first if it is not there.

    Args:
      name: the name in TFDS, with the configuration after a slash (`emnist/letters`).

    Returns:
      The data set; its images stay on disk.

    Raises:
      ValueError: TFDS or TensorFlow is not installed, the name is unknown, the examples are not
        images of one size with one class label each, the data cannot be downloaded, or the cache is
        damaged.
    """
    grey = cache_folder() / name.replace("/", "--").replace(":", "--")
    folder = next(filter(Path.is_dir, (_in_colour(grey), grey)), None) or convert(name, grey)
    try:
        return _open(name, folder)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder} is damaged ({reason(error)}); delete it, and the next run will convert "
            f"{name} again"
        ) from error


def _in_colour(grey: Path) -> Path:
    # Earlier versions converted colour images to grey. A cache may have both, under two names.
    return grey.with_name(f"{grey.name}.rgb")


def _open(name: str, folder: Path) -> Dataset:
    if read_class_names(folder) is None:  # Optional in a user's folder, but not in the cache.
        raise ValueError(f"{folder / 'meta.json'} has no class_names")
    return dataclasses.replace(read_folder(folder), name=name)


def convert(name: str, folder: Path, archives: Path | None = None) -> Path:
    """Prepare a data set with TFDS and convert it to .npy files, all of them or none.

    Args:
      name: the name in TFDS.
      folder: the folder to create, with `train_images.npy`, `train_labels.npy`, the same two for
        `test`, and `meta.json` with the class names. If the images are in colour, `.rgb` is added
        to its name.
      archives: a folder with the data set's original archives, to be used without a download.

    Returns:
      The folder.

    Raises:
      ValueError: see `load_from_tfds`.
    """
    builder = _prepared_builder(name, folder.parent / "tfds", archives)
    splits = builder.info.splits
    test = next((split for split in ("test", "validation") if split in splits), None)
    if "train" not in splits or test is None:
        raise ValueError(
            f"{name} has the splits {sorted(splits)}; expected train, and test or validation"
        )
    image_key, label_key = _supervised_keys(builder, name)

    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for ours, theirs in (("train", "train"), ("test", test)):
            source = builder.as_data_source(theirs)
            _write_split(source, partial, ours, image_key, label_key, f"{name} {ours}")
        meta = {
            "class_names": builder.info.features[label_key].names,
            "source": f"TFDS {builder.info.full_name}",
        }
        (partial / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")
        with prefix_errors(name):
            dataset = _open(name, partial)  # Validate the data before they are kept.
        if len(dataset.image_shape) == 3:
            folder = _in_colour(folder)
        partial.chmod(0o755)  # mkdtemp creates a private folder; a cache may be shared.
        if not folder.is_dir():  # Another process may have converted the same data meanwhile.
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _prepared_builder(name: str, data_dir: Path, archives: Path | None) -> Any:
    tfds = _import_tfds(name)
    try:
        # array_record files can be read in any order, and without TensorFlow.
        builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    except Exception as error:  # Its type depends on what is wrong: name, configuration, version.
        close = _close_names(tfds, name)
        hint = f"; close matches: {', '.join(close)}" if close else ""
        raise ValueError(f"unknown data set {name!r}{hint}") from error
    if builder.is_prepared():
        return builder
    # The default is ten tries with growing pauses: minutes of silence if there is no network.
    downloader: Any = importlib.import_module("tensorflow_datasets.core.download.downloader")
    downloader.MAX_RETRIES = 4
    config = tfds.download.DownloadConfig(manual_dir=archives)
    try:
        builder.download_and_prepare(download_config=config)
    except Exception as error:  # Of TFDS's downloader, of a parser or of the disk.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"TFDS could not prepare {name}: {lines[0]}") from error
    return builder


def _import_tfds(name: str) -> Any:
    if all(importlib.util.find_spec(package) for package in ("tensorflow", "tensorflow_datasets")):
        import tensorflow_datasets as tfds

        if hasattr(tfds, "builder"):  # TFDS imports as an empty module if it lacks a dependency.
            return tfds
    raise ValueError(
        f"{name!r} is neither the bundled 'mnist' nor a folder; TFDS data sets need {_INSTALL}"
    )


def _close_names(tfds: Any, name: str) -> list[str]:
    known = tfds.list_builders(with_community_datasets=False)
    base = re.split("[/:]", name)[0]
    if base not in known:
        return difflib.get_close_matches(base, known, n=3)
    configs = tfds.builder_cls(base).builder_configs
    names = [f"{base}/{config}" for config in configs] or [base]
    return difflib.get_close_matches(name, names, n=3, cutoff=0)


def _supervised_keys(builder: Any, name: str) -> tuple[str, str]:
    import tensorflow_datasets as tfds

    features, keys = builder.info.features, builder.info.supervised_keys
    if (
        keys is not None
        and len(keys) == 2
        and isinstance(features[keys[0]], tfds.features.Image)
        and isinstance(features[keys[1]], tfds.features.ClassLabel)
    ):
        return keys
    raise ValueError(
        f"{name} is not a data set of images with one class label each; choose another"
    )


def _write_split(
    source: Any, folder: Path, split: str, image_key: str, label_key: str, title: str
) -> None:
    shape = _pixels(source[0][image_key]).shape
    labels = np.empty(len(source), dtype=np.int32)
    images = np.lib.format.open_memmap(
        folder / f"{split}_images.npy", mode="w+", dtype=np.uint8, shape=(len(source), *shape)
    )
    console = Console(stderr=True)
    for i, example in enumerate(
        track(source, f"Converting {title}", total=len(source), console=console, transient=True)
    ):
        image = _pixels(example[image_key])
        if image.shape != shape:
            raise ValueError(
                f"{title}: image 0 is {shape}, image {i} is {image.shape}; expected one size"
            )
        images[i], labels[i] = image, example[label_key]
    images.flush()
    np.save(folder / f"{split}_labels.npy", labels)


def _pixels(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an RGB image as it is, and a grey one, (height, width, 1), without its last axis.

    Raises:
      ValueError: the image has another dtype or number of channels.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(
            f"an image is {image.dtype} of shape {image.shape}; "
            "expected uint8 with 1 (grey) or 3 (RGB) channels last"
        )
    return image[..., 0] if image.shape[2] == 1 else image
