"""The loss and the reported metrics, against NumPy: draws, masks, learning rates, rounding."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

import jaxae
from benchmarks.tasks import reference
from jaxae import Batch, Dataset, ModelConfig, Objective, Split, TrainConfig
from jaxae.training.evaluation import evaluate_terms, make_test_step
from jaxae.training.losses import batch_terms, example_terms
from jaxae.training.step import scan_batches
from tests.conftest import rounded_products
from tests.kinds import KINDS
from tests.test_training import as_weights

SHAPE = (8, 6)


def model_of(kind: str, seed: int = 0) -> Any:
    return jaxae.create_model(KINDS[kind], SHAPE, seed)


def random_images(n: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(n).integers(0, 256, (n, *SHAPE)).astype(np.uint8)


def forward(layer: Any, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return x @ np.float64(layer.kernel[...]) + np.float64(layer.bias[...])


@pytest.mark.accelerator
def test_the_terms_of_a_batch_are_numpys() -> None:
    model, images = model_of("vae"), random_images(6)
    for bias in (model.encoder.latent.bias, model.encoder.log_variance.bias):
        bias[...] = jnp.array([0.7, -1.2])  # Otherwise the divergence is almost zero.
    x = images.reshape(6, -1) / 255
    h = np.maximum(forward(model.encoder.hidden, x), 0)
    mean, log_variance = (
        forward(layer, h) for layer in (model.encoder.latent, model.encoder.log_variance)
    )
    logits = forward(model.decoder.pixels, np.maximum(forward(model.decoder.hidden, mean), 0))
    squared = np.sum((1 / (1 + np.exp(-logits)) - x) ** 2, axis=1)
    divergence = np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance, axis=1) / 2
    for mask in (np.ones(6), np.array([1, 1, 0, 1, 0, 0])):
        batch = Batch(images, mask.astype(np.float32))
        found = batch_terms(model, batch, None, Objective(kl_weight=2.5))
        expected = (mask @ (squared + 2.5 * divergence), mask @ squared, mask @ divergence)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_weight_rises_linearly_over_the_steps_of_a_warm_up() -> None:
    """The loss is linear in the weight, which is found from the losses with none and with all."""
    model, batch = model_of("vae"), Batch(random_images(6), np.ones(6, np.float32))
    model.encoder.latent.bias[...] = jnp.array([9.0, -9.0])  # A divergence of about 80.
    graphdef, params = nnx.split(model, nnx.Param)
    config = TrainConfig(epochs=3, batch_size=100, kl_weight=4, kl_warmup=2)
    optimizer = jaxae.make_optimizer(config, 250)
    warm = Objective.of(config, 250)  # Three steps per epoch.
    steps = [
        jax.jit(jaxae.make_train_step(graphdef, optimizer, objective))
        for objective in (Objective(kl_weight=0), warm, Objective(kl_weight=4))
    ]
    start = jaxae.init_state(params, optimizer, 0)
    risen = []
    for done in range(9):
        state = start._replace(step=jnp.int32(done))
        none, some, all_of_it = (float(step(state, batch)[1]) for step in steps)
        risen.append((some - none) / (all_of_it - none))
    np.testing.assert_allclose(risen, np.minimum(np.arange(9) / 6, 1), atol=1e-4)


def test_each_example_of_a_batch_has_draws_of_its_own() -> None:
    images = np.repeat(random_images(1), 5, axis=0)
    for kind, noise in (("vae", 0.0), ("ae", 0.5)):
        model = model_of(kind)
        losses = {
            float(jaxae.batch_loss(model, Batch(images, mask), jax.random.key(0), objective))
            for objective in (Objective(input_noise=noise),)
            for mask in np.eye(5, dtype=np.float32)
        }
        assert len(losses) == 5


def test_noise_and_sample_are_independent_standard_normals() -> None:
    drawn: list[list[npt.NDArray[np.floating]]] = [[], []]

    class Plain:
        """Encodes an image as a normal at its pixels with deviation 3, decodes a point as it is."""

        def posterior(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
            drawn[0].append((np.asarray(x) - 0.5).ravel() / 0.2)
            self.mean = x.ravel()
            return self.mean, jnp.full(x.size, 2 * np.log(3))

        def decoder(self, z: jax.Array) -> jax.Array:
            drawn[1].append(np.asarray(z - self.mean) / 3)
            return z.reshape(4, 4)

    model: Any = Plain()
    for i in range(300):
        x, objective = jnp.full((4, 4), 0.5), Objective(input_noise=0.2)
        example_terms(model, x, jax.random.key(i), objective)
    noise, sample = (np.concatenate(values) for values in drawn)
    covariance = np.cov(noise, sample)
    # The standard error of each entry is about 1/√4800.
    np.testing.assert_allclose(covariance, np.eye(2), atol=0.08)
    np.testing.assert_allclose([noise.mean(), sample.mean()], 0, atol=0.06)


def test_batches_of_test_images_have_draws_of_their_own() -> None:
    images = jnp.asarray(np.tile(random_images(10), (2, 1, 1)))
    step = make_test_step(model_of("vae"))
    _, sums = scan_batches(step, jax.random.key(0), images, jnp.arange(20), 10)
    assert sums.squared_error[0] != sums.squared_error[1]
    np.testing.assert_allclose(sums.divergence[0], sums.divergence[1], rtol=1e-6)


@pytest.mark.accelerator
@pytest.mark.parametrize("stream", [False, True])
def test_the_test_loss_is_of_clean_images_all_of_them_in_float32(
    tiny: Dataset, stream: bool
) -> None:
    """1,500 images are one and a half batches; bfloat16 would be off by about 1e-3."""
    test = Split(random_images(1500), np.zeros(1500, int))
    data = dataclasses.replace(tiny, test=test)
    model = jaxae.create_model(ModelConfig(2, 16), SHAPE, 0)
    config = TrainConfig(epochs=1, input_noise=0.5, precision="bfloat16", stream=stream)
    (row,) = jaxae.fit(model, data, config)
    x = reference.to_unit_interval(np.asarray(test.images))
    x_hat = reference.forward(as_weights(nnx.state(model, nnx.Param)), x)[3]
    np.testing.assert_allclose(row.test_loss, np.mean(np.sum((x_hat - x) ** 2, axis=1)), rtol=1e-5)


@pytest.mark.parametrize("kind", ["ae", "vae", "conv"])
def test_no_product_of_training_or_test_is_rounded(kind: str) -> None:
    graphdef, params = nnx.split(model_of(kind), nnx.Param)
    optimizer = jaxae.make_optimizer(TrainConfig(), 300)
    state = jaxae.init_state(params, optimizer, 0)
    batch = Batch(jnp.asarray(random_images(4)), jnp.ones(4))
    step = jaxae.make_train_step(graphdef, optimizer, Objective(input_noise=0.1, flatten=1.0))
    assert rounded_products(jax.jit(step).lower(state, batch)) == []
    judged = Objective(precision="bfloat16").for_evaluation
    assert rounded_products(evaluate_terms.lower(graphdef, params, batch.images, judged)) == []


def rates_of(config: TrainConfig, n: int, steps: int) -> list[float]:
    """Return the learning rates: if every gradient is one, Adam's updates equal its rate."""
    optimizer = jaxae.make_optimizer(config, n)
    update = jax.jit(optimizer.update)
    gradient, rates = jnp.float32(1), []
    state = optimizer.init(jnp.float32(0))
    for _ in range(steps):
        moved, state = update(gradient, state)
        rates.append(-float(moved))
    return rates


def test_onecycle_is_its_closed_form_to_the_end() -> None:
    config = TrainConfig(epochs=4, batch_size=100, learning_rate=0.3, schedule="onecycle")
    t = np.arange(40)  # Ten steps per epoch, the last with a short batch.
    low, high = 0.3 / 25, 0.3
    rise = low + (high - low) * (1 - np.cos(np.pi * t / 8)) / 2
    fall = high + (low / 10_000 - high) * (1 - np.cos(np.pi * (t - 8) / 32)) / 2
    expected = np.where(t < 8, rise, fall)
    np.testing.assert_allclose(rates_of(config, 950, 40), expected, rtol=1e-3, atol=1e-7)


def test_a_constant_rate_is_constant() -> None:
    np.testing.assert_allclose(rates_of(TrainConfig(learning_rate=0.3), 950, 12), 0.3, rtol=1e-4)
