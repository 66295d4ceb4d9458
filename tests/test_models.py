"""The variational and the convolutional model, and their losses, against independent truth."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import integrate, stats

import jaxae
from jaxae import (
    Autoencoder,
    Batch,
    Dataset,
    ModelConfig,
    Objective,
    TrainConfig,
    VariationalAutoencoder,
)
from jaxae.models import conv as convolutional
from jaxae.training.losses import example_terms
from jaxae.training.seeds import fit_seeds
from tests.kinds import KINDS


def model_of(kind: str, shape: tuple[int, int] = (8, 6), seed: int = 0) -> Any:
    return jaxae.create_model(KINDS[kind], shape, seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(8, 6), (28, 28), (3, 3), (5, 7), (3, 10)])
@pytest.mark.slow
def test_every_model_maps_one_example_of_any_size(kind: str, shape: tuple[int, int]) -> None:
    model = model_of(kind, shape)
    # Compiled, which takes less time than one operation after the other.
    encoder = jax.jit(lambda x: model.encoder(x))
    x = jnp.full(shape, 0.5)
    z = encoder(x)
    assert z.shape == (2,)
    x_hat, again = jax.jit(lambda x, z: (model(x), model.decoder(z)))(x, z)
    assert x_hat.shape == shape
    np.testing.assert_allclose(x_hat, again, rtol=1e-5)
    images = np.random.default_rng(0).integers(0, 256, (5, *shape)).astype(np.uint8)
    # A batch gives the same as its examples one by one.
    one_by_one = np.stack([encoder(image / jnp.float32(255)) for image in images])
    np.testing.assert_allclose(jaxae.encode(model, images), one_by_one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (1.5, 0.3), (-2.0, 2.5)])
def test_kl_divergence_equals_its_integral(mean: float, deviation: float) -> None:
    q, p = stats.norm(mean, deviation), stats.norm()
    low, high = mean - 12 * deviation, mean + 12 * deviation
    integrand = lambda t: q.pdf(t) * (q.logpdf(t) - p.logpdf(t))  # noqa: E731
    expected = integrate.quad(integrand, low, high)[0]
    log_variance = 2 * np.log(deviation)
    one = jaxae.kl_divergence(jnp.array([mean]), jnp.array([log_variance]))
    np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-6)
    two = jaxae.kl_divergence(jnp.array([mean, 0.0]), jnp.array([log_variance, 0.0]))
    np.testing.assert_allclose(two, expected, rtol=1e-5, atol=1e-6)  # Dimensions add up.


@pytest.mark.slow
def test_kl_divergence_equals_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(size=(2, 7)).astype(np.float32)
    posterior = torch.distributions.Normal(
        torch.tensor(mean), torch.tensor(np.exp(log_variance / 2))
    )
    prior = torch.distributions.Normal(torch.zeros(7), torch.ones(7))
    expected = torch.distributions.kl_divergence(posterior, prior).sum()
    np.testing.assert_allclose(jaxae.kl_divergence(mean, log_variance), expected, rtol=1e-5)


def test_the_variational_loss_averages_to_its_expectation() -> None:
    """With a linear decoder the expected squared error has a closed form: bias² + variance."""
    model = model_of("vae", (2, 2))
    x = jnp.array([[0.1, 0.9], [0.4, 0.6]])
    mean, log_variance = model.encoder.posterior(x)
    weight = np.random.default_rng(0).normal(size=(2, 4))
    model.decoder = lambda z: (z @ jnp.asarray(weight, jnp.float32)).reshape(2, 2)
    objective = Objective(kl_weight=0.3)
    keys = jax.random.split(jax.random.key(1), 40_000)
    losses = jax.vmap(lambda key: example_terms(model, x, key, objective).loss)(keys)
    squared_bias = np.sum((np.asarray(mean) @ weight - np.ravel(x)) ** 2)
    variance = np.sum(np.exp(log_variance)[:, None] * weight**2)
    expected = squared_bias + variance + 0.3 * float(jaxae.kl_divergence(mean, log_variance))
    error = float(np.std(losses)) / np.sqrt(len(losses))
    assert abs(float(np.mean(losses)) - expected) < 4 * error


@pytest.mark.parametrize("how", ["resident", "streamed", "study"])
@pytest.mark.slow
def test_a_vaes_metrics_tell_squared_error_and_divergence_apart(how: str, tiny: Dataset) -> None:
    config, size = ModelConfig(hidden_dim=8, model="vae"), tiny.image_shape
    streamed = how == "streamed"
    train = TrainConfig(epochs=1, kl_weight=4, kl_warmup=1, input_noise=0.1, stream=streamed)
    model = jaxae.create_model(config, size, 0)
    if how == "study":
        epochs: list[jaxae.Epoch] = []
        (state,) = fit_seeds(tiny, config, train, [0], on_epoch=epochs.extend)
        nnx.update(model, state.params)
        (row,) = (epoch.metrics for epoch in epochs)
    else:
        (row,) = jaxae.fit(model, tiny, train)
    x = jnp.asarray(np.asarray(tiny.test.images) / np.float32(255))
    mean, log_variance = (np.float64(part) for part in jax.vmap(model.posterior)(x))
    divergence = 0.5 * np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance) / len(x)
    assert row.test_divergence == pytest.approx(divergence, rel=1e-5)
    assert row.test_squared_error is not None
    assert row.test_loss == pytest.approx(row.test_squared_error + 4 * divergence, rel=1e-6)


def test_input_noise_is_seen_by_the_encoder_alone() -> None:
    seen = []
    model = model_of("ae", (4, 4))
    encoder = model.encoder

    class Spy(nnx.Module):
        def __call__(self, x: jax.Array) -> jax.Array:
            seen.append(np.asarray(x))
            return encoder(x)

    model.encoder = Spy()
    x = jnp.full((4, 4), 0.5)
    draws = [jax.random.key(i) for i in range(500)]
    losses = [example_terms(model, x, key, Objective(input_noise=0.2)).loss for key in draws[:3]]
    expected = [np.sum((np.asarray(model.decoder(encoder(s))) - 0.5) ** 2) for s in seen]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for key in draws[3:]:
        example_terms(model, x, key, Objective(input_noise=0.2))
    assert np.std(np.stack(seen) - 0.5) == pytest.approx(0.2, rel=0.05)
    count = len(seen)
    example_terms(model, x, None, Objective(input_noise=0.2))
    assert np.array_equal(seen[count], x), "without a key nothing is drawn"


@pytest.mark.parametrize("kind", KINDS)
def test_training_lowers_the_loss_and_is_reproducible(kind: str, tiny: Dataset) -> None:
    config = TrainConfig(epochs=12, batch_size=32, input_noise=0.05, learning_rate=5e-3)

    def trained() -> tuple[list[float], bytes]:
        model = model_of(kind)
        losses = [row.test_loss for row in jaxae.fit(model, tiny, config)]
        leaves = jax.tree.leaves(nnx.state(model, nnx.Param))
        return losses, b"".join(np.asarray(leaf).tobytes() for leaf in leaves)

    first, second = trained(), trained()
    assert first[0][-1] < 0.8 * first[0][0]
    assert first == second


def test_each_step_draws_its_own_noise(tiny: Dataset) -> None:
    graphdef, params = nnx.split(model_of("vae"), nnx.Param)
    optimizer = jaxae.make_optimizer(TrainConfig(learning_rate=1e-12), 300)
    step = jax.jit(jaxae.make_train_step(graphdef, optimizer))
    state = jaxae.init_state(params, optimizer, 0)
    batch = Batch(tiny.train.images[:8], np.ones(8, np.float32))
    losses = []
    for _ in range(3):
        state, loss = step(state, batch)
        losses.append(float(loss))
    assert len(set(losses)) == 3 and int(state.step) == 3
    _, loss = step(jaxae.init_state(params, optimizer, 0), batch)
    assert float(loss) == losses[0]


def conv2d(x: Any, layer: Any, stride: int) -> Any:
    """Convolve (h, w, c) with a layer's kernel in PyTorch, with XLA's SAME padding."""
    torch = pytest.importorskip("torch")
    features = torch.tensor(np.asarray(x)).permute(2, 0, 1)[None]
    kernel = np.asarray(layer.kernel[...]).reshape(3, 3, features.shape[1], -1)
    sides: list[int] = []
    for size in (x.shape[1], x.shape[0]):
        padding = max(0, (-(-size // stride) - 1) * stride + 3 - size)
        sides += [padding // 2, padding - padding // 2]
    bias = torch.tensor(np.asarray(layer.bias[...]))
    weight = torch.tensor(kernel.transpose(3, 2, 0, 1))
    padded = torch.nn.functional.pad(features, sides)
    return torch.nn.functional.conv2d(padded, weight, bias, stride=stride)


@pytest.mark.accelerator
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(8, 6, 2), (5, 7, 1), (1, 1, 3)])
@pytest.mark.slow
def test_the_convolutions_are_pytorchs(stride: int, shape: tuple[int, int, int]) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    layer = nnx.Linear(9 * shape[2], 8, rngs=nnx.Rngs(0))
    found = layer(convolutional.im2col(jnp.asarray(x), stride))
    expected = conv2d(x, layer, stride)
    np.testing.assert_allclose(found, expected[0].permute(1, 2, 0), rtol=1e-5, atol=1e-6)
    # PyTorch orders the outputs by channel, then offset; jaxae by offset, then channel.
    features = torch.tensor(np.asarray(found)).permute(2, 0, 1)
    shuffled = torch.nn.functional.pixel_shuffle(features, 2)
    in_its_order = np.asarray(found).reshape(*found.shape[:2], 2, 4).transpose(0, 1, 3, 2)
    tiles = convolutional.pixel_shuffle(jnp.asarray(in_its_order.reshape(found.shape)))
    np.testing.assert_array_equal(tiles, shuffled.permute(1, 2, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_takes_the_configurations_that_are_its_own(kind: str) -> None:
    config = KINDS[kind]
    right, wrong = (Autoencoder, VariationalAutoencoder)[:: -1 if config.model == "vae" else 1]
    assert type(model_of(kind)) is type(right(config, (8, 6), rngs=nnx.Rngs(0))) is right
    with pytest.raises(
        ValueError, match=f"^{wrong.__name__} got model '{config.model}'.*create_model"
    ):
        wrong(config, (8, 6), rngs=nnx.Rngs(0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_divergence_is_weighed_where_there_is_a_posterior(kind: str) -> None:
    model = model_of(kind)
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 6)).astype(np.uint8)
    batch = Batch(images, np.ones(3, np.float32))
    loss = jax.jit(lambda kl_weight: jaxae.batch_loss(model, batch, None, Objective(kl_weight)))
    zero, four = (float(loss(kl_weight)) for kl_weight in (0, 4))
    divergence = 0.0
    if KINDS[kind].model == "vae":
        for image in images:
            mean, log_variance = map(np.float64, model.posterior(image / np.float32(255)))
            divergence += np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance) / 2
        assert divergence > 0
    assert four - zero == pytest.approx(4 * divergence, abs=1e-4)


@pytest.mark.parametrize("field", ["kl_weight", "input_noise"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_bad_weight_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{field} is "):
        TrainConfig(**{field: value})  # type: ignore[arg-type]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="model is 'gan'; expected one of ae, vae"):
        ModelConfig(model="gan")  # type: ignore[arg-type]
