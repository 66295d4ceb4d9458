"""Models, losses and optimizers that are not the library's own."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import jaxae
from jaxae import Dataset, Split, TrainConfig

SHAPE = (2, 3)


class Linear(nnx.Module):
    image_shape, latent_dim = SHAPE, 2

    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.encoder = nnx.Sequential(jnp.ravel, nnx.Linear(6, 2, use_bias=False, rngs=rngs))
        self.decoder = nnx.Sequential(
            nnx.Linear(2, 6, use_bias=False, rngs=rngs), lambda x: x.reshape(SHAPE)
        )

    @property
    def kernels(self) -> tuple[np.ndarray, np.ndarray]:
        linear: Any = (self.encoder.layers[1], self.decoder.layers[0])
        return tuple(np.asarray(layer.kernel[...], np.float64) for layer in linear)  # type: ignore[return-value]


def penalised(model: Any, x: jax.Array, key: jax.Array) -> jax.Array:
    z = model.encoder(x)
    return jnp.sum((model.decoder(z) - x) ** 2) + 0.5 * jnp.sum(z**2)


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10, *SHAPE), np.uint8)
    labels = np.arange(10) % 2
    return Dataset("noise", Split(images, labels), Split(images[:4], labels[:4]), ("a", "b"))


def test_one_step_of_any_optimizer_on_any_loss_equals_numpys(data: Dataset) -> None:
    model, rate = Linear(), 0.05
    encode, decode = model.kernels
    config = TrainConfig(epochs=1, batch_size=10)
    (row,) = jaxae.fit(model, data, config, optimizer=optax.sgd(rate), loss=penalised)

    def loss_of(x: np.ndarray, encode: np.ndarray, decode: np.ndarray) -> float:
        z = x @ encode
        return float(np.sum((z @ decode - x) ** 2) + 0.5 * np.sum(z**2))

    x = np.reshape(data.train.images, (10, 6)) / 255
    error = x @ encode @ decode - x
    to_decode = (x @ encode).T @ (2 * error)
    to_encode = x.T @ (2 * error @ decode.T + x @ encode)
    # The step minimises the loss summed over the batch.
    expected = encode - rate * to_encode, decode - rate * to_decode
    np.testing.assert_allclose(row.train_loss, loss_of(x, encode, decode) / 10, rtol=1e-5)
    for found, kernel in zip(model.kernels, expected, strict=True):
        np.testing.assert_allclose(found, kernel, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(row.test_loss, loss_of(x[:4], *model.kernels) / 4, rtol=1e-5)


def test_without_a_loss_any_model_is_trained_on_the_squared_error(data: Dataset) -> None:
    model = Linear()
    (row,) = jaxae.fit(model, data, TrainConfig(epochs=1))
    encode, decode = model.kernels
    x = np.reshape(data.test.images, (4, 6)) / 255
    np.testing.assert_allclose(row.test_loss, np.sum((x @ encode @ decode - x) ** 2) / 4, rtol=1e-5)


def test_a_model_without_what_is_needed_is_refused(data: Dataset) -> None:
    with pytest.raises(ValueError, match="SimpleNamespace has no decoder, latent_dim; expected"):
        jaxae.fit(SimpleNamespace(encoder=1, image_shape=SHAPE), data)


def test_a_loss_and_settings_of_the_default_loss_exclude_each_other(data: Dataset) -> None:
    for setting in ("input_noise", "kl_weight", "kl_warmup", "flatten"):
        config = TrainConfig(**{setting: 2})  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="loss was given with a kl_weight, input_noise"):
            jaxae.fit(Linear(), data, config, loss=penalised)
