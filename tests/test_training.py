"""Training against plain NumPy in float64."""

import gc
import weakref
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

import jaxae
from benchmarks.tasks import reference
from jaxae import Autoencoder, Batch, Dataset, ModelConfig, TrainConfig
from jaxae.models.autoencoder import Params
from jaxae.training.losses import LossTerms
from jaxae.training.resident import ResidentEpochs
from tests.conftest import compilations

CONFIG = ModelConfig(latent_dim=2, hidden_dim=16)


def as_weights(params: Params, dtype: type = np.float64) -> reference.Weights:
    tree = nnx.to_pure_dict(params)
    return {
        name: np.array(tree[name.split(".")[0]][name.split(".")[1]][name.split(".")[2]], dtype)
        for name in reference.NAMES
    }


def new_model(dataset: Dataset, seed: int = 0) -> Autoencoder:
    return jaxae.create_model(CONFIG, dataset.image_shape, seed)


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """Draw the order of an epoch's images, which has to stay the same in every version."""
    key = jax.random.fold_in(jax.random.key(seed), 2**32 - 2)
    return np.asarray(jax.random.permutation(jax.random.fold_in(key, epoch), n))


def test_reference_gradients_are_the_finite_differences_of_its_loss(tiny: Dataset) -> None:
    weights = as_weights(nnx.state(new_model(tiny), nnx.Param))
    x = reference.to_unit_interval(tiny.train.images[:7])
    _, gradients = reference.loss_and_gradients(weights, x)
    rng = np.random.default_rng(0)
    for name in reference.NAMES:
        direction = rng.normal(size=weights[name].shape)
        losses = []
        for sign in (1, -1):
            moved = {**weights, name: weights[name] + sign * 1e-6 * direction}
            losses.append(reference.loss_and_gradients(moved, x)[0])
        slope = (losses[0] - losses[1]) / 2e-6
        np.testing.assert_allclose(np.sum(gradients[name] * direction), slope, rtol=1e-6, atol=1e-7)


@pytest.mark.accelerator
def test_gradients_equal_the_reference(tiny: Dataset) -> None:
    graphdef, params = nnx.split(new_model(tiny), nnx.Param)
    batch = Batch(tiny.train.images[:7], np.ones(7, np.float32))

    def loss_of(params: Params) -> jax.Array:
        return jaxae.batch_loss(nnx.merge(graphdef, params), batch)

    loss, grads = jax.value_and_grad(loss_of)(params)
    expected_loss, expected = reference.loss_and_gradients(
        as_weights(params), reference.to_unit_interval(tiny.train.images[:7])
    )
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    for name, grad in as_weights(grads).items():
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(grad, expected[name], rtol=1e-4, atol=1e-6 * scale)


@pytest.mark.accelerator
@pytest.mark.parametrize("batch_size", [1, 32, 100, 299, 300, 512])
def test_one_epoch_equals_a_numpy_loop_with_its_own_adam(tiny: Dataset, batch_size: int) -> None:
    model = new_model(tiny)
    weights = as_weights(nnx.state(model, nnx.Param))
    images = reference.to_unit_interval(np.asarray(tiny.train.images))
    adam, total = reference.Adam(weights, learning_rate=1e-3), 0.0
    for rows in reference.batches(epoch_order(0, 0, len(images)), batch_size):
        loss, gradients = reference.loss_and_gradients(weights, images[rows])
        adam.update(gradients)
        total += loss

    (metrics,) = jaxae.fit(model, tiny, TrainConfig(epochs=1, batch_size=batch_size))

    np.testing.assert_allclose(metrics.train_loss, total / len(images), rtol=1e-5)
    for name, value in as_weights(nnx.state(model, nnx.Param)).items():
        # An Adam step is 1e-3: float32 may differ by a small fraction of it.
        np.testing.assert_allclose(value, weights[name], rtol=1e-4, atol=2e-5, err_msg=name)
    test = reference.to_unit_interval(np.asarray(tiny.test.images))
    expected = np.mean(np.sum((reference.forward(weights, test)[3] - test) ** 2, axis=1))
    np.testing.assert_allclose(metrics.test_loss, expected, rtol=1e-4)


