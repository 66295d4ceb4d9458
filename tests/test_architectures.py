"""Models of every architecture and depth against NumPy in float64."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

import jaxae
from jaxae import Batch, ModelConfig, Objective, analysis
from jaxae.training.losses import batch_terms
from tests.exported import random_model
from tests.kinds import KINDS

Array = npt.NDArray[np.float64]
SHAPE = (8, 4)
DEEP = ModelConfig(2, (7, 5, 3), activation="tanh")
CONFIGS = {**KINDS, "deep dense": DEEP, "silu": ModelConfig(2, 6, activation="silu")}
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    # The approximation of Hendrycks and Gimpel 2016, section 2.
    "gelu": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
}


def weights(model: jaxae.Autoencoder) -> dict[str, Array]:
    params = nnx.to_flat_state(nnx.state(model, nnx.Param))
    return {".".join(map(str, path)): np.asarray(leaf[...], float) for path, leaf in params}


class Reference:
    """The layers of a model, by their names, for one example."""

    def __init__(self, model: jaxae.Autoencoder, config: ModelConfig):
        self.weights, self.image_shape = weights(model), model.image_shape
        self.activate = ACTIVATIONS[config.activation]

    def dense(self, layer: str, x: Array) -> Array:
        return x @ self.weights[f"{layer}.kernel"] + self.weights[f"{layer}.bias"]

    def hidden(self, part: str, x: Array) -> Array:
        x = self.activate(self.dense(f"{part}.hidden", x))
        for number in itertools.count():
            if f"{part}.deeper.{number}.kernel" not in self.weights:
                return x
            x = self.activate(self.dense(f"{part}.deeper.{number}", x))
        raise AssertionError

    def conv(self, layer: str, x: Array, stride: int) -> Array:
        """Convolve an even number of rows and columns; with stride 2, the padding is at the end."""
        padded = np.pad(x, (*[(0, 1) if stride == 2 else (1, 1)] * 2, (0, 0)))
        kernel = self.weights[f"{layer}.kernel"].reshape(3, 3, x.shape[2], -1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
        chosen = windows[::stride, ::stride]
        return np.einsum("hwcij,ijco->hwo", chosen, kernel) + self.weights[f"{layer}.bias"]

    def encode(self, x: Array) -> tuple[Array, Array | None]:
        if "encoder.first.kernel" in self.weights:
            x = self.activate(self.conv("encoder.first", x.reshape(*x.shape[:2], -1), 2))
            x = self.activate(self.conv("encoder.second", x, 2))
        features = self.hidden("encoder", x.ravel())
        variational = "encoder.log_variance.kernel" in self.weights
        log_variance = self.dense("encoder.log_variance", features) if variational else None
        return self.dense("encoder.latent", features), log_variance

    def decode(self, z: Array) -> Array:
        x = self.hidden("decoder", z)
        if "decoder.features.kernel" in self.weights:
            x = self.activate(self.dense("decoder.features", x)).reshape(2, 1, 32)
            x = self.activate(shuffled(self.conv("decoder.first", x, 1)))
            logits = shuffled(self.conv("decoder.pixels", x, 1))
        else:
            logits = self.dense("decoder.pixels", x)
        return 1 / (1 + np.exp(-logits.reshape(self.image_shape)))


def shuffled(x: Array) -> Array:
    height, width, channels = x.shape[0], x.shape[1], x.shape[2] // 4
    image = np.empty((2 * height, 2 * width, channels))
    for row, column in itertools.product((0, 1), (0, 1)):
        group = channels * (2 * row + column)
        image[row::2, column::2] = x[..., group : group + channels]
    return image


@pytest.mark.accelerator
@pytest.mark.parametrize("shape", [SHAPE, (*SHAPE, 3)], ids=["grey", "colour"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_posterior_and_the_loss_are_numpys(config: ModelConfig, shape: tuple[int, ...]) -> None:
    model: Any = random_model(config, shape)
    images = np.random.default_rng(1).integers(0, 256, (3, *shape)).astype(np.uint8)
    posterior = jax.jit(lambda x: model.posterior(x))
    reference, total = Reference(model, config), np.zeros(3)
    for image in images:
        x = image / 255
        mean, log_variance = reference.encode(x)
        found = posterior(np.float32(x))
        np.testing.assert_allclose(found[0], mean, rtol=1e-4, atol=1e-5)
        squared_error, divergence = np.sum((reference.decode(mean) - x) ** 2), 0.0
        if log_variance is None:
            assert found[1] is None
        else:
            np.testing.assert_allclose(found[1], log_variance, rtol=1e-4, atol=1e-5)
            divergence = np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance) / 2
        total += squared_error + 2.5 * divergence, squared_error, divergence
    batch = Batch(images, np.ones(3, np.float32))
    terms = jax.jit(lambda: batch_terms(model, batch, None, Objective(2.5)))()
    assert (terms.divergence is None) == (config.model == "ae")
    np.testing.assert_allclose(jax.tree.leaves(terms), total[: len(jax.tree.leaves(terms))], 1e-5)


def test_a_plain_model_has_no_evidence() -> None:
    model, images = jaxae.create_model(KINDS["ae"], SHAPE, 0), np.zeros((2, *SHAPE), np.uint8)
    for function in (analysis.divergences, analysis.log_evidence_bound):
        with pytest.raises(ValueError, match="plain autoencoder has no posterior"):
            function(model, images)


# The layers in the order in which their parameters are drawn.
DENSE = ("encoder.hidden", "encoder.latent", "decoder.hidden", "decoder.pixels")
DRAWN = {
    "ae": DENSE,
    "vae": (*DENSE[:2], "encoder.log_variance", *DENSE[2:]),
    "conv": (
        *("encoder.first", "encoder.second", *DENSE[:3]),
        *("decoder.features", "decoder.first", "decoder.pixels"),
    ),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_a_model_with_one_hidden_layer_is_drawn_as_before_there_could_be_more(kind: str) -> None:
    found = weights(jaxae.create_model(KINDS[kind], SHAPE, 3))
    assert {name.rpartition(".")[0] for name in found} == set(DRAWN[kind])
    rngs = nnx.Rngs(3)
    for layer in DRAWN[kind]:
        drawn = nnx.Linear(*found[f"{layer}.kernel"].shape, rngs=rngs)
        np.testing.assert_array_equal(found[f"{layer}.kernel"], np.float64(drawn.kernel[...]))
        assert not found[f"{layer}.bias"].any()


def test_the_decoder_mirrors_the_encoder() -> None:
    found = weights(jaxae.create_model(DEEP, SHAPE, 0))
    shapes = {
        layer: found[f"{layer}.kernel"].shape
        for layer in (name.removesuffix(".kernel") for name in found if name.endswith(".kernel"))
    }
    assert shapes == {
        "encoder.hidden": (32, 7),
        "encoder.deeper.0": (7, 5),
        "encoder.deeper.1": (5, 3),
        "encoder.latent": (3, 2),
        "decoder.hidden": (2, 3),
        "decoder.deeper.0": (3, 5),
        "decoder.deeper.1": (5, 7),
        "decoder.pixels": (7, 32),
    }
