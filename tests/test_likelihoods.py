"""Likelihoods: losses against NumPy in float64, and bounds on log p(x) against quadrature."""

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx
from scipy import integrate, special, stats

import jaxae
from jaxae import Batch, Dataset, Embedding, ModelConfig, Objective, Split, TrainConfig, analysis
from jaxae.cli.app import main
from jaxae.config import Likelihood
from jaxae.training.likelihoods import LOWEST_VARIANCE
from jaxae.training.losses import batch_terms
from jaxae.training.seeds import fit_seeds
from tests.commands import refusal
from tests.kinds import KINDS

SHAPE = (8, 6)
MASK = np.array([1, 1, 0, 1, 0, 1], np.float32)
Floats = npt.NDArray[np.float64]


def images_of(n: int, shape: tuple[int, int] = SHAPE) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(n).integers(0, 256, (n, *shape)).astype(np.uint8)


def logits(decoder: Any, z: Floats) -> Floats:
    """Compute a dense decoder's logits in float64."""
    hidden = np.maximum(
        z @ np.float64(decoder.hidden.kernel[...]) + np.float64(decoder.hidden.bias[...]), 0
    )
    return np.asarray(
        hidden @ np.float64(decoder.pixels.kernel[...]) + np.float64(decoder.pixels.bias[...])
    )


def encoded(encoder: Any, x: Floats) -> Floats:
    """Compute a plain dense encoder's points, or the means of a variational one, in float64."""
    hidden = np.maximum(
        x @ np.float64(encoder.hidden.kernel[...]) + np.float64(encoder.hidden.bias[...]), 0
    )
    return np.asarray(
        hidden @ np.float64(encoder.latent.kernel[...]) + np.float64(encoder.latent.bias[...])
    )


def divergence(encoder: Any, x: Floats) -> Floats:
    layer, mean = encoder.log_variance, encoded(encoder, x)
    hidden = np.maximum(
        x @ np.float64(encoder.hidden.kernel[...]) + np.float64(encoder.hidden.bias[...]), 0
    )
    log_variance = np.asarray(hidden @ np.float64(layer.kernel[...]) + np.float64(layer.bias[...]))
    return np.asarray(np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance, axis=1) / 2)


def normal_loss(model: Any, x: Floats, mask: Floats) -> float:
    """Minus the log density of a batch under its best normal density of one variance."""
    x_hat = special.expit(logits(model.decoder, encoded(model.encoder, x)))[mask > 0]
    deviation = np.sqrt(np.mean((x_hat - x[mask > 0]) ** 2))
    return float(-np.sum(stats.norm.logpdf(x[mask > 0], x_hat, deviation)))


@pytest.mark.accelerator
@pytest.mark.parametrize("kind", ["ae", "vae"])
def test_the_losses_of_a_batch_are_numpys(kind: str) -> None:
    model: Any = jaxae.create_model(KINDS[kind], SHAPE, 0)
    images = images_of(6)
    x = images.reshape(6, -1) / 255
    mask = MASK.astype(float)
    p = logits(model.decoder, encoded(model.encoder, x))
    squared = mask @ np.sum((special.expit(p) - x) ** 2, axis=1)
    kl = mask @ divergence(model.encoder, x) if kind == "vae" else 0.0
    bernoulli = -mask @ np.sum(x * special.log_expit(p) + (1 - x) * special.log_expit(-p), axis=1)
    expected = {"normal": normal_loss(model, x, mask), "bernoulli": bernoulli, "squared": squared}
    for likelihood, loss in expected.items():
        objective: Any = Objective(0.7, likelihood=likelihood)  # type: ignore[arg-type]
        found = batch_terms(model, Batch(images, MASK), None, objective)
        assert float(found.loss) == pytest.approx(loss + 0.7 * kl, rel=1e-5)
        if (kind, likelihood) != ("ae", "squared"):
            assert float(found.squared_error) == pytest.approx(squared, rel=1e-5)
        assert (found.divergence is None) == (kind == "ae")


