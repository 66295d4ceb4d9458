"""The penalty on uneven magnification, against closed forms, NumPy in float64 and limits."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

import jaxae
from jaxae import Batch, Dataset, ModelConfig, Objective, TrainConfig, batch_loss
from jaxae.config import Precision
from jaxae.geometry import log_magnification
from jaxae.training import losses
from jaxae.training.flatness import log_det_variance
from tests.kinds import KINDS

MASK = np.array([1, 1, 0, 1, 0, 1, 1, 1], np.float32)
POINTS = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
KEY = jax.random.key(0)
MATRIX = np.array([[3.0, 1.0], [-2.0, 0.1]], np.float32)


def variance_of(decoder: Callable[[jax.Array], jax.Array]) -> Any:
    """Return a compiled function of points, to the variance and its gradient."""
    return jax.jit(jax.value_and_grad(lambda z: log_det_variance(decoder, z, MASK)))


def curved(z: jax.Array) -> jax.Array:
    """Have G = diag(e^(2 z₀), 1), and so log det G = 2 z₀."""
    return jnp.stack([jnp.exp(z[0]), z[1], jnp.ones(())])


@pytest.mark.accelerator
def test_the_variance_and_its_gradient_are_those_of_a_closed_form() -> None:
    kept = POINTS[MASK > 0, 0]
    found, gradient = variance_of(curved)(POINTS)
    np.testing.assert_allclose(found, 4 * np.var(kept), rtol=1e-3)
    expected = np.where(MASK > 0, 8 * (POINTS[:, 0] - kept.mean()) / len(kept), 0)
    np.testing.assert_allclose(gradient[:, 0], expected, rtol=5e-3, atol=1e-4)
    np.testing.assert_allclose(gradient[:, 1], 0, atol=1e-3)


def test_an_affine_decoder_has_no_variance_and_a_map_of_latent_space_adds_none() -> None:
    affine, _ = variance_of(lambda z: jnp.reshape(MATRIX @ z + 1, (1, 2)))(POINTS)
    np.testing.assert_allclose(affine, 0, atol=1e-9)
    expected, _ = variance_of(curved)(POINTS)
    for matrix in (MATRIX, 1e-9 * MATRIX, 1e9 * MATRIX):
        found, _ = variance_of(_after(np.linalg.inv(matrix)))(POINTS @ matrix.T)
        np.testing.assert_allclose(found, expected, rtol=5e-3)


def _after(matrix: Any) -> Callable[[jax.Array], jax.Array]:
    return lambda z: curved(matrix @ z)


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
@pytest.mark.parametrize("model", ["ae", "vae"])
def test_the_loss_of_a_batch_has_the_variance_once_per_image(latent_dim: int, model: Any) -> None:
    own: Any = jaxae.create_model(ModelConfig(latent_dim, 16, model), (8, 6), 0)
    images = np.random.default_rng(1).integers(0, 256, (8, 8, 6)).astype(np.uint8)
    batch = Batch(images, MASK)
    plain, flattened = (
        jax.jit(lambda weight=weight: batch_loss(own, batch, KEY, Objective(flatten=weight)))()
        for weight in (0.0, 1000.0)
    )
    decoder = own.decoder
    first, second = (np.float64(layer.kernel[...]) for layer in (decoder.hidden, decoder.pixels))
    log_det = []
    for z in jaxae.encode(own, images[MASK > 0]).astype(float):
        hidden = z @ first + np.float64(decoder.hidden.bias[...])
        logits = np.maximum(hidden, 0) @ second + np.float64(decoder.pixels.bias[...])
        slope = np.exp(-logits) / (1 + np.exp(-logits)) ** 2
        jacobian = first * (hidden > 0) @ second * slope
        log_det.append(np.linalg.slogdet(jacobian @ jacobian.T)[1])
    assert np.var(log_det) > 0.01
    expected = 6 * 1000 * np.var(log_det)
    np.testing.assert_allclose(flattened - plain, expected, rtol=1e-3)


DEGENERATE: dict[str, Callable[[jax.Array], jax.Array]] = {
    "constant": lambda z: jnp.ones(5),
    "saturated": lambda z: nnx.sigmoid(jnp.outer(z, jnp.arange(1.0, 4.0)) * 1e4),
    "of rank one": lambda z: (z[0] + z[1]) * jnp.arange(1.0, 1000.0),
    "dead for some points": lambda z: nnx.relu(z),
    "of fewer pixels": lambda z: z[:1] ** 2,
    "huge": lambda z: 1e8 * z**3,
}


@pytest.mark.parametrize("kind", DEGENERATE)
def test_where_the_metric_is_singular_loss_and_gradient_are_finite(kind: str) -> None:
    found, gradient = variance_of(DEGENERATE[kind])(POINTS)
    assert 0 <= found < 2000
    assert np.isfinite(gradient).all()


def test_a_batch_of_padding_has_no_variance() -> None:
    assert log_det_variance(curved, jnp.asarray(POINTS), np.zeros(8, np.float32)) == 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_penalty_is_computed_in_float32(
    precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    types: list[Any] = []

    def spy(decoder: Any, z: jax.Array, mask: jax.Array) -> jax.Array:
        types.extend((decoder.hidden.kernel.dtype, z.dtype))
        return log_det_variance(decoder, z, mask)

    monkeypatch.setattr(losses, "log_det_variance", spy)
    model = jaxae.create_model(ModelConfig(2, 16), (8, 6), 0)
    batch = Batch(np.ones((8, 8, 6), np.uint8), MASK)
    objective = Objective(precision=precision, flatten=1.0)
    jax.eval_shape(lambda: batch_loss(model, batch, None, objective))
    assert types == [jnp.float32, jnp.float32]


def log_det_of(model: Any, images: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Compute log det G at the embeddings from the singular values of J."""
    magnification = log_magnification(model.decoder, jaxae.encode(model, images))
    return 2 * np.asarray(magnification, np.float64)


@pytest.mark.accelerator
def test_a_convolutional_decoder_has_the_variance_of_its_singular_values() -> None:
    model = jaxae.create_model(KINDS["conv"], (8, 6), 0)
    images = np.random.default_rng(1).integers(0, 256, (8, 8, 6)).astype(np.uint8)
    found = jax.jit(lambda z: log_det_variance(model.decoder, z, MASK))(jaxae.encode(model, images))
    np.testing.assert_allclose(found, np.var(log_det_of(model, images)[MASK > 0]), rtol=1e-3)


def test_training_flattens_the_cloud_and_the_test_loss_has_no_penalty(tiny: Dataset) -> None:
    variances = []
    for weight in (0.0, 1.0):
        model = jaxae.create_model(ModelConfig(2, 16), tiny.image_shape, 0)
        config = TrainConfig(epochs=20, batch_size=60, learning_rate=5e-3, flatten=weight)
        row = jaxae.fit(model, tiny, config)[-1]
        variances.append(np.var(log_det_of(model, tiny.test.images)))
        x = np.asarray(tiny.test.images) / np.float32(255)
        error = np.sum((jaxae.reconstruct(model, tiny.test.images) - x) ** 2) / len(x)
        assert row.test_loss == pytest.approx(error, rel=1e-4)
    assert variances[1] < variances[0] / 2
