"""Dataset and Split, and the bundled MNIST."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from jaxae import Dataset, Split, load_dataset
from jaxae.data import load


def images(n: int, height: int = 4, width: int = 3) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(n).integers(0, 256, (n, height, width), dtype=np.uint8)


def labels(n: int, classes: int = 3) -> npt.NDArray[np.uint8]:
    return (np.arange(n) % classes).astype(np.uint8)


def a_split(n: int = 6) -> Split:
    return Split(images(n), labels(n))


def with_split(dataset: Dataset, name: str, split: Split) -> Dataset:
    return replace(dataset, train=split) if name == "train" else replace(dataset, test=split)


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    return load_dataset("mnist")


def test_bundled_mnist_has_the_published_sizes_and_class_counts(mnist: Dataset) -> None:
    assert (len(mnist.train), len(mnist.test)) == (60_000, 10_000)
    assert mnist.image_shape == (28, 28)
    assert np.bincount(mnist.train.labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842),
        *(5421, 5918, 6265, 5851, 5949),
    ]
    assert np.bincount(mnist.test.labels).tolist() == [
        *(980, 1135, 1032, 1010, 982),
        *(892, 958, 1028, 974, 1009),
    ]
    assert mnist.class_names == tuple("0123456789")
    assert mnist.name == "mnist"


def test_bundled_mnist_is_white_on_black_and_starts_with_the_known_digits(mnist: Dataset) -> None:
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    # The published mean and standard deviation of MNIST's pixels.
    pixels = np.asarray(mnist.train.images)
    assert pixels.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_the_checksum_of_mnist_is_that_of_earlier_versions(mnist: Dataset) -> None:
    expected = "3c4cc0db2a25ab6be26edeebe0171ac5fb885ce2fc16c991a4f6c382733d5dbe"
    assert mnist.checksum == expected


@pytest.mark.parametrize("stem", load._SHA256)
def test_a_damaged_bundled_archive_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: str
) -> None:
    copy = tmp_path / "mnist"
    shutil.copytree(load._BUNDLED, copy)
    archive = copy / f"{stem}.gz"
    content = bytearray(archive.read_bytes())
    content[5] ^= 1  # The time stamp in gzip's header, which does not change the data.
    archive.write_bytes(content)
    monkeypatch.setattr(load, "_BUNDLED", copy)
    with pytest.raises(ValueError, match=rf"{archive} is damaged: its SHA-256 is .*install jaxae"):
        load_dataset("mnist")


@pytest.mark.parametrize(
    ("bad_images", "bad_labels", "reason"),
    [
        (images(6).astype(np.float32), labels(6), r"images are float32"),
        (images(6).astype(np.int64), labels(6), r"images are int64"),
        (images(6)[..., None], labels(6), r"\(6, 4, 3, 1\); expected .* \(n, height, width, 3\)"),
        (np.zeros((6, 4, 3, 4), np.uint8), labels(6), r"shape \(6, 4, 3, 4\)"),
        (np.zeros((6, 4, 3, 3, 1), np.uint8), labels(6), r"shape \(6, 4, 3, 3, 1\)"),
        (images(6)[0], labels(4), r"shape \(4, 3\)"),
        (images(6), labels(6).astype(float), r"labels are float64"),
        (images(6), labels(6)[:, None], r"labels are .*shape \(6, 1\)"),
        (images(6), labels(5), r"6 images but 5 labels"),
        (images(0), labels(0), r"no images"),
        (images(6, width=0), labels(6), r"no images.*\(6, 4, 0\)"),
    ],
)
def test_a_split_refuses_arrays_that_are_not_labelled_images(
    bad_images: npt.NDArray[np.uint8], bad_labels: npt.NDArray[np.uint8], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        Split(bad_images, bad_labels)


@pytest.mark.parametrize("label", [-1, 3])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_label_without_a_name_is_refused(split: str, label: int) -> None:
    good = Dataset("shapes", a_split(), a_split(), ("a", "b", "c"))
    bad_labels = labels(6).astype(np.int64)
    bad_labels[4] = label
    with pytest.raises(ValueError, match=rf"{label}.*expected 0 to 2"):
        with_split(good, split, Split(images(6), bad_labels))


def test_splits_and_datasets_are_frozen() -> None:
    dataset = Dataset("shapes", a_split(), a_split(), ("a", "b", "c"))
    with pytest.raises(AttributeError):
        dataset.name = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        dataset.train.images = images(6)  # type: ignore[misc]


def test_splits_are_compared_by_identity_and_datasets_by_their_splits(tiny: Dataset) -> None:
    train = tiny.train
    equal = Split(np.array(train.images), train.labels)
    assert train == train and train != equal
    assert len({train, train, equal}) == 2
    assert replace(tiny) == tiny
    assert replace(tiny, train=equal) != tiny
    assert len({tiny, replace(tiny)}) == 1


def test_the_checksum_depends_only_on_the_data() -> None:
    dataset = Dataset("shapes", a_split(), a_split(5), ("a", "b", "c"))
    wide_labels = Split(images(6), labels(6).astype(np.int64))
    strided = Split(np.asfortranarray(images(6)), labels(6))
    same = [
        replace(dataset, name="other"),
        replace(dataset, train=wide_labels),
        replace(dataset, train=strided),
    ]
    assert {other.checksum for other in same} == {dataset.checksum}


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_checksum_changes_with_one_pixel_or_one_label(split: str) -> None:
    dataset = Dataset("shapes", a_split(), a_split(), ("a", "b", "c"))
    pixel, label = images(6), labels(6)
    pixel[5, 3, 2] ^= 1
    label[5] = 0
    changed = [
        with_split(dataset, split, Split(pixel, labels(6))),
        with_split(dataset, split, Split(images(6), label)),
    ]
    assert len({other.checksum for other in [dataset, *changed]}) == 3


def test_the_checksum_depends_on_the_shape() -> None:
    wide = Split(images(6).reshape(6, 3, 4), labels(6))
    high = a_split()
    names = ("a", "b", "c")
    assert Dataset("s", wide, wide, names).checksum != Dataset("s", high, high, names).checksum
