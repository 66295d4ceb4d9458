"""Data sets as folders of files, in both layouts: IDX and .npy."""

import gzip
import json
import re
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from jaxae import Dataset, Split, load_dataset
from jaxae.data import NpyImages
from tests.idx_files import idx_bytes

FILES = [(split, kind) for split in ("train", "test") for kind in ("images", "labels")]


def images(n: int, height: int = 4) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(n).integers(0, 256, (n, height, 3), dtype=np.uint8)


def labels(n: int) -> npt.NDArray[np.uint8]:
    return (np.arange(n) % 3).astype(np.uint8)


DATA = Dataset(
    "shapes", Split(images(7), labels(7)), Split(images(4), labels(4)), ("low", "middle", "high")
)
only_idx = pytest.mark.parametrize("layout", ["idx"])
only_npy = pytest.mark.parametrize("layout", ["npy"])


@pytest.fixture(params=["idx", "npy"])
def layout(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder(tmp_path: Path, layout: str) -> Path:
    """The four files of 7 training and 4 test images, 4 pixels high and 3 wide."""
    folder = tmp_path / DATA.name
    folder.mkdir()
    for split, kind in FILES:
        write(path_of(folder, layout, split, kind), getattr(getattr(DATA, split), kind))
    return folder


def path_of(folder: Path, layout: str, split: str, kind: str) -> Path:
    if layout == "npy":
        return folder / f"{split}_{kind}.npy"
    ndim, prefix = {"images": 3, "labels": 1}[kind], {"train": "train", "test": "t10k"}[split]
    return folder / f"{prefix}-{kind}-idx{ndim}-ubyte"


def write(path: Path, array: npt.NDArray[np.uint8]) -> None:
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        path.write_bytes(idx_bytes(array))


def assert_is_data(dataset: Dataset) -> None:
    for found, expected in ((dataset.train, DATA.train), (dataset.test, DATA.test)):
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)
    assert (dataset.name, dataset.image_shape) == ("shapes", (4, 3))


# Both layouts.


def test_a_folder_is_read_as_it_was_written(folder: Path) -> None:
    dataset = load_dataset(folder)
    assert_is_data(dataset)
    assert dataset.class_names == ("0", "1", "2")


def test_classes_are_counted_over_both_splits(folder: Path, layout: str) -> None:
    write(path_of(folder, layout, "test", "labels"), np.array([0, 1, 2, 5], np.uint8))
    assert load_dataset(folder).class_names == ("0", "1", "2", "3", "4", "5")


@pytest.mark.parametrize(("split", "kind"), FILES)
def test_a_missing_file_is_named(folder: Path, layout: str, split: str, kind: str) -> None:
    path = path_of(folder, layout, split, kind)
    path.unlink()
    with pytest.raises(ValueError, match=rf"^{folder}: no {path.name}"):
        load_dataset(folder)


@pytest.mark.parametrize(("split", "kind"), FILES)
def test_a_truncated_file_is_named(folder: Path, layout: str, split: str, kind: str) -> None:
    path = path_of(folder, layout, split, kind)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=rf"^{path}: .* bytes"):
        load_dataset(folder)


def test_different_numbers_of_images_and_labels_are_refused(folder: Path, layout: str) -> None:
    write(path_of(folder, layout, "train", "labels"), labels(6))
    names = (path_of(folder, layout, "train", kind).name for kind in ("images", "labels"))
    expected = f"{folder}/{' and '.join(names)}: 7 images but 6 labels"
    with pytest.raises(ValueError, match=f"^{expected}"):
        load_dataset(folder)


def test_a_folder_of_zero_images_is_refused(folder: Path, layout: str) -> None:
    write(path_of(folder, layout, "test", "images"), images(0))
    write(path_of(folder, layout, "test", "labels"), labels(0))
    with pytest.raises(ValueError, match=r"images.* and .*labels.*: no images"):
        load_dataset(folder)


def test_training_and_test_images_of_different_sizes_are_refused(folder: Path, layout: str) -> None:
    write(path_of(folder, layout, "test", "images"), images(4, height=5))
    with pytest.raises(ValueError, match=r"\(4, 3\).*\(5, 3\).*one size"):
        load_dataset(folder)


