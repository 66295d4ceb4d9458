"""Validation images: which ones are held out, that training never sees them, and their loss."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

import jaxae
from benchmarks.tasks import reference
from jaxae import Dataset, EpochPosition, ModelConfig, Run, Split, TrainConfig, TrainState
from jaxae.config import RunConfig
from jaxae.data import NpyImages
from jaxae.data.holdout import hold_out
from jaxae.training import resident
from jaxae.training.seeds import fit_seeds
from tests.commands import jaxae as command
from tests.commands import leaves, refusal
from tests.test_training import as_weights

MODEL = ModelConfig(hidden_dim=16)
CONFIG = TrainConfig(epochs=2, batch_size=32, validation=70)
# Stated here once more, so that a change of the images is noticed.
KEPT_OUT = np.random.RandomState(0).permutation(300)[:70]


def model_of(seed: int = 0) -> jaxae.Autoencoder:
    return jaxae.create_model(MODEL, (8, 6), seed)


def trained_by_fit(dataset: Dataset, config: TrainConfig, devices: int = 1) -> jaxae.Epoch:
    epochs: list[jaxae.Epoch] = []
    mesh = jaxae.make_mesh(jax.devices()[:devices])
    jaxae.fit(model_of(), dataset, config, mesh=mesh, on_epoch=epochs.append)
    return epochs[-1]


def trained_by_a_study(dataset: Dataset, config: TrainConfig) -> jaxae.Epoch:
    epochs: list[list[jaxae.Epoch]] = []
    fit_seeds(dataset, MODEL, config, [0, 1], on_epoch=epochs.append)
    return epochs[-1][0]


WAYS: dict[str, Callable[[Dataset, TrainConfig], jaxae.Epoch]] = {
    "resident": trained_by_fit,
    "streamed": lambda data, config: trained_by_fit(data, dataclasses.replace(config, stream=True)),
    "three devices": lambda data, config: trained_by_fit(data, config, 3),
    "streamed to three devices": lambda data, config: trained_by_fit(
        data, dataclasses.replace(config, stream=True), 3
    ),
    "study": trained_by_a_study,
}


def with_train_images(dataset: Dataset, images: Any) -> Dataset:
    return dataclasses.replace(dataset, train=Split(images, dataset.train.labels))


# Which images.


def test_the_images_are_the_first_of_a_fixed_permutation_in_the_order_of_the_source(
    tiny: Dataset,
) -> None:
    rest, validation = hold_out(tiny, 70)
    assert validation is not None
    rows = np.sort(KEPT_OUT)
    others = np.setdiff1d(np.arange(300), rows)
    for part, expected in ((validation, rows), (rest.train, others)):
        np.testing.assert_array_equal(np.asarray(part.images), tiny.train.images[expected])
        np.testing.assert_array_equal(part.labels, tiny.train.labels[expected])
        np.testing.assert_array_equal(part.images[3], tiny.train.images[expected[3]])
        np.testing.assert_array_equal(part.images[[5, 2]], tiny.train.images[expected[[5, 2]]])
        assert (
            part.images.shape == (len(expected), 8, 6) and part.images.size == part.images[:].size
        )
    assert rest.test is tiny.test and rest.class_names == tiny.class_names


def test_a_data_set_without_validation_images_is_not_changed(tiny: Dataset) -> None:
    assert hold_out(tiny, 0) == (tiny, None)


@pytest.mark.parametrize("n", [-1, 300, 301])
def test_as_many_images_as_there_are_cannot_be_kept_out(tiny: Dataset, n: int) -> None:
    with pytest.raises(ValueError, match=rf"^validation is {n}, of 300 training images; .* 299,"):
        hold_out(tiny, n)


def test_images_on_disk_stay_there(tiny: Dataset, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.asarray(tiny.train.images))

    class NotAllAtOnce(NpyImages):
        def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
            return pytest.fail("all images were read")

    stored = with_train_images(tiny, NotAllAtOnce(tmp_path / "images.npy"))
    streamed = dataclasses.replace(CONFIG, stream=True)
    found, expected = (trained_by_fit(data, streamed).metrics for data in (stored, tiny))
    assert found[:3] == expected[:3] and found.validation_loss == expected.validation_loss


# What training sees.


def gradients_of_a_pixel(epoch: jaxae.Epoch) -> npt.NDArray[np.float32]:
    """Return Adam's mean squares of the gradients of the first pixel's weights.

    They are zero only if all the gradients were.
    """
    return np.asarray(epoch.state.opt_state[0].nu["encoder"]["hidden"]["kernel"][...][0])


@pytest.fixture(scope="module")
def marked(tiny: Dataset) -> Dataset:
    """The tiny data set with a first pixel that is black, and white in the images to keep out."""
    images = np.array(tiny.train.images)
    images[:, 0, 0] = 0
    images[KEPT_OUT, 0, 0] = 255
    return with_train_images(tiny, images)


@pytest.mark.parametrize("way", WAYS)
def test_training_never_sees_the_images_that_are_kept_out(marked: Dataset, way: str) -> None:
    epoch = WAYS[way](marked, CONFIG)
    np.testing.assert_array_equal(gradients_of_a_pixel(epoch), 0)
    found = epoch.state.params["encoder"]["hidden"]["kernel"][...][0]
    initial = nnx.state(model_of(), nnx.Param)["encoder"]["hidden"]["kernel"][...][0]
    np.testing.assert_array_equal(found, initial)


def test_training_sees_these_images_unless_they_are_kept_out(marked: Dataset) -> None:
    epoch = trained_by_fit(marked, dataclasses.replace(CONFIG, validation=0))
    assert np.any(gradients_of_a_pixel(epoch) > 0)


@pytest.mark.parametrize("way", WAYS)
def test_the_validation_loss_is_the_references(tiny: Dataset, way: str) -> None:
    metrics, state = WAYS[way](tiny, CONFIG)
    weights = as_weights(state.params)
    for images, found in (
        (tiny.train.images[KEPT_OUT], metrics.validation_loss),
        (np.asarray(tiny.test.images), metrics.test_loss),
    ):
        x = reference.to_unit_interval(images)
        expected = np.mean(np.sum((reference.forward(weights, x)[3] - x) ** 2, axis=1))
        assert found == pytest.approx(expected, rel=1e-5)
    assert metrics.images_per_second * metrics.seconds == pytest.approx(230)


def test_training_is_that_on_a_data_set_without_the_images(tiny: Dataset) -> None:
    rows = np.setdiff1d(np.arange(300), KEPT_OUT)
    smaller = dataclasses.replace(
        tiny, train=Split(tiny.train.images[rows], tiny.train.labels[rows])
    )
    config = dataclasses.replace(CONFIG, schedule="onecycle")
    (found, state), (expected, other) = (
        trained_by_fit(tiny, config),
        trained_by_fit(smaller, dataclasses.replace(config, validation=0)),
    )
    assert found[:3] == expected[:3] and expected.validation_loss is None
    for a, b in zip(leaves(state), leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


# Runs.


def test_a_run_resumes_within_and_after_an_epoch_with_the_same_images(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(CONFIG, schedule="onecycle", epochs=3)
    monkeypatch.setattr(resident, "steps_per_call", lambda *_: 3)
    settings = RunConfig(MODEL, config, tiny.describe("nowhere"))
    mesh = jaxae.make_mesh(jax.devices()[:1])
    run = Run.create(tmp_path / "run", settings, mesh=mesh)
    states: list[TrainState | EpochPosition] = []

    def train(state: TrainState | EpochPosition, stop: str = "") -> None:
        recorder = jaxae.Recorder(run, state)

        def on_epoch(epoch: jaxae.Epoch) -> None:
            recorder.record(epoch)
            if stop == "after":
                raise KeyboardInterrupt

        def on_position(position: EpochPosition) -> None:
            recorder.record_position(position)
            if stop == "within":
                raise KeyboardInterrupt

        with recorder:
            jaxae.fit(
                run.new_model(),
                tiny,
                config,
                state=state,
                on_epoch=on_epoch,
                on_position=on_position,
            )

    for stop in ("after", "within"):
        states.append(jaxae.state_to_resume(run))
        with pytest.raises(KeyboardInterrupt):
            train(states[-1], stop)
    assert isinstance(jaxae.state_to_resume(run), EpochPosition)
    train(jaxae.state_to_resume(run))

    expected: list[jaxae.Epoch] = []
    jaxae.fit(run.new_model(), tiny, config, on_epoch=expected.append)
    for row, (metrics, _) in zip(run.history(), expected, strict=True):
        assert (row.train_loss, row.validation_loss) == (
            metrics.train_loss,
            metrics.validation_loss,
        )
    for a, b in zip(leaves(run.load_state()), leaves(expected[-1].state), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["train", "study"])
@pytest.mark.parametrize("value", [300, -1, 1.5])
def test_a_bad_number_is_one_line_and_writes_nothing(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, value: float
) -> None:
    run = tmp_path / "run"
    line = refusal(capsys, name, f"--data-dir={blobs}", f"--run-dir={run}", f"--validation={value}")
    assert "validation" in line
    assert not run.exists()


@pytest.mark.usefixtures("no_figures")
def test_the_command_line_shows_the_loss_and_the_report_says_how_a_checkpoint_was_chosen(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    options = ("--epochs=2", "--hidden-dim=16", "--validation=70", "--checkpoint-every=1")
    assert command("train", f"--data-dir={blobs}", f"--run-dir={run}", *options) == 0
    out = capsys.readouterr().out
    assert "230 training images, 70 validation images, 60 test images" in out
    first, second = Run.open(run).history()
    assert first.validation_loss and second.validation_loss
    assert f", validation {second.validation_loss:.2f}, test {second.test_loss:.2f}, " in out
    best = 1 if first.validation_loss < second.validation_loss else 2
    assert command("report", run, "--checkpoint", "best") == 0
    assert capsys.readouterr().out.startswith(
        f"checkpoint: epoch {best}, the lowest loss on 70 training images that were held out\n"
    )
