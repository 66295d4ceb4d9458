"""Geodesics against closed forms, a boundary-value solver and the paths that they start from."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from jax.tree_util import Partial
from scipy.integrate import solve_bvp
from scipy.interpolate import CubicSpline

from jaxae.geometry import curve_energy, curve_length, geodesic
from jaxae.geometry.graph import grid_paths
from jaxae.geometry.region import everywhere, hull_of
from jaxae.geometry.spline import KNOTS, spline_basis
from tests.surfaces import RADIUS, A, affine, cylinder, sphere

Array = npt.NDArray[np.float64]
TURNS = 5.0
# The four corners of a cloud, and its inside.
CLOUD = np.stack(np.meshgrid([-1.5, 0.0, 1.5], [-0.5, 0.0, 0.5]), axis=-1).reshape(-1, 2)


@pytest.fixture(autouse=True)
def float64(request: pytest.FixtureRequest) -> Any:
    with jax.enable_x64(True):
        yield


def hill(z: jax.Array) -> jax.Array:
    """Map to the graph of a height, with a hill in the middle."""
    return jnp.stack([z[0], z[1], 1.5 * jnp.exp(-2 * jnp.sum(z**2))])


def saturating(z: jax.Array) -> jax.Array:
    """Wind around a circle along x near y = 0, and be constant far away from there."""
    angle, size = TURNS * z[0], jnp.exp(-(z[1] ** 2))
    return jnp.stack([size * jnp.cos(angle), size * jnp.sin(angle), 0 * size])


def rounded(z: jax.Array) -> jax.Array:
    """Have pixels that saturate, and a unit that is dead for x below 0."""
    return jnp.stack([jax.nn.sigmoid(1e4 * z[0]), jax.nn.relu(z[0]), jax.nn.sigmoid(99 * z[1])])


def flat(z: jax.Array) -> jax.Array:
    return jnp.zeros(3, z.dtype)


SURFACES = (affine, sphere, cylinder, hill, saturating, rounded, flat)


def _surface(change: jax.Array, kind: jax.Array, z: jax.Array) -> jax.Array:
    return jax.lax.switch(kind, SURFACES, change @ z)


def surface(of: Callable[[jax.Array], jax.Array], change: npt.ArrayLike = ((1, 0), (0, 1))) -> Any:
    """Return a decoder that shares its compiled programs with all others made here."""
    return Partial(_surface, jnp.asarray(change, float), jnp.asarray(SURFACES.index(of)))


def images(decoder: Any, z: npt.ArrayLike) -> Array:
    return np.asarray(jax.vmap(decoder)(jnp.asarray(z)))


A_TO_B = np.array([[-1.0, 0.3], [0.5, -0.4]]), np.array([[0.8, 0.7], [1.0, 1.1]])


def test_geodesics_of_an_affine_decoder_are_straight() -> None:
    a, b = A_TO_B
    found = geodesic(surface(affine), a, b)
    assert found.points.shape == (2, 64, 2) and found.points.dtype == np.float64
    np.testing.assert_allclose(found.points, np.linspace(a, b, 64, axis=1), atol=1e-4)
    lengths = np.linalg.norm((b - a) @ A.T, axis=1)
    for length in (found.length, found.straight_length, np.sqrt(found.energy)):
        np.testing.assert_allclose(length, lengths, rtol=1e-9)
    assert found.converged.all()


@pytest.mark.accelerator
def test_geodesics_of_a_sphere_are_great_circles() -> None:
    a, b = A_TO_B
    found = geodesic(surface(sphere), a, b)
    start, end = images(sphere, a), images(sphere, b)
    angle = np.arccos(np.sum(start * end, axis=1) / RADIUS**2)
    np.testing.assert_allclose(found.length, RADIUS * angle, rtol=1e-4)
    np.testing.assert_allclose(found.energy, found.length**2, rtol=1e-6)
    assert (found.straight_length > 1.005 * found.length).all()
    for k, curve in enumerate(found.points):
        normal = np.cross(start[k], end[k])
        off = images(sphere, curve) @ normal / np.linalg.norm(normal)
        np.testing.assert_allclose(off, np.zeros(64), atol=2e-3)


def test_geodesics_of_a_cylinder_are_helices() -> None:
    a, b = A_TO_B
    found = geodesic(surface(cylinder), a, b)
    np.testing.assert_allclose(found.length, np.linalg.norm(b - a, axis=1), rtol=1e-4)
    np.testing.assert_allclose(found.points, np.linspace(a, b, 64, axis=1), atol=1e-3)


def test_a_change_of_coordinates_changes_no_length() -> None:
    a, b = A_TO_B
    change = np.array([[0.4, 0.1], [0.1, -0.3]])
    found, changed = (
        geodesic(surface(sphere, matrix), *(z @ np.linalg.inv(matrix).T for z in (a, b)))
        for matrix in (np.eye(2), change)
    )
    np.testing.assert_allclose(changed.length, found.length, rtol=1e-5)
    np.testing.assert_allclose(changed.straight_length, found.straight_length)
    np.testing.assert_allclose(changed.points @ change.T, found.points, atol=1e-2)


def test_a_geodesic_solves_the_geodesic_equation() -> None:
    a, b = np.array([-1.2, -0.3]), np.array([1.2, -0.2])

    def equation(_: Array, state: Array) -> Array:
        # For a graph of h, z̈ = −∇h (żᵀ H ż) / (1 + |∇h|²), with H the second derivatives of h.
        z, speed = state[:2], state[2:]
        h = 1.5 * np.exp(-2 * np.sum(z**2, axis=0))
        slope = -4 * h * z
        bend = 16 * h * np.sum(z * speed, axis=0) ** 2 - 4 * h * np.sum(speed**2, axis=0)
        return np.concatenate([speed, -slope * bend / (1 + np.sum(slope**2, axis=0))])

    t = np.linspace(0, 1, 64)
    around = np.stack([a + (b - a) * s + [0, -0.8 * np.sin(np.pi * s)] for s in t], axis=1)
    guess = np.concatenate([around, np.gradient(around, t, axis=1)])

    def ends(start: Array, end: Array) -> Array:
        return np.concatenate([start[:2] - a, end[:2] - b])

    solved = solve_bvp(equation, ends, t, guess, tol=1e-6)
    assert solved.success
    fine = np.linspace(0, 1, 2000)
    length = np.linalg.norm(np.diff(images(hill, solved.sol(fine)[:2].T), axis=0), axis=1).sum()
    found = geodesic(surface(hill), a, b)
    np.testing.assert_allclose(found.length, length, rtol=1e-3)
    np.testing.assert_allclose(found.points, solved.sol(t)[:2].T, atol=0.01)


def test_the_spline_has_less_energy_than_the_path_and_the_path_than_the_line() -> None:
    a, b = np.array([[-1.2, -0.3], [-1.0, 0.9]]), np.array([[1.2, -0.2], [0.7, -1.0]])
    decoder = surface(hill)
    ends = np.stack([a, b], axis=1)
    paths = grid_paths(decoder, ends, everywhere(ends.reshape(-1, 2)), 64)
    path, line = (curve_energy(decoder, c) for c in (paths, np.linspace(a, b, 64, axis=1)))
    assert (geodesic(decoder, a, b).energy < path).all()
    assert (path < line).all()


@pytest.mark.parametrize("of", SURFACES)
def test_no_geodesic_has_more_energy_than_either_start(
    of: Callable[[jax.Array], jax.Array],
) -> None:
    a, b = np.array([[-1.2, -0.3], [-1.0, 0.9]]), np.array([[1.2, -0.2], [0.7, -1.0]])
    decoder, ends = surface(of), np.stack([a, b], axis=1)
    paths = grid_paths(decoder, ends, everywhere(ends.reshape(-1, 2)), 64)
    found = geodesic(decoder, a, b)
    for start in (paths, np.linspace(a, b, 64, axis=1)):
        assert (found.energy <= 1.001 * curve_energy(decoder, start)).all()
    assert (found.gain >= 0).all()


def test_the_direction_does_not_matter() -> None:
    a, b = A_TO_B
    there, back = geodesic(surface(hill), a, b), geodesic(surface(hill), b, a)
    np.testing.assert_array_equal(there.points, back.points[:, ::-1])
    np.testing.assert_array_equal(there.length, back.length)
    np.testing.assert_array_equal(there.points[:, [0, -1]], np.stack([a, b], axis=1))


def test_equal_ends_are_at_distance_zero() -> None:
    z = np.array([0.3, -0.2])
    found = geodesic(surface(hill), z, z)
    np.testing.assert_array_equal(found.points, np.tile(z, (64, 1)))
    assert found.length == found.energy == found.straight_length == 0
    assert found.converged


@pytest.mark.parametrize("of", [rounded, flat])
def test_saturated_pixels_and_dead_units_give_numbers(
    of: Callable[[jax.Array], jax.Array],
) -> None:
    found = geodesic(surface(of), [-1.0, -1.0], [-0.5, 1.0])
    assert np.isfinite(found.points).all()
    assert 0 <= found.length <= found.straight_length


def test_curves_stay_in_the_hull_although_a_detour_outside_costs_nothing() -> None:
    decoder, a, b = surface(saturating), [-1.2, 0.1], [1.2, 0.1]
    free = geodesic(decoder, a, b)
    assert abs(free.points[:, 1]).max() > 2
    # From the circle to its centre, and back.
    assert free.length == pytest.approx(2 * np.exp(-0.01), rel=0.05)

    kept = geodesic(decoder, a, b, within=CLOUD)
    assert abs(kept.points[:, 1]).max() < 0.5 + 0.01 * 3
    # Along the edge of the hull, where the circle is smallest.
    assert kept.length > 0.9 * TURNS * 2.4 * np.exp(-0.25)
    assert 2 * free.length < kept.length < kept.straight_length


def test_a_curve_may_have_fewer_points_than_its_spline_has_knots() -> None:
    a, b = A_TO_B
    found = geodesic(surface(affine), a, b, n=3)
    np.testing.assert_allclose(found.length, np.linalg.norm((b - a) @ A.T, axis=1))
    np.testing.assert_allclose(found.points[:, 1], (a + b) / 2, atol=1e-4)
    assert found.converged.all()


def test_a_decoder_without_a_gradient_at_an_end_leaves_the_straight_line() -> None:
    # The gradient of the norm is 0/0 at 0.
    found = geodesic(lambda z: jnp.linalg.norm(z)[None], [0.0, 0.0], [3.0, 4.0])
    assert found.length == found.straight_length == pytest.approx(5)
    np.testing.assert_allclose(found.points, np.linspace([0, 0], [3, 4], 64), atol=1e-9)
    assert not found.converged


def test_curves_stay_in_the_hull_of_a_thin_cloud() -> None:
    ends = np.array([[-1.2, 0.1], [1.2, 0.1]])
    kept, thin = (
        geodesic(surface(saturating, np.diag(1 / size)), *(ends * size), within=CLOUD * size)
        for size in (np.array([1, 1]), np.array([1, 0.01]))
    )
    assert abs(thin.points[:, 1]).max() < 0.01 * (0.5 + 0.01)
    assert thin.length == pytest.approx(kept.length, rel=0.01)


def test_the_images_follow_each_other_at_equal_distances() -> None:
    found = geodesic(surface(hill), [-1.2, -0.3], [1.2, -0.2])
    steps = np.linalg.norm(np.diff(images(hill, found.points), axis=0), axis=1)
    np.testing.assert_allclose(steps, np.full(63, steps.mean()), rtol=1e-3)


def test_splines_are_scipys_and_have_two_continuous_derivatives() -> None:
    rng = np.random.default_rng(0)
    values, t = rng.normal(size=(KNOTS, 3)), np.sort(rng.uniform(size=50))
    basis = np.asarray(spline_basis(jnp.asarray([0, *t, 1])))
    expected = CubicSpline(np.linspace(0, 1, KNOTS), values)([0, *t, 1])
    np.testing.assert_allclose(basis @ values, expected, atol=1e-12)
    knots, step = np.linspace(0, 1, KNOTS)[1:-1], 1e-4

    def bend(at: Array) -> Array:
        weights = [spline_basis(jnp.asarray(at + k * step)) for k in (-1, 0, 1)]
        return np.asarray((weights[0] - 2 * weights[1] + weights[2]) / step**2) @ values

    np.testing.assert_allclose(bend(knots - 2 * step), bend(knots + 2 * step), rtol=0.05, atol=9)


@pytest.mark.parametrize("latent_dim", [1, 4])
def test_any_number_of_latent_dimensions_has_geodesics(latent_dim: int) -> None:
    matrix = np.random.default_rng(0).normal(size=(6, latent_dim))

    def decoder(z: jax.Array) -> jax.Array:
        return jnp.asarray(matrix) @ z

    a, b = np.zeros(latent_dim), np.ones(latent_dim)
    cloud = np.random.default_rng(0).uniform(-2, 2, (50, latent_dim))
    found = geodesic(decoder, a, b, within=np.concatenate([cloud, [a, b]]), n=16)
    np.testing.assert_allclose(found.length, np.linalg.norm(matrix @ (b - a)))
    np.testing.assert_allclose(found.points, np.linspace(a, b, 16), atol=1e-3)


def test_a_path_in_three_dimensions_is_a_little_longer_than_a_straight_line() -> None:
    ends = np.array([[[-1.0, -1, -1], [1, 0.3, 0.9]]])
    (path,) = grid_paths(lambda z: z, ends, everywhere(ends[0]), 20)
    np.testing.assert_allclose(path[[0, -1]], ends[0])
    straight = np.linalg.norm(ends[0, 1] - ends[0, 0])
    assert straight <= curve_length(lambda z: z, path) < 1.05 * straight


def test_a_hull_is_bounded_by_its_facets() -> None:
    square = hull_of(CLOUD)
    assert len(square.normals) == 4 and square.extent == 3
    np.testing.assert_allclose(
        square.excess(np.array([[0, 0], [0, 0.75], [-2, 0], [1.5, 0.5]])), [-0.5, 0.25, 0.5, 0]
    )
    normals, offsets = square.padded_facets()
    assert normals.shape == (64, 2) and offsets[3] < np.inf == offsets[4]
    interval = hull_of(np.array([[3.0], [1.0], [2.0]]))
    np.testing.assert_allclose(interval.excess(np.array([[2.5], [0.5]])), [-0.5, 0.5])
    assert (everywhere(CLOUD).excess(CLOUD) < 0).all()


Z = np.zeros(2)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((Z, [0, np.nan]), {}, "b has a value that is NaN or infinite; expected finite numbers"),
        ((Z, np.zeros(3)), {}, r"a has shape \(2,\) and b \(3,\); expected the same"),
        ((np.zeros((0, 2)),) * 2, {}, r"a has shape \(0, 2\); expected one pair of points or more"),
        ((Z, Z), {"n": 1}, "n is 1; expected 2 or more, since both ends are included"),
        ((Z, Z), {"within": np.zeros((9, 3))}, r"within has shape \(9, 3\); expected \(m, 2\)"),
        (
            (Z, Z),
            {"within": np.zeros((0, 2))},
            "within has no points; expected a cloud with a hull",
        ),
        ((Z, Z), {"within": np.zeros((9, 2))}, "within has 9 points on a line or plane; .*"),
        ((Z, Z), {"within": np.zeros((1, 2))}, "within has 1 points on a line or plane; .*"),
        ((Z, Z + 7), {"within": CLOUD}, r"b has a point .* the hull of within, \[7.0, 7.0\]; .*"),
        ((np.zeros(9),) * 2, {"within": np.eye(9)}, "within has 9 dimensions; its hull takes .*"),
    ],
)
def test_bad_input_is_refused(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        geodesic(affine, *arguments, **options)