@pytest.mark.accelerator
def test_padding_changes_neither_loss_nor_update(tiny: Dataset) -> None:
    graphdef, params = nnx.split(new_model(tiny), nnx.Param)
    optimizer = jaxae.make_optimizer(TrainConfig(), 300)
    step = jax.jit(jaxae.make_train_step(graphdef, optimizer))
    state = jaxae.init_state(params, optimizer, 0)
    images = tiny.train.images[:5]
    plain = step(state, Batch(images, np.ones(5, np.float32)))
    padded_images = np.concatenate([images, tiny.train.images[90:93]])
    padded = step(state, Batch(padded_images, np.array([1] * 5 + [0] * 3, np.float32)))
    np.testing.assert_allclose(plain[1], padded[1], rtol=1e-6)
    for a, b in zip(
        jax.tree.leaves(plain[0].params), jax.tree.leaves(padded[0].params), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_images_without_a_mask_are_refused_by_the_name_of_what_has_one(tiny: Dataset) -> None:
    graphdef, params = nnx.split(new_model(tiny), nnx.Param)
    optimizer = jaxae.make_optimizer(TrainConfig(), 300)
    step = jax.jit(jaxae.make_train_step(graphdef, optimizer))
    images: Any = tiny.train.images[:5]
    for batch in (images, jax.numpy.asarray(images), (images, np.ones(5))):
        with pytest.raises(ValueError, match=r"pass a Batch\(images, mask\)"):
            step(jaxae.init_state(params, optimizer, 0), batch)


def test_every_epoch_visits_each_image_once_in_a_new_order() -> None:
    first, second = epoch_order(0, 0, 300), epoch_order(0, 1, 300)
    assert sorted(first) == sorted(second) == list(range(300))
    assert not np.array_equal(first, second)


def test_parameters_and_epochs_are_drawn_from_different_keys(tiny: Dataset) -> None:
    params = nnx.state(new_model(tiny), nnx.Param)
    key = jaxae.init_state(params, jaxae.make_optimizer(TrainConfig(), 300), 0).key
    # NNX folds the number of the draw into the seed's key; training folds in that of the epoch.
    for_parameters, for_epochs = (
        {jax.random.key_data(jax.random.fold_in(key, i)).tobytes() for i in range(30)}
        for key in (jax.random.key(0), key)
    )
    assert len(for_parameters) == len(for_epochs) == 30
    assert not for_parameters & for_epochs


@pytest.mark.accelerator
def test_same_seed_gives_the_same_bits_and_another_seed_does_not(tiny: Dataset) -> None:
    def leaves(seed: int) -> list[bytes]:
        model = new_model(tiny, seed)
        jaxae.fit(model, tiny, TrainConfig(epochs=2, seed=seed))
        return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))]

    assert leaves(3) == leaves(3)
    assert leaves(3) != leaves(4)


def test_a_second_fit_compiles_nothing(tiny: Dataset) -> None:
    def train(seed: int) -> None:
        jaxae.fit(new_model(tiny, seed), tiny, TrainConfig(epochs=1, batch_size=64, seed=seed))

    train(0)
    with compilations() as heard:
        train(1)
        assert heard == []
        jax.jit(lambda x: x + 41)(1.0)
        assert heard, "the listener hears no compilation: this test would pass whatever happens"


def test_onecycle_follows_its_cosine(tiny: Dataset) -> None:
    """The size of Adam's first step is the learning rate, here the first of the schedule."""
    config = TrainConfig(epochs=2, batch_size=100, learning_rate=1e-2, schedule="onecycle")
    graphdef, params = nnx.split(new_model(tiny), nnx.Param)
    optimizer = jaxae.make_optimizer(config, 300)
    step = jax.jit(jaxae.make_train_step(graphdef, optimizer))
    before = jaxae.init_state(params, optimizer, 0)
    after, _ = step(before, Batch(tiny.train.images[:100], np.ones(100, np.float32)))
    moved = as_weights(after.params)["decoder.pixels.bias"]
    np.testing.assert_allclose(np.abs(moved).max(), 1e-2 / 25, rtol=1e-3)


