"""Colour images: trained on, encoded, decoded, measured, drawn and exported."""

from pathlib import Path
from typing import Any

import jax
import matplotlib.image
import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy
from scipy.spatial.distance import cdist

import jaxae
from jaxae import Dataset, ModelConfig, Run, Split, TrainConfig, analysis, plots
from jaxae.config import Architecture
from jaxae.distributed.mesh import make_mesh
from jaxae.interchange import safetensors as format_safetensors
from tests.commands import jaxae as command
from tests.commands import refusal
from tests.exported import config_of, parameters, random_model
from tests.kinds import KINDS
from tests.readback import drawn

SHAPE = (4, 3, 3)
COLOURS = np.array([(230, 30, 20), (40, 210, 60), (20, 60, 240)])


def blots(n: int, shape: tuple[int, ...], seed: int = 0) -> Split:
    """Noisy images in the colour of their class: red, green or blue."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    noise = rng.normal(0, 20, (n, *shape))
    images = np.clip(COLOURS[labels][:, None, None] + noise, 0, 255).astype(np.uint8)
    return Split(images, labels)


@pytest.fixture(scope="module")
def cifar() -> Dataset:
    """A data set of CIFAR-10's shape."""
    train, test = blots(90, (32, 32, 3)), blots(30, (32, 32, 3), 1)
    return Dataset("blots", train, test, ("red", "green", "blue"))


@pytest.fixture(scope="module")
def small() -> Dataset:
    return Dataset("blots", blots(300, SHAPE), blots(30, SHAPE, 1), ("red", "green", "blue"))