def test_binary_pixels_are_seen_by_the_encoder_and_by_the_loss() -> None:
    model: Any = jaxae.create_model(KINDS["ae"], SHAPE, 0)
    images, key = images_of(6), jax.random.key(3)
    x = images.reshape(6, -1) / 255
    drawn = []
    for own, image in zip(jax.random.split(key, 6), images, strict=True):
        white = jax.random.bernoulli(jax.random.split(own)[1], image / np.float32(255))
        drawn.append(np.ravel(white).astype(float))
    binary = np.array(drawn)
    p = logits(model.decoder, encoded(model.encoder, binary))
    expected = -MASK @ np.sum(stats.bernoulli.logpmf(binary, special.expit(p)), axis=1)
    objective = Objective(likelihood="bernoulli", binarize=True)
    found = batch_terms(model, Batch(images, MASK), key, objective)
    assert float(found.loss) == pytest.approx(expected, rel=1e-5)
    # So that it can be compared with that of other models.
    squared = MASK @ np.sum((special.expit(p) - x) ** 2, axis=1)
    assert float(found.squared_error) == pytest.approx(squared, rel=1e-5)


def test_binary_pixels_are_white_as_often_as_they_are_bright() -> None:
    images = np.tile(np.array([[0, 51, 204, 255]], np.uint8), (20_000, 1, 1))
    found = analysis.binarized(images, seed=1)
    assert {*np.unique(found)} == {0, 255}
    np.testing.assert_allclose(found.mean(axis=(0, 1)) / 255, [0, 0.2, 0.8, 1], atol=0.01)
    np.testing.assert_array_equal(found, analysis.binarized(images, seed=1))


def test_the_gradient_of_the_normal_loss_is_that_of_its_closed_form() -> None:
    """By finite differences of the loss in float64."""
    model: Any = jaxae.create_model(KINDS["ae"], SHAPE, 0)
    images = images_of(6)
    x, mask = images.reshape(6, -1) / 255, MASK.astype(float)
    graphdef, params = nnx.split(model, nnx.Param)

    def loss(params: Any) -> jax.Array:
        batch = Batch(images, MASK)
        return jaxae.batch_loss(
            nnx.merge(graphdef, params), batch, None, Objective(likelihood="normal")
        )

    gradients: Any = nnx.to_pure_dict(jax.grad(loss)(params))
    rng = np.random.default_rng(0)
    for part, layer in (("encoder", "latent"), ("decoder", "pixels")):
        bias = getattr(getattr(model, part), layer).bias
        direction = rng.normal(size=bias[...].shape)
        start, ends = np.asarray(bias[...]), []
        for step in (-1e-4, 1e-4):
            bias[...] = jnp.asarray(start + step * direction, jnp.float32)
            ends.append(normal_loss(model, x, mask))
        bias[...] = jnp.asarray(start)
        slope = (ends[1] - ends[0]) / 2e-4
        found = float(np.sum(gradients[part][layer]["bias"] * direction))
        assert found == pytest.approx(slope, rel=1e-3)


class Constant(nnx.Module):
    """Reconstructs every image as the same one."""

    is_variational, latent_dim = False, 1

    def __init__(self, image: npt.ArrayLike):
        self.image = nnx.Param(jnp.asarray(image, jnp.float32))

    def posterior(self, x: jax.Array) -> tuple[jax.Array, None]:
        return jnp.zeros(1), None

    def decoder(self, z: jax.Array) -> jax.Array:
        return self.image[...]