def test_loss_that_is_not_finite_stops_and_keeps_the_last_good_epoch(tiny: Dataset) -> None:
    model = new_model(tiny)
    kept: list[reference.Weights] = []
    with pytest.raises(jaxae.DivergedError, match="learning rate"):
        jaxae.fit(
            model,
            tiny,
            TrainConfig(epochs=50, learning_rate=3e37, batch_size=300),
            on_epoch=lambda epoch: kept.append(as_weights(epoch.state.params)),
        )
    now = as_weights(nnx.state(model, nnx.Param))
    for name, value in (kept[-1] if kept else as_weights(nnx.state(new_model(tiny)))).items():
        assert np.isfinite(now[name]).all()
        np.testing.assert_array_equal(now[name], value)


def test_divergence_is_told_of_the_loss_that_diverged(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for diverged in ("test", "validation"):
        terms = {"test": LossTerms(1.0), "validation": LossTerms(1.0), diverged: LossTerms(np.nan)}
        monkeypatch.setattr(ResidentEpochs, "evaluate", lambda self, state, terms=terms: terms)
        with pytest.raises(jaxae.DivergedError, match=rf"^the {diverged} loss is nan in epoch 1;"):
            jaxae.fit(new_model(tiny), tiny, TrainConfig(epochs=1))


@pytest.mark.parametrize(
    ("model", "config", "fault"),
    [
        (ModelConfig(hidden_dim=8), TrainConfig(), r"\['bias'\].* is float32\[16\]; .*32\[8\]"),
        (ModelConfig(3, 16), TrainConfig(), r"\['kernel'\].* is float32\[2,16\]; .*32\[3,16\]"),
        (ModelConfig(2, 16, "vae"), TrainConfig(), r"\['log_variance'\].* is missing; "),
        (CONFIG, TrainConfig(schedule="onecycle"), r"^state\.opt_state.*count is missing; "),
    ],
)
def test_a_state_of_another_model_or_optimizer_is_refused(
    tiny: Dataset, model: ModelConfig, config: TrainConfig, fault: str
) -> None:
    params = nnx.state(new_model(tiny), nnx.Param)
    state = jaxae.init_state(params, jaxae.make_optimizer(TrainConfig(), 300), 0)
    other = jaxae.create_model(model, tiny.image_shape, 0)
    before = jax.tree.map(np.array, nnx.state(other))
    with pytest.raises(ValueError, match=fault) as refused:
        jaxae.fit(other, tiny, config, state=state)
    assert "\n" not in str(refused.value)
    jax.tree.map(np.testing.assert_array_equal, nnx.state(other), before)


def test_what_was_compiled_for_earlier_learning_rates_is_let_go(tiny: Dataset) -> None:
    graphdef, _ = nnx.split(new_model(tiny), nnx.Param)

    def epoch(rate: float) -> Any:
        optimizer = jaxae.make_optimizer(TrainConfig(learning_rate=rate), 300)
        return jaxae.make_train_epoch(graphdef, optimizer, 100)

    first, again = weakref.ref(epoch(0.5)), epoch(0.5)
    assert first() is again
    del again
    for i in range(1, 20):
        epoch(i * 1e-5)
    gc.collect()
    assert first() is None


def test_reported_states_outlive_the_training_that_goes_on(tiny: Dataset) -> None:
    states = []
    jaxae.fit(
        new_model(tiny), tiny, TrainConfig(epochs=3), on_epoch=lambda e: states.append(e.state)
    )
    assert [int(state.epoch) for state in states] == [1, 2, 3]
    first, last = (as_weights(states[i].params) for i in (0, -1))
    assert any(not np.array_equal(first[name], last[name]) for name in first)


def test_a_model_for_other_images_is_refused(tiny: Dataset) -> None:
    with pytest.raises(ValueError, match=r"\(28, 28\).*\(8, 6\)"):
        jaxae.fit(jaxae.create_model(CONFIG, (28, 28), 0), tiny)
