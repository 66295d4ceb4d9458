"""The metric, indicatrices and lengths of decoders whose geometry is known in closed form."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

import jaxae
from jaxae.geometry import (
    condition_number,
    curve_energy,
    curve_length,
    indicatrices,
    log_magnification,
    metric,
)
from tests.surfaces import RADIUS, A, affine, cylinder, sphere

Array = npt.NDArray[np.float64]


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def flat(z: jax.Array) -> jax.Array:
    return jnp.zeros((4, 4), z.dtype)


@pytest.fixture
def points() -> Array:
    return np.random.default_rng(0).uniform(-1, 1, (5, 2))


def test_the_metric_of_an_affine_decoder_is_the_same_everywhere(points: Array) -> None:
    g = metric(affine, points)
    assert g.dtype == np.float64 and g.shape == (5, 2, 2)
    np.testing.assert_allclose(g, np.broadcast_to(A.T @ A, g.shape))
    logs = log_magnification(affine, points)
    np.testing.assert_allclose(logs, np.full(5, np.linalg.slogdet(A.T @ A)[1] / 2))
    np.testing.assert_allclose(condition_number(affine, points[0]), np.linalg.cond(A))


@pytest.mark.accelerator
def test_the_metric_of_a_sphere_is_that_of_longitude_and_latitude(points: Array) -> None:
    expected = [np.diag([RADIUS**2 * np.cos(y) ** 2, RADIUS**2]) for _, y in points]
    np.testing.assert_allclose(metric(sphere, points), expected, atol=1e-12)
    np.testing.assert_allclose(
        log_magnification(sphere, points), np.log(RADIUS**2 * np.cos(points[:, 1]))
    )
    np.testing.assert_allclose(condition_number(sphere, points), 1 / np.cos(points[:, 1]))


@pytest.mark.accelerator
def test_the_metric_of_a_model_follows_from_finite_differences(points: Array) -> None:
    decoder = jaxae.create_model(jaxae.ModelConfig(hidden_dim=16), (8, 6), seed=0).decoder
    step = 1e-6

    def images(z: Array) -> Array:
        return np.asarray(jax.vmap(decoder)(jnp.asarray(z))).reshape(len(z), -1)

    columns = [
        (images(points + step * axis) - images(points - step * axis)) / (2 * step)
        for axis in np.eye(2)
    ]
    j = np.stack(columns, axis=-1)
    np.testing.assert_allclose(metric(decoder, points), np.swapaxes(j, 1, 2) @ j, rtol=1e-6)


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_any_number_of_latent_dimensions_has_a_metric(latent_dim: int) -> None:
    matrix = np.random.default_rng(1).normal(size=(7, latent_dim))
    z = np.ones(latent_dim)

    def decoder(z: jax.Array) -> jax.Array:
        return jnp.asarray(matrix) @ z

    np.testing.assert_allclose(metric(decoder, z), matrix.T @ matrix)
    values = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(log_magnification(decoder, z), np.log(values).sum())
    np.testing.assert_allclose(condition_number(decoder, z), values[0] / values[-1])


def test_a_change_of_coordinates_keeps_lengths_and_shifts_log_magnification(points: Array) -> None:
    change = np.array([[3.0, 1.0], [0.5, -2.0]])

    def changed(z: jax.Array) -> jax.Array:
        return sphere(jnp.linalg.solve(jnp.asarray(change), z))

    new = points @ change.T
    np.testing.assert_allclose(curve_length(changed, new), curve_length(sphere, points))
    np.testing.assert_allclose(
        log_magnification(sphere, points) - log_magnification(changed, new),
        np.full(5, np.log(abs(np.linalg.det(change)))),
    )


def saturated(z: jax.Array) -> jax.Array:
    return jax.nn.sigmoid(1000 * z + 2000)


def dead(z: jax.Array) -> jax.Array:
    return jax.nn.relu(-z - 5)


def one_pixel(z: jax.Array) -> jax.Array:
    return z[:1]


@pytest.mark.parametrize("decoder", [flat, saturated, dead, one_pixel])
def test_a_singular_metric_gives_numbers(
    decoder: Callable[[jax.Array], jax.Array], points: Array
) -> None:
    single = points.astype(np.float32)
    assert np.isfinite(metric(decoder, single)).all()
    logs = log_magnification(decoder, single)
    assert logs.dtype == np.float32
    assert np.isfinite(logs).all() and (np.asarray(logs) < -80).all()
    assert np.isposinf(condition_number(decoder, single)).all()
    gradient = jax.grad(lambda z: log_magnification(decoder, z))(single[0])
    assert np.isfinite(gradient).all()


def test_where_a_decoder_gives_no_numbers_the_condition_number_is_none(points: Array) -> None:
    assert np.isnan(condition_number(lambda z: jnp.nan * z, points)).all()


@pytest.mark.accelerator
def test_lengths_of_lines_circles_and_helices() -> None:
    line = np.linspace([0, 0], [3, 4], 9)
    length = np.linalg.norm(A @ [3, 4])
    np.testing.assert_allclose(curve_length(affine, line), length)
    np.testing.assert_allclose(curve_energy(affine, line), length**2)
    # Of all ways to walk along a line, the constant speed has the least energy.
    slow = 4 * np.linspace(0, 1, 9)[:, None] ** 2 * [0.75, 1]
    np.testing.assert_allclose(curve_length(affine, slow), length)
    assert curve_energy(affine, slow) > 1.1 * length**2
    helix = np.linspace([0, 0], [3, 4], 200)
    np.testing.assert_allclose(curve_length(cylinder, helix), 5, rtol=1e-4)


def test_the_length_of_a_circle_converges_at_second_order() -> None:
    def error(n: int) -> float:
        parallel = np.linspace([0, 0.5], [1, 0.5], n + 1)
        return float(RADIUS * np.cos(0.5) - curve_length(sphere, parallel))

    errors = [error(n) for n in (8, 16, 32, 64)]
    np.testing.assert_allclose(
        np.log2(np.divide(errors[:-1], errors[1:])), np.full(3, 2), atol=0.01
    )


def test_many_curves_are_measured_at_once() -> None:
    curves = np.random.default_rng(0).normal(size=(2, 3, 7, 2))
    lengths = curve_length(sphere, curves)
    assert lengths.shape == (2, 3)
    np.testing.assert_allclose(lengths[1, 2], curve_length(sphere, curves[1, 2]))
    assert curve_length(sphere, curves[:0]).shape == (0, 3)


def test_functions_of_points_can_be_compiled_and_differentiated(points: Array) -> None:
    for function in (metric, log_magnification, condition_number):
        compiled = jax.jit(lambda z, function=function: function(sphere, z))
        np.testing.assert_allclose(compiled(points), function(sphere, points))
    slope = jax.grad(lambda z: log_magnification(sphere, z))(points[0])
    np.testing.assert_allclose(slope, [0, -np.tan(points[0, 1])], atol=1e-12)


@pytest.mark.parametrize("kind", [jnp.asarray, np.asarray])
def test_new_parameters_of_a_model_are_seen(kind: Any, points: Array) -> None:
    model = jaxae.create_model(jaxae.ModelConfig(hidden_dim=4), (8, 6), seed=0)
    nnx.update(model, jax.tree.map(kind, nnx.state(model, nnx.Param)))
    before = metric(model.decoder, points)
    nnx.update(model, jax.tree.map(lambda leaf: 2 * leaf, nnx.state(model, nnx.Param)))
    assert not np.allclose(metric(model.decoder, points), before)


def test_an_indicatrix_holds_the_points_at_one_image_distance() -> None:
    z = np.stack(np.meshgrid(np.arange(3.0), np.arange(3.0)), axis=-1).reshape(-1, 2)
    found = indicatrices(affine, z, radius=1.0)
    assert not found.is_cut.any() and found.radius == 1.0
    outlines = found.outlines(50)
    assert outlines.shape == (9, 50, 2)
    steps = (outlines - z[:, None]) @ A.T
    np.testing.assert_allclose(np.linalg.norm(steps, axis=-1), np.ones((9, 50)))
    lengths = np.linalg.norm(found.axes, axis=1)
    np.testing.assert_allclose(lengths, np.tile(1 / np.linalg.svd(A)[1][::-1], (9, 1)))


def test_indicatrices_are_large_enough_to_see_and_do_not_overlap() -> None:
    z = np.stack(np.meshgrid(np.arange(-1.0, 2), np.arange(-1.5, 1.51, 0.5)), axis=-1)
    found = indicatrices(sphere, z.reshape(-1, 2))
    longest = np.linalg.norm(found.axes, axis=1)[:, 0]
    assert np.median(longest) == pytest.approx(0.25 * 0.5)
    assert longest.max() <= 0.25 + 1e-12
    # Towards the poles, longitude hardly moves the image.
    assert (found.is_cut == (np.abs(found.centres[:, 1]) > 1.4)).all()
    scaled = indicatrices(lambda z: sphere(z / 7), 7 * z.reshape(-1, 2))
    np.testing.assert_allclose(abs(scaled.axes), abs(7 * found.axes), atol=1e-9)


@pytest.mark.parametrize("function", [metric, log_magnification, condition_number])
@pytest.mark.parametrize(
    ("z", "message"),
    [
        ([0.0, np.nan], "z has a value that is NaN or infinite; expected finite numbers"),
        (1.0, r"z has shape \(\); expected \(..., latent_dim\)"),
    ],
)
def test_a_bad_point_is_refused(function: Any, z: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        function(affine, z)


@pytest.mark.parametrize("function", [curve_length, curve_energy])
@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0.0, np.inf], [0, 0]], "points has a value that is NaN or infinite"),
        ([0.0, 1.0], r"points has shape \(2,\); expected \(..., n, latent_dim\)"),
        ([[0.0, 1.0]], r"points has shape \(1, 2\); expected .* with n of 2 or more"),
    ],
)
def test_a_bad_curve_is_refused(function: Any, points: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(affine, points)


@pytest.mark.parametrize(
    ("decoder", "z", "radius", "message"),
    [
        (affine, np.zeros((4, 3)), None, r"shape \(4, 3\); expected \(n, 2\)"),
        (affine, np.zeros((4, 1)), None, r"shape \(4, 1\); expected \(n, 2\)"),
        (affine, np.zeros((4, 2)), None, "fewer than two different points"),
        (affine, np.eye(2), 0.0, "radius is 0.0; expected a finite number above 0"),
        (flat, np.eye(2), None, "constant in some direction around most points; pass a radius"),
        (one_pixel, np.eye(2), None, "constant in some direction around most points; pass a"),
    ],
)
def test_impossible_indicatrices_are_refused(
    decoder: Any, z: Array, radius: float | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        indicatrices(decoder, z, radius)