# IDX.


@only_idx
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("separator", ["-", "."])
def test_idx_files_may_have_either_spelling_and_be_gzipped(
    folder: Path, separator: str, suffix: str
) -> None:
    for path in list(folder.iterdir()):
        content = path.read_bytes()
        path.unlink()
        name = path.name.replace("-idx", f"{separator}idx") + suffix
        (folder / name).write_bytes(gzip.compress(content) if suffix else content)
    assert_is_data(load_dataset(folder))


# .npy.


@only_npy
def test_images_in_npy_files_stay_on_disk(folder: Path) -> None:
    dataset = load_dataset(folder)
    assert all(isinstance(split.images, NpyImages) for split in (dataset.train, dataset.test))


@only_npy
def test_colour_images_are_read_from_npy_files(folder: Path) -> None:
    colour = {name: np.stack([images(n)] * 3, axis=-1) for name, n in (("train", 7), ("test", 4))}
    for name, array in colour.items():
        np.save(folder / f"{name}_images.npy", array)
    dataset = load_dataset(folder)
    np.testing.assert_array_equal(dataset.train.images, colour["train"])
    assert dataset.image_shape == (4, 3, 3)
    np.save(folder / "test_images.npy", images(4))
    with pytest.raises(ValueError, match=r"\(4, 3, 3\), test images \(4, 3\); expected one size"):
        load_dataset(folder)


@only_npy
def test_the_checksum_is_the_same_in_memory_and_on_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_dataset(folder).checksum == DATA.checksum
    monkeypatch.setattr("jaxae.data.dataset._BLOCK_BYTES", 12 * 3)  # 7 is not a multiple of 3.
    assert load_dataset(folder).checksum == DATA.checksum


@only_npy
def test_class_names_are_read_from_meta_json(folder: Path) -> None:
    (folder / "meta.json").write_text(json.dumps({"class_names": DATA.class_names}))
    assert load_dataset(folder).class_names == DATA.class_names


@only_npy
@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ("", "meta.json: "),
        ("[]", "meta.json: expected an object"),
        ("[" * 100_000, "meta.json: it is nested too deeply"),
        (" " * (1 << 21), "meta.json: it is larger than"),
        ('{"class_names": "abc"}', "meta.json: class_names is not a list"),
        ('{"class_names": ["a", "b"]}', "labels run from 0 to 2; expected 0 to 1"),
    ],
)
def test_an_invalid_meta_json_is_reported_in_one_line(folder: Path, meta: str, reason: str) -> None:
    (folder / "meta.json").write_text(meta)
    with pytest.raises(ValueError, match=reason) as caught:
        load_dataset(folder)
    assert "\n" not in str(caught.value)


@only_npy
@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(7), "train_images.npy and train_labels.npy: labels are float64"),
        (np.full(7, -1), "labels run from -1"),
    ],
)
def test_labels_of_another_kind_are_refused(
    folder: Path, array: npt.NDArray[np.number], reason: str
) -> None:
    np.save(folder / "train_labels.npy", array)
    with pytest.raises(ValueError, match=reason):
        load_dataset(folder)


# Folders and names.


@only_idx
def test_a_folder_may_be_a_path_or_begin_with_a_tilde(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    for name in (folder, str(folder), "~/shapes"):
        assert load_dataset(name).checksum == DATA.checksum


@only_idx
def test_a_name_never_means_a_folder_in_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    monkeypatch.chdir(folder.parent)
    with pytest.raises(ValueError, match=r"tfds.*for the folder shapes pass --data-dir shapes"):
        load_dataset("shapes")
    assert load_dataset("./shapes").checksum == DATA.checksum


@pytest.mark.parametrize("missing", ["./nowhere", "../nowhere", "/nowhere", Path("nowhere")])
def test_a_missing_folder_is_never_looked_up_as_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str | Path
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ValueError, match=rf"{re.escape(str(missing))}: no such folder"):
        load_dataset(missing)


def test_a_folder_without_known_files_is_refused_with_the_expected_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.*train_images\.npy"):
        load_dataset(tmp_path)
