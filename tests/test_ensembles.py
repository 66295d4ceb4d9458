"""Metrics other than a decoder's: that of an ensemble, and one weighted by density."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx
from jax.tree_util import Partial
from scipy.stats import gaussian_kde

import jaxae
from jaxae.data import Dataset
from jaxae.geometry import (
    condition_number,
    curve_energy,
    curve_length,
    density_weighted,
    ensemble,
    geodesic,
    metric,
)
from jaxae.geometry.decoders import Weighted
from jaxae.geometry.graph import grid_paths
from jaxae.geometry.region import everywhere
from jaxae.training import refit_decoders

Array = npt.NDArray[np.float64]
MATRICES = np.random.default_rng(0).normal(size=(3, 4, 2))
POINTS = np.random.default_rng(1).uniform(-1, 1, (5, 2))


def _affine(matrix: jax.Array, z: jax.Array) -> jax.Array:
    return (matrix @ z + 1).reshape(2, 2)


def affine(matrix: Array) -> Any:
    with jax.enable_x64(True):
        return Partial(_affine, jnp.asarray(matrix))


def _bands(outside: jax.Array, z: jax.Array) -> jax.Array:
    """Wind around a circle along x near y = 0; far from there, run along `outside`."""
    inside = jnp.exp(-(z[1] ** 2))
    circle = jnp.stack([jnp.cos(5 * z[0]), jnp.sin(5 * z[0])])
    return inside * circle + (1 - inside) * outside * z[0]


def identity(z: jax.Array) -> jax.Array:
    return z


@pytest.fixture(autouse=True)
def float64(request: pytest.FixtureRequest) -> Any:
    # Models are trained in float32.
    with jax.enable_x64("tiny" not in request.fixturenames):
        yield


def test_the_metric_of_an_ensemble_is_the_mean_of_its_members() -> None:
    joint = ensemble([affine(matrix) for matrix in MATRICES])
    mean = np.mean([matrix.T @ matrix for matrix in MATRICES], axis=0)
    np.testing.assert_allclose(metric(joint, POINTS), np.tile(mean, (5, 1, 1)))
    step = np.array([0.3, -0.7])
    energy = np.mean(np.sum((MATRICES @ step) ** 2, axis=1))
    np.testing.assert_allclose(curve_energy(joint, np.stack([0 * step, step])), energy)


def test_an_ensemble_of_one_is_its_member() -> None:
    one, member = ensemble([affine(MATRICES[0])]), affine(MATRICES[0])
    for function in (metric, condition_number):
        np.testing.assert_allclose(function(one, POINTS), function(member, POINTS))


def test_an_ensemble_of_models_has_the_mean_of_their_metrics() -> None:
    config = jaxae.ModelConfig(hidden_dim=4)
    decoders = [jaxae.create_model(config, (8, 6), seed).decoder for seed in (0, 1)]
    expected = np.mean([metric(decoder, POINTS) for decoder in decoders], axis=0)
    np.testing.assert_allclose(metric(ensemble(decoders), POINTS), expected, rtol=1e-6)


def test_a_detour_is_free_for_one_decoder_but_not_where_an_ensemble_disagrees() -> None:
    directions = 20 * np.array([[1.0, 0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]])
    members = [Partial(_bands, jnp.asarray(direction)) for direction in directions]
    # The members' mean is constant far away from y = 0.
    mean = ensemble([Partial(_bands, jnp.zeros(2))] * 3)
    a, b = [-1.2, 0.1], [1.2, 0.1]
    free, kept = geodesic(mean, a, b), geodesic(ensemble(members), a, b)
    assert abs(free.points[:, 1]).max() > 2
    assert free.length == pytest.approx(2 * np.exp(-0.01), rel=0.05)
    assert abs(kept.points[:, 1]).max() < 0.5
    # The rms speed is √((5 i)² + (20 (1 − i))²), where i is the share of the circle; its minimum is
    # 100 / √425.
    assert kept.length == pytest.approx(2.4 * 100 / 425**0.5, rel=0.02)
    # The detour of the single decoder moves each member by 20 per unit of x.
    assert curve_length(ensemble(members), free.points) > 0.95 * 20 * 2.4


def test_decoders_that_cannot_be_joined_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^decoders is empty; expected one or more$"):
        ensemble([])
    with pytest.raises(ValueError, match=r"differ in structure; expected decoders of one"):
        ensemble([affine(MATRICES[0]), affine(MATRICES[0, :2])])
    with pytest.raises(ValueError, match=r"is weighted; weight the ensemble instead"):
        ensemble([density_weighted(identity, POINTS)])


def _square(z: jax.Array) -> jax.Array:
    return (2 + z[0]) ** 2


def test_a_weight_scales_distances_by_its_root() -> None:
    weighted = Weighted(affine(MATRICES[0]), Partial(_square))
    factors = (2 + POINTS[:, 0]) ** 2
    expected = factors[:, None, None] * (MATRICES[0].T @ MATRICES[0])
    np.testing.assert_allclose(metric(weighted, POINTS), expected)
    np.testing.assert_allclose(condition_number(weighted, POINTS[0]), np.linalg.cond(MATRICES[0]))
    # The integral of 2 + x from 0 to 3; the rule is exact for a linear root.
    line = np.linspace([0.0, 0], [3, 0], 4)
    length = 10.5 * float(np.linalg.norm(MATRICES[0][:, 0]))
    np.testing.assert_allclose(curve_length(weighted, line), length)
    twice = Weighted(weighted, Partial(_square))
    np.testing.assert_allclose(metric(twice, POINTS), factors[:, None, None] * expected)


def test_a_density_weight_follows_from_scipys_kernel_estimate() -> None:
    cloud = np.random.default_rng(2).normal(size=(50, 2)) * [1, 3]
    density = gaussian_kde(cloud.T)
    weights = 1.1 / (density(POINTS.T) / density(cloud.T).mean() + 0.1)
    found = metric(density_weighted(identity, cloud, floor=0.1), POINTS)
    np.testing.assert_allclose(found, weights[:, None, None] * np.eye(2), rtol=1e-9)
    far = metric(density_weighted(identity, cloud, floor=0.1), [1e3, 1e3])
    np.testing.assert_allclose(far, 11 * np.eye(2))
    # Invariant under a change of coordinates.
    change = np.array([[3.0, 1.0], [0.5, -2.0]])
    changed = metric(density_weighted(identity, cloud @ change.T, floor=0.1), POINTS @ change.T)
    np.testing.assert_allclose(changed, found, rtol=1e-9)


def test_whether_a_cloud_is_too_flat_does_not_depend_on_its_size() -> None:
    rng = np.random.default_rng(0)
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    thin, flat = (
        (rng.normal(size=(n, 2)) * [1, width] @ turn).astype(np.float32)
        for n, width in ((9000, 9e-4), (300, 1e-4))
    )
    assert np.isfinite(metric(density_weighted(identity, thin), thin[:5])).all()
    with pytest.raises(ValueError, match="300 points on a line"):
        density_weighted(identity, flat)


def test_curves_stay_where_a_cloud_is_dense() -> None:
    angle = np.linspace(0, np.pi, 40)
    cloud = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    cloud = np.concatenate([cloud, 1.1 * cloud])
    weighted = density_weighted(identity, cloud, floor=1e-3)
    a, b = [-1.0, 0.2], [1.0, 0.2]
    ends = np.array([[a, b]])
    (path,) = grid_paths(weighted, ends, everywhere(ends[0]), 64)
    found = geodesic(weighted, a, b)
    assert found.points[32, 1] > 0.9 and path[32, 1] > 0.9
    assert found.length < 0.9 * found.straight_length
    assert found.energy <= curve_energy(weighted, path)


@pytest.mark.parametrize(
    ("cloud", "floor", "message"),
    [
        (np.zeros((2, 3, 2)), 0.1, r"cloud has shape \(2, 3, 2\); expected \(n, latent_dim\)"),
        (np.ones((4, 2)), 0.1, "cloud has 4 points on a line or plane; .*"),
        ([[0.0, np.nan]], 0.1, "cloud has a value that is NaN or infinite; .*"),
        (POINTS, 0.0, "floor is 0.0; expected a finite number above 0"),
        (POINTS, np.nan, "floor is nan; expected a finite number above 0"),
    ],
)
def test_a_bad_cloud_is_refused(cloud: Any, floor: float, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        density_weighted(identity, cloud, floor)


def test_decoders_are_refitted_to_a_frozen_encoder(tiny: Dataset) -> None:
    config = jaxae.ModelConfig(hidden_dim=16)
    train = jaxae.TrainConfig(epochs=30, batch_size=32, learning_rate=0.01)
    model = jaxae.create_model(config, tiny.image_shape, 0)
    (*_, plain) = jaxae.fit(model, tiny, train)
    before = jax.tree.map(np.array, nnx.state(model, nnx.Param))
    epochs: list[list[jaxae.Epoch]] = []
    decoders = refit_decoders(model, tiny, config, train, [1, 2], on_epoch=epochs.append)

    jax.tree.map(np.testing.assert_array_equal, before, nnx.state(model, nnx.Param))
    images = np.asarray(tiny.test.images, np.float32) / 255
    variance = np.var(images, axis=0).sum()
    for epoch, decoder in zip(epochs[-1], decoders, strict=True):
        params: Any = epoch.state.params
        jax.tree.map(np.testing.assert_array_equal, before["encoder"], params["encoder"])
        z = jax.vmap(model.encoder)(images)
        errors = np.sum((jax.vmap(decoder)(z) - images) ** 2, axis=(1, 2))
        np.testing.assert_allclose(errors.mean(), epoch.metrics.test_loss, rtol=1e-4)
        assert epoch.metrics.test_loss < plain.test_loss + 0.01 * variance
    apart = jax.vmap(decoders[0])(z) - jax.vmap(decoders[1])(z)
    assert abs(apart).max() > 0.01
    assert metric(ensemble(decoders), z[:3]).shape == (3, 2, 2)

    other = dataclasses.replace(config, activation="tanh")
    with pytest.raises(ValueError, match=r"is not one of ModelConfig.*activation='tanh'"):
        refit_decoders(model, tiny, other, train, [1])