def test_a_perfect_reconstruction_has_a_finite_loss_and_no_gradient() -> None:
    graphdef, params = nnx.split(Constant(np.ones((2, 3))), nnx.Param)
    images = np.full((4, 2, 3), 255, np.uint8)
    for likelihood, least in (
        ("normal", 12 * math.log(2 * math.pi * LOWEST_VARIANCE)),
        ("bernoulli", 0.0),
    ):
        objective: Any = Objective(likelihood=likelihood)  # type: ignore[arg-type]

        def loss(params: Any, objective: Objective = objective) -> jax.Array:
            model: Any = nnx.merge(graphdef, params)
            return jaxae.batch_loss(model, Batch(images, np.ones(4, np.float32)), None, objective)

        value, gradient = jax.value_and_grad(loss)(params)
        assert float(value) == pytest.approx(least, rel=1e-6, abs=1e-4)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_a_decoder_without_logits_has_the_same_bernoulli_loss() -> None:
    model: Any = jaxae.create_model(KINDS["ae"], SHAPE, 0)
    batch, objective = Batch(images_of(6), MASK), Objective(likelihood="bernoulli")
    with_logits = float(jaxae.batch_loss(model, batch, None, objective))
    decoder = model.decoder
    model.decoder = lambda z: decoder(z)
    without = float(jaxae.batch_loss(model, batch, None, objective))
    assert without == pytest.approx(with_logits, rel=1e-5)


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_an_image_is_the_sigmoid_of_its_logits(kind: Any) -> None:
    decoder = jaxae.create_model(ModelConfig(2, 8, architecture=kind), SHAPE, 0).decoder
    z = np.array([0.3, -2.0], np.float32)
    np.testing.assert_allclose(decoder(z), special.expit(decoder.logits(z)), rtol=1e-5)


class Line(nnx.Module):
    """A decoder of one latent dimension: logits z a + b."""

    def __init__(self, a: Floats, b: Floats):
        self.a, self.b = nnx.Param(jnp.float32(a)), nnx.Param(jnp.float32(b))

    def __call__(self, z: jax.Array) -> jax.Array:
        return nnx.sigmoid(self.logits(z))

    def logits(self, z: jax.Array) -> jax.Array:
        return z[0] * self.a[...] + self.b[...]


@pytest.mark.accelerator
@pytest.mark.parametrize("likelihood", ["squared", "normal", "bernoulli", "binarized"])
def test_the_bound_converges_to_quadrature_in_one_dimension(likelihood: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 0.5, (2, 2, 3))
    model: Any = jaxae.create_model(ModelConfig(1, 8, "vae"), (2, 3), 0)
    model.decoder = Line(a, b)
    for layer, bias in ((model.encoder.latent, 0.2), (model.encoder.log_variance, 0.1)):
        layer.kernel[...] = 0.1 * layer.kernel[...]  # Near the posterior, so that few samples do.
        layer.bias[...] = jnp.array([bias])
    images = images_of(4, (2, 3))
    kind: Any = likelihood
    if likelihood == "binarized":
        images, kind = analysis.binarized(images), "bernoulli"
    variance = {"squared": 0.8 / 2, "normal": 0.05}.get(likelihood)

    def joint(z: float, x: Floats) -> float:
        logits = z * np.float64(np.float32(a)) + np.float64(np.float32(b))
        if variance is None:
            log_p = x * special.log_expit(logits) + (1 - x) * special.log_expit(-logits)
        else:
            log_p = stats.norm.logpdf(x, special.expit(logits), math.sqrt(variance))
        return float(stats.norm.pdf(z) * np.exp(log_p.sum()))

    exact = [
        np.log(integrate.quad(joint, -12, 12, (x,), epsabs=0, epsrel=1e-9, limit=200)[0])
        for x in images / 255
    ]
    one, many = (
        analysis.log_evidence_bound(
            model,
            np.repeat(images, copies, axis=0),
            samples=samples,
            kl_weight=0.8,
            likelihood=kind,
            variance=variance if kind == "normal" else None,
        )
        for samples, copies in ((1, 5000), (100_000, 10))
    )
    found = special.logsumexp(np.float64(many).reshape(4, 10), axis=1) - np.log(10)
    np.testing.assert_allclose(found, exact, atol=1e-3)
    assert np.mean(one) < np.mean(exact) - 1e-3


