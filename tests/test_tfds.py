"""Data sets of TFDS: the real MNIST, small synthetic ones, and failures."""

import functools
import json
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import platformdirs
import pytest

from jaxae import Split, load_dataset
from jaxae.data import NpyImages, load
from jaxae.data import tfds as module
from jaxae.data.tfds import cache_folder, convert, load_from_tfds
from tests.commands import Trap

pytestmark = pytest.mark.slow
FIRST = 4000
Image = npt.NDArray[np.uint8]
Make = Callable[..., str]


@pytest.fixture(scope="module")
def tfds() -> Any:
    pytest.importorskip("tensorflow")
    return pytest.importorskip("tensorflow_datasets")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JAXAE_DATA_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def cut_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_args: object, **_kwargs: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr(socket.socket, "connect", unreachable)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_network(monkeypatch)


@pytest.fixture(scope="module")
def converted_mnist(tfds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache with MNIST as TFDS prepares it from the bundled archives, without a network.

    It has the first images of each split: TFDS takes 20 seconds to compress all of them.
    """
    cache = tmp_path_factory.mktemp("cache")
    config = functools.partial(tfds.download.DownloadConfig, max_examples_per_split=FIRST)
    with pytest.MonkeyPatch.context() as monkeypatch:
        cut_network(monkeypatch)
        monkeypatch.setattr(tfds.download, "DownloadConfig", config)
        convert("mnist", cache / "mnist", archives=load._BUNDLED)
        monkeypatch.setenv("JAXAE_DATA_DIR", str(cache))
        yield cache


@pytest.fixture
def make(tfds: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make `tfds.builder` return a data set "toy" of given splits of (image, label) pairs."""

    def make(
        splits: dict[str, list[tuple[Image, int]]],
        *,
        channels: int = 3,
        keys: tuple[str, str] | None = ("image", "label"),
    ) -> str:
        features = {
            "image": tfds.features.Image(shape=(None, None, channels)),
            "label": tfds.features.ClassLabel(names=["ant", "bee", "cat", "dog"]),
        }

        class Toy(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
            VERSION = tfds.core.Version("1.0.0")

            def _info(self) -> Any:
                return tfds.core.DatasetInfo(
                    builder=self,
                    features=tfds.features.FeaturesDict(features),
                    supervised_keys=keys,
                )

            def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
                return {name: self._generate_examples(split) for name, split in splits.items()}

            def _generate_examples(self, split: list[tuple[Image, int]]) -> Iterator[Any]:
                for key, (image, label) in enumerate(split):
                    yield key, {"image": image, "label": label}

        monkeypatch.setattr(tfds, "builder", lambda name, **options: Toy(**options))
        return "toy"

    return make


def pictures(n: int, channels: int = 3, height: int = 5) -> list[tuple[Image, int]]:
    rng = np.random.default_rng(n)
    shape = (n, height, 4, channels)
    return [(image, i % 4) for i, image in enumerate(rng.integers(0, 256, shape, dtype=np.uint8))]


def records(split: Split) -> npt.NDArray[np.void]:
    """Return each image with its label as one value of raw bytes, sorted."""
    pixels = np.asarray(split.images).reshape(len(split), -1)
    rows = np.column_stack([pixels, split.labels.astype(np.uint8)])
    return np.sort(rows.view(np.dtype((np.void, rows.shape[1]))).ravel())


def left_in(cache: Path) -> set[str]:
    """Return what a failed conversion leaves, apart from TFDS's own files."""
    return {path.name for path in cache.iterdir()} - {"tfds"} if cache.exists() else set()


def write_cache(folder: Path) -> None:
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        np.save(folder / f"{split}_images.npy", np.zeros((3, 5, 4), np.uint8))
        np.save(folder / f"{split}_labels.npy", np.arange(3))
    (folder / "meta.json").write_text('{"class_names": ["ant", "bee", "cat"]}')


def test_mnist_of_tfds_has_the_images_and_labels_of_the_bundled_mnist(
    converted_mnist: Path,
) -> None:
    # TFDS orders examples by a hash of their keys. All images differ, so sorting pairs each with
    # itself.
    ours, theirs = load_dataset("mnist"), load_from_tfds("mnist")
    for mine, other in ((ours.train, theirs.train), (ours.test, theirs.test)):
        expected = records(Split(mine.images[:FIRST], mine.labels[:FIRST]))
        assert len(np.unique(expected)) == FIRST
        assert np.array_equal(records(other), expected)
    assert theirs.class_names == ours.class_names
    assert theirs.image_shape == ours.image_shape


def test_a_converted_data_set_stays_on_disk_and_does_not_need_tfds(
    converted_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("tensorflow", "tensorflow_datasets", "array_record"):
        monkeypatch.setitem(sys.modules, package, None)
    dataset = load_from_tfds("mnist")
    for split in (dataset.train, dataset.test):
        assert isinstance(split.images, NpyImages)


def test_conversion_writes_five_files(converted_mnist: Path) -> None:
    assert left_in(converted_mnist) == {"mnist"}
    names = {path.name for path in (converted_mnist / "mnist").iterdir()}
    arrays = {f"{split}_{kind}.npy" for split in ("train", "test") for kind in ("images", "labels")}
    assert names == {"meta.json", *arrays}


@pytest.mark.parametrize("test", ["test", "validation"])
def test_rgb_stays_in_colour_and_validation_replaces_a_missing_test_split(
    make: Make, cache: Path, test: str
) -> None:
    train, held_out = pictures(4), pictures(3)
    dataset = load_dataset(make({"train": train, test: held_out}))
    assert dataset.name == "toy"
    assert dataset.class_names == ("ant", "bee", "cat", "dog")
    for split, pairs in ((dataset.train, train), (dataset.test, held_out)):
        assert split.images.dtype == np.uint8
        assert sorted(split.labels.tolist()) == list(range(len(pairs)))
        for image, label in zip(np.asarray(split.images), split.labels, strict=True):
            np.testing.assert_array_equal(image, pairs[label][0])


def test_colour_has_a_folder_beside_what_an_earlier_version_made_grey(
    make: Make, cache: Path
) -> None:
    name = make({"train": pictures(4), "test": pictures(2)})
    assert load_dataset(name).image_shape == (5, 4, 3)
    assert left_in(cache) == {"toy.rgb"}
    write_cache(cache / "toy")
    assert load_dataset(name).image_shape == (5, 4, 3)
    shutil.rmtree(cache / "toy.rgb")
    assert load_dataset(name).image_shape == (5, 4)


def test_grey_pixels_are_unchanged(make: Make) -> None:
    pairs = pictures(4, channels=1)
    split = load_dataset(make({"train": pairs, "test": pairs}, channels=1)).train
    for image, label in zip(np.asarray(split.images), split.labels, strict=True):
        np.testing.assert_array_equal(image, pairs[label][0][..., 0])


def test_test_is_preferred_to_validation(make: Make) -> None:
    splits = {"train": pictures(4), "validation": pictures(2), "test": pictures(3)}
    assert len(load_dataset(make(splits)).test) == 3


def test_the_cache_is_set_by_the_environment_or_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAXAE_DATA_DIR", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("JAXAE_DATA_DIR")
    assert cache_folder() == platformdirs.user_cache_path("jaxae")


@pytest.mark.parametrize(
    ("splits", "options", "reason"),
    [
        ({"train": pictures(2) + pictures(2, height=6), "test": pictures(2)}, {}, "one size"),
        ({"train": pictures(2), "test": pictures(2, height=6)}, {}, "one size"),
        ({"train": pictures(2), "test": [(pictures(1)[0][0], -1)]}, {}, "labels run from -1"),
        ({"train": pictures(4)}, {}, r"\['train'\].*test or validation"),
        ({"test": pictures(4)}, {}, r"\['test'\].*expected train"),
        ({"train": pictures(2), "test": pictures(2)}, {"keys": None}, "one class label"),
        ({"train": pictures(2), "test": pictures(2)}, {"keys": ("image", "image")}, "class label"),
        ({"train": pictures(2, 4), "test": pictures(2, 4)}, {"channels": 4}, r"1 \(grey\) or 3"),
    ],
    ids=[
        *("two sizes", "test of another size", "hidden labels", "no test", "no train"),
        *("no keys", "no label", "RGBA"),
    ],
)
def test_a_data_set_of_another_kind_is_refused_and_leaves_nothing(
    make: Make, cache: Path, splits: dict[str, Any], options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        load_from_tfds(make(splits, **options))
    assert "\n" not in str(caught.value)
    assert left_in(cache) == set()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_interrupted_conversion_leaves_nothing_and_can_be_repeated(
    make: Make, cache: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    name = make({"train": pictures(4), "test": pictures(2)})
    calls, keep = 0, module._pixels

    def fail_late(image: Image) -> Image:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise error
        return keep(image)

    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(module, "_pixels", fail_late)
        load_from_tfds(name)
    assert left_in(cache) == set()
    assert len(load_from_tfds(name).train) == 4


def test_a_failure_of_tfds_is_reported_in_one_line(make: Make, cache: Path) -> None:
    broken: list[Any] = [("not an image\nat all", 0)]
    with pytest.raises(ValueError, match="TFDS could not prepare toy: ") as caught:
        load_from_tfds(make({"train": broken, "test": broken}))
    assert "\n" not in str(caught.value)
    assert left_in(cache) == set()


@pytest.mark.usefixtures("no_network")
def test_without_a_network_a_download_fails_soon_and_in_one_line(
    tfds: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with pytest.raises(ValueError, match="TFDS could not prepare fashion_mnist: ") as caught:
        load_dataset("fashion_mnist")
    assert 0 < sum(pauses) < 30  # Seconds, of all files' downloads, which wait at the same time.
    assert "\n" not in str(caught.value)
    assert "Name or service not known" in str(caught.value)
    assert left_in(cache) == set()


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("fashion_mnst", "fashion_mnist"),
        ("mnst", "mnist"),
        ("emnist/leters", "emnist/letters"),
        ("fashion_mnist/grey", "fashion_mnist"),
        ("fashion_mnist:9.9.9", "fashion_mnist"),
    ],
)
def test_an_unknown_name_is_refused_with_close_matches(
    tfds: Any, cache: Path, name: str, close: str
) -> None:
    with pytest.raises(ValueError, match=f"unknown data set '{name}'; close matches: ") as caught:
        load_dataset(name)
    assert close in str(caught.value).partition("close matches: ")[2].split(", ")
    assert "\n" not in str(caught.value)
    assert not cache.exists()


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["qqzzqq", "huggingface:mnist", "a/b/c"])
def test_an_unknown_name_without_close_matches_is_refused(
    tfds: Any, cache: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # TFDS asks Hugging Face again and again.
    with pytest.raises(ValueError, match=f"^unknown data set '{name}'$"):
        load_dataset(name)


@pytest.mark.parametrize("package", ["tensorflow", "tensorflow_datasets"])
def test_a_missing_package_is_reported_with_the_command_that_installs_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=r"'fashion_mnist'.*pip install 'jaxae\[tfds\]'$"):
        load_dataset("fashion_mnist")


def test_a_cache_in_the_documented_layout_is_read(cache: Path) -> None:
    write_cache(cache / "emnist--letters")
    dataset = load_dataset("emnist/letters")
    assert dataset.name == "emnist/letters"
    assert dataset.class_names == ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("meta.json", None),
        ("meta.json", b""),
        ("meta.json", b"{"),
        ("meta.json", b"\xff\xfe"),
        ("meta.json", b"[]"),
        ("meta.json", b"{}"),
        ("meta.json", json.dumps({"class_names": ["ant"]}).encode()),
        ("train_images.npy", None),
        ("train_images.npy", b""),
        ("train_images.npy", b"no array"),
        ("test_images.npy", "cut"),
        ("test_labels.npy", "cut"),
        ("train_labels.npy", "test_images.npy"),
    ],
)
def test_a_damaged_cache_is_named(cache: Path, file: str, content: bytes | str | None) -> None:
    folder = cache / "fashion_mnist"
    write_cache(folder)
    if content is None:
        (folder / file).unlink()
    elif content == "cut":
        (folder / file).write_bytes((folder / file).read_bytes()[:-1])
    elif isinstance(content, str):
        (folder / file).write_bytes((folder / content).read_bytes())
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(ValueError) as caught:
        load_dataset("fashion_mnist")
    text = str(caught.value)
    assert text.startswith(f"{folder} is damaged") and "delete it" in text and "\n" not in text


def test_a_pickle_in_the_cache_is_never_opened(cache: Path) -> None:
    folder = cache / "fashion_mnist"
    write_cache(folder)
    np.save(folder / "train_labels.npy", np.array([Trap()] * 3, dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="is damaged"):
        load_dataset("fashion_mnist")


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 1), np.uint16),
    ],
)
def test_images_that_are_not_8_bit_grey_or_rgb_are_refused(image: Any) -> None:
    with pytest.raises(ValueError, match="expected uint8 with 1"):
        module._pixels(image)