@pytest.fixture(scope="module")
def folder(small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small data set as a folder of .npy files."""
    folder = tmp_path_factory.mktemp("data") / "blots"
    folder.mkdir()
    for name, split in (("train", small.train), ("test", small.test)):
        np.save(folder / f"{name}_images.npy", split.images)
        np.save(folder / f"{name}_labels.npy", split.labels)
    return folder


def train(folder: Path, run: Path, *model: str) -> Path:
    options = (f"--data-dir={folder}", f"--run-dir={run}", "--epochs=2", "--hidden-dim=16")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxae.cli.train.draw_all", lambda *_, **__: None)
        assert command("train", *options, *model) == 0
    return run


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a convolutional variational model, not to be changed."""
    run = tmp_path_factory.mktemp("runs") / "run"
    return train(folder, run, "--architecture=conv", "--model=vae", "--kl-weight=0.1")


def mean_colours(images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.array([images[labels == label].mean(axis=(0, 1, 2)) for label in range(3)])


# Training.


@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_images_of_cifars_shape_are_reconstructed_in_their_colours(
    cifar: Dataset, architecture: Architecture
) -> None:
    config = ModelConfig(hidden_dim=128, architecture=architecture)
    model = jaxae.create_model(config, cifar.image_shape, 0)
    jaxae.fit(model, cifar, TrainConfig(epochs=20, batch_size=10))
    found = jaxae.reconstruct(model, cifar.test.images)
    assert found.shape == (30, 32, 32, 3)
    means = mean_colours(found, cifar.test.labels)
    np.testing.assert_allclose(means, COLOURS / 255, atol=0.15)
    assert jaxae.latent_grid(model, n=3).shape == (3, 3, 32, 32, 3)
    ends = cifar.test.images[:2]
    between = jaxae.interpolate(model, ends[0], ends[1], steps=4)
    np.testing.assert_allclose(between[[0, -1]], jaxae.reconstruct(model, ends), atol=1e-5)


@pytest.mark.slow
def test_streams_and_devices_train_as_one(small: Dataset) -> None:
    def losses(devices: int, stream: bool) -> list[float]:
        model = jaxae.create_model(KINDS["ae"], SHAPE, 0)
        config = TrainConfig(epochs=2, batch_size=37, stream=stream)
        mesh = make_mesh(jax.devices("cpu")[:devices])
        return [row.test_loss for row in jaxae.fit(model, small, config, mesh=mesh)]

    alone = losses(1, False)
    for devices, stream in ((1, True), (2, False), (2, True)):
        np.testing.assert_allclose(losses(devices, stream), alone, rtol=1e-5)


def test_a_model_of_grey_images_refuses_colour_and_the_reverse(small: Dataset) -> None:
    grey = jaxae.create_model(KINDS["ae"], SHAPE[:2], 0)
    colour = jaxae.create_model(KINDS["ae"], SHAPE, 0)
    with pytest.raises(ValueError, match=r"\(4, 3\), blots has \(4, 3, 3\)"):
        jaxae.fit(grey, small)
    with pytest.raises(ValueError, match=r"\(30, 4, 3, 3\); expected \(n, 4, 3\) for"):
        jaxae.encode(grey, small.test.images)
    with pytest.raises(ValueError, match=r"\(30, 4, 3\); expected \(n, 4, 3, 3\) for"):
        jaxae.encode(colour, np.asarray(small.test.images)[..., 0])


def test_a_value_out_of_range_is_found_in_any_channel() -> None:
    model = jaxae.create_model(KINDS["ae"], SHAPE, 0)
    images = np.zeros((5, *SHAPE))
    images[3, 2, 1, 2] = 1.5
    with pytest.raises(ValueError, match=r"^images\[3\] has values from 0.0 to 1.5"):
        jaxae.encode(model, images)


# Numbers.


def test_distances_and_errors_run_over_every_channel(small: Dataset) -> None:
    train, test = np.asarray(small.train.images), np.asarray(small.test.images)
    images, known = test / 255, train.reshape(300, -1) / 255
    found = analysis.nearest_image_distance(images, train)
    np.testing.assert_allclose(found, cdist(images.reshape(30, -1), known).min(axis=1), rtol=1e-4)
    squares = ((images - 0.5) ** 2).reshape(30, -1).sum(axis=1)
    found_squares = analysis.squared_errors(test, np.full(test.shape, 0.5))
    np.testing.assert_allclose(found_squares, squares)


def test_a_report_is_that_of_the_same_values_in_grey(small: Dataset) -> None:
    # A dense model draws the same parameters for images of 4×9 pixels.
    def numbers(shape: tuple[int, ...]) -> dict[str, float]:
        train, test = (
            Split(np.asarray(split.images).reshape(-1, *shape), split.labels)
            for split in (small.train, small.test)
        )
        dataset = Dataset("blots", train, test, small.class_names)
        model = jaxae.create_model(KINDS["vae"], shape, 0)
        classifier = analysis.fit_classifier(dataset)
        report = jaxae.measure(jaxae.Embedding(model, dataset), classifier)
        return {name: number.value for name, number in report.numbers.items()}

    found = numbers(SHAPE)
    assert found == pytest.approx(numbers((4, 9)), rel=1e-5, abs=1e-7)
    assert {"log_evidence", "trustworthiness", "gap_distance"} <= found.keys()


# Commands.


def test_a_runs_commands_take_colour_images(
    run: Path, small: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, z, decoded = (tmp_path / f"{name}.npy" for name in ("images", "z", "decoded"))
    np.save(images, small.test.images)
    assert command("encode", run, images, z) == command("decode", run, z, decoded) == 0
    expected = jaxae.reconstruct(Run.open(run).load_model(), small.test.images)
    np.testing.assert_array_equal(np.load(decoded), expected, strict=True)
    np.save(images, np.asarray(small.test.images)[..., :2])
    assert "expected (n, 4, 3, 3)" in refusal(capsys, "encode", run, images, z, unchanged=tmp_path)


@pytest.mark.slow
def test_every_figure_of_a_run_is_drawn_and_verified(
    run: Path, folder: Path, tmp_path: Path
) -> None:
    both = [train(folder, tmp_path / "plain"), run]
    for name in jaxae.FIGURES.keys() - {"seeds"}:
        path = tmp_path / f"{name}.png"
        jaxae.draw(name, both if name in ("interpolation", "ae_vae") else [run], path)
        assert jaxae.verify(path) == []


def test_an_export_comes_back_with_the_same_bits(run: Path, tmp_path: Path) -> None:
    file, back = tmp_path / "model.safetensors", tmp_path / "back"
    assert command("export", run, "--format", "safetensors", "--out", file) == 0
    assert command("import", file, back) == 0
    original, imported = (Run.open(path) for path in (run, back))
    assert imported.config.data == original.config.data
    assert parameters(imported.load_model()) == parameters(original.load_model())


@pytest.mark.slow
def test_a_study_trains_on_colour_images(folder: Path, tmp_path: Path, no_figures: None) -> None:
    options = ("--seeds=2", "--epochs=1", "--hidden-dim=8", f"--data-dir={folder}")
    assert command("study", f"--run-dir={tmp_path / 'study'}", *options) == 0
    assert Run.open(tmp_path / "study" / "seed-1").config.data.image_shape == SHAPE


# Figures.


def test_a_picture_shows_the_colours(small: Dataset, tmp_path: Path) -> None:
    images = small.test.images[:6]
    figure = drawn(plots.reconstructions(images, images[::-1] / 255))
    (shown,) = figure.axes[0].images
    mosaic = np.asarray(shown.get_array())
    np.testing.assert_array_equal(mosaic[:4, 3:6], images[1] / 255)
    np.testing.assert_array_equal(mosaic[4:, 3:6], images[4] / 255)
    jaxae.save_figure(figure, tmp_path / "rows.png")
    picture = matplotlib.image.imread(tmp_path / "rows.png")[..., :3]
    # Every pixel of an original has its colour somewhere in the picture.
    in_picture = np.unique(picture.reshape(-1, 3), axis=0)
    assert cdist(images[1].reshape(-1, 3) / 255, in_picture).min(axis=1).max() < 1e-3


def test_a_grids_tiles_keep_their_colours() -> None:
    images = np.random.default_rng(0).random((2, 3, *SHAPE))
    (shown,) = plots.reconstruction_grid(images).axes[0].images
    mosaic = np.asarray(shown.get_array())
    assert mosaic.shape == (8, 9, 3)
    np.testing.assert_array_equal(mosaic[:4, 3:6], images[1, 1])
    (shown,) = plots.image_grid(images.reshape(6, *SHAPE), columns=3).axes[0].images
    np.testing.assert_array_equal(np.asarray(shown.get_array())[:4, 3:6], images[0, 1])


# PyTorch's order.


def test_a_dense_layer_is_exported_with_channels_first(tmp_path: Path) -> None:
    model: Any = random_model(KINDS["ae"], SHAPE)
    format_safetensors.write(tmp_path / "file", model, config_of(KINDS["ae"], SHAPE))
    arrays = safetensors.numpy.load_file(tmp_path / "file")
    kernel = np.asarray(model.encoder.hidden.kernel[...])
    weight = arrays["encoder.hidden.weight"]
    image = np.random.default_rng(0).random(SHAPE, np.float32)
    first = image.transpose(2, 0, 1).ravel()
    np.testing.assert_allclose(weight @ first, image.ravel() @ kernel, rtol=1e-5, atol=1e-6)
    bias = arrays["decoder.pixels.bias"].reshape(3, 4, 3)
    expected = np.asarray(model.decoder.pixels.bias[...]).reshape(SHAPE)
    np.testing.assert_array_equal(bias.transpose(1, 2, 0), expected)