def test_the_variance_of_a_decoder_is_its_mean_squared_error() -> None:
    model: Any = jaxae.create_model(KINDS["vae"], SHAPE, 0)
    model.encoder.log_variance.bias[...] = jnp.full(2, -40.0)  # The sample is the mean.
    images = images_of(30)
    x = images.reshape(30, -1) / 255
    x_hat = special.expit(logits(model.decoder, encoded(model.encoder, x)))
    found = analysis.decoder_variance(model, images)
    assert found == pytest.approx(np.mean((x_hat - x) ** 2), rel=1e-5)
    model.encoder.log_variance.bias[...] = jnp.full(2, 3.0)
    assert analysis.decoder_variance(model, images) > 1.001 * found


def test_a_bound_needs_the_variance_of_its_likelihood() -> None:
    model, images = jaxae.create_model(KINDS["vae"], SHAPE, 0), images_of(2)
    for likelihood, variance in (("normal", None), ("normal", 0.0), ("bernoulli", 0.1)):
        with pytest.raises(ValueError, match=f"likelihood is {likelihood}, variance is {variance}"):
            analysis.log_evidence_bound(
                *(model, images),
                likelihood=likelihood,  # type: ignore[arg-type]
                variance=variance,
            )
    weightless = analysis.log_evidence_bound(model, images, kl_weight=0, likelihood="bernoulli")
    assert np.isfinite(weightless).all()


def test_a_reports_bound_is_that_of_the_likelihood(tiny: Dataset) -> None:
    model = jaxae.create_model(KINDS["vae"], tiny.image_shape, 0)
    train, test = np.asarray(tiny.train.images), np.asarray(tiny.test.images)
    binary, variance = analysis.binarized(test), analysis.decoder_variance(model, train)
    for likelihood, binarize, images, given, words in (
        ("squared", False, test, None, r"normal, σ = 0.894 .* -39 nats"),
        ("normal", False, test, variance, rf"normal, σ = {math.sqrt(variance):.3g} .*training"),
        ("bernoulli", False, test, None, "Bernoulli, grey"),
        ("bernoulli", True, binary, None, "Bernoulli, pixels drawn once"),
    ):
        kind: Any = likelihood
        report = analysis.measure(
            Embedding(model, tiny), None, kl_weight=1.6, likelihood=kind, binarize=binarize
        )
        bound = analysis.log_evidence_bound(
            model, images, kl_weight=1.6, likelihood=kind, variance=given
        )
        found = report.numbers["log_evidence"].value
        assert found == pytest.approx(np.mean(bound, dtype=float), rel=1e-6)
        divergence = np.mean(analysis.divergences(model, images))
        assert report.numbers["divergence"].value == pytest.approx(divergence, rel=1e-6)
        assert report.evidence is not None
        assert (report.evidence.images, report.evidence.samples) == (60, 100)
        assert re.search(words, report.evidence.words)
        assert report.as_json()["evidence"]["likelihood"] == likelihood


def test_a_summarys_deviation_is_the_mean_over_seeds() -> None:
    evidence = analysis.Evidence("normal", 60, 100, 48, deviation=0.2)
    reports = []
    for deviation in (0.2, 0.4):
        report = analysis.Report(neighbour_confusion=[[1.0]], class_names=("a",))
        report.add("log_evidence", float, deviation)
        report.evidence = dataclasses.replace(evidence, deviation=deviation)
        reports.append(report)
    found = analysis.summarize(reports).evidence
    assert found is not None and found.deviation == pytest.approx(0.3)


NATS = [
    TrainConfig(epochs=2, batch_size=64, likelihood="normal", flatten=0.5),
    TrainConfig(
        epochs=2,
        batch_size=64,
        likelihood="bernoulli",
        binarize=True,
        input_noise=0.1,
        kl_warmup=2,
    ),
]


@pytest.mark.parametrize("config", NATS)
@pytest.mark.parametrize("kind", ["ae", "vae"])
def test_training_resumes_streams_and_studies_to_the_same_bits(
    config: TrainConfig, kind: str, tiny: Dataset
) -> None:
    def trained(model: Any) -> bytes:
        leaves = jax.tree.leaves(nnx.state(model, nnx.Param))
        return b"".join(np.asarray(leaf).tobytes() for leaf in leaves)

    epochs: list[jaxae.Epoch] = []
    models = [jaxae.create_model(KINDS[kind], tiny.image_shape, 0) for _ in range(3)]
    rows = jaxae.fit(models[0], tiny, config, on_epoch=epochs.append)
    jaxae.fit(models[1], tiny, config, state=epochs[0].state)
    assert trained(models[1]) == trained(models[0])
    streamed = jaxae.fit(models[2], tiny, dataclasses.replace(config, stream=True))
    seeds: list[jaxae.Epoch] = []
    fit_seeds(tiny, KINDS[kind], config, [0], on_epoch=seeds.extend)
    for row, other, seed in zip(rows, streamed, seeds, strict=True):
        assert (row.test_squared_error or 0) > 0
        assert (row.test_divergence is None) == (kind == "ae")
        for name in ("train_loss", "test_loss", "test_squared_error"):
            expected = pytest.approx(getattr(row, name), rel=1e-5)
            assert [getattr(other, name), getattr(seed.metrics, name)] == [expected] * 2


def test_test_images_are_binarized_once_and_training_images_in_each_step(tiny: Dataset) -> None:
    config = dataclasses.replace(NATS[1], learning_rate=1e-30, input_noise=0.0)
    model = jaxae.create_model(KINDS["ae"], tiny.image_shape, 0)
    first, second = jaxae.fit(model, tiny, config)
    assert first.test_loss == second.test_loss
    assert first.train_loss != second.train_loss


def test_the_normal_test_loss_is_that_of_the_best_variance(tiny: Dataset) -> None:
    """Of one batch, as all 60 test images are."""
    model: Any = jaxae.create_model(KINDS["ae"], tiny.image_shape, 0)
    (row,) = jaxae.fit(model, tiny, dataclasses.replace(NATS[0], epochs=1))
    x = np.asarray(tiny.test.images).reshape(60, -1) / 255
    assert row.test_loss == pytest.approx(normal_loss(model, x, np.ones(60)) / 60, rel=1e-5)


@pytest.mark.parametrize("likelihood", ["squared", "normal"])
@pytest.mark.parametrize("command", ["train", "study"])
def test_binary_pixels_need_a_bernoulli_likelihood(
    likelihood: Likelihood, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=f"^binarize is set, but likelihood is {likelihood}"):
        Objective.of(TrainConfig(likelihood=likelihood, binarize=True), 300)
    run = tmp_path / "run"
    line = refusal(capsys, command, f"--run-dir={run}", f"--likelihood={likelihood}", "--binarize")
    assert f"binarize is set, but likelihood is {likelihood}; expected likelihood bernoulli" in line
    assert not run.exists()


@pytest.mark.usefixtures("no_figures")
def test_a_resumed_run_keeps_its_binary_pixels(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--hidden-dim=16", "--likelihood=bernoulli", "--binarize", f"--data-dir={blobs}")
    runs = tmp_path / "whole", tmp_path / "resumed"
    assert main(["train", f"--run-dir={runs[0]}", "--epochs=2", *options]) == 0
    assert "nats per image" in capsys.readouterr().out
    assert main(["train", f"--run-dir={runs[1]}", "--epochs=1", *options]) == 0
    assert main(["train", f"--run-dir={runs[1]}", "--epochs=2", "--resume", "--binarize"]) == 0
    losses = [[row.test_loss for row in jaxae.Run.open(run).history()] for run in runs]
    assert losses[0] == losses[1]
    assert jaxae.Run.open(runs[1]).config.train.binarize
    line = refusal(capsys, "train", f"--run-dir={runs[1]}", "--resume", "--likelihood=normal")
    assert "--likelihood normal would change the result" in line


def test_an_image_of_one_shade_trains(tiny: Dataset) -> None:
    black = Split(np.zeros_like(np.asarray(tiny.train.images)), tiny.train.labels)
    data = dataclasses.replace(tiny, train=black, test=black)
    model = jaxae.create_model(KINDS["vae"], tiny.image_shape, 0)
    rows = jaxae.fit(model, data, dataclasses.replace(NATS[0], epochs=5, learning_rate=0.1))
    assert np.isfinite([row.test_loss for row in rows]).all()
