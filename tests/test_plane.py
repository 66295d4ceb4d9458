"""Planes, boxes and grids, by hand and against scikit-learn."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA

import jaxae
from jaxae import Box, fitted_box, grid_points, pca_plane


@pytest.fixture(scope="module")
def z() -> npt.NDArray[np.float64]:
    """Return 500 correlated points in six dimensions, away from the origin."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + 3 * rng.normal(size=6)


def test_the_plane_is_that_of_the_first_two_principal_components(
    z: npt.NDArray[np.float64],
) -> None:
    plane, fitted = pca_plane(z), PCA(2).fit(z)
    np.testing.assert_allclose(plane.origin, fitted.mean_)
    signs = np.sign(np.sum(plane.axes * fitted.components_, axis=1))
    np.testing.assert_allclose(plane.axes, signs[:, None] * fitted.components_, atol=1e-9)
    np.testing.assert_allclose(plane.project(z), signs * fitted.transform(z), atol=1e-9)
    assert plane.is_pca


def test_three_dimensions_are_projected_too(z: npt.NDArray[np.float64]) -> None:
    plane = pca_plane(z[:, :3])
    assert plane.is_pca and plane.axes.shape == (2, 3)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-12)


def test_the_largest_entry_of_each_axis_is_positive(
    z: npt.NDArray[np.float64],
) -> None:
    for cloud in (z, -z, z * [1, -1, 1, -1, -1, 1]):
        for axis in pca_plane(cloud).axes:
            assert axis[np.argmax(np.abs(axis))] > 0


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_one_or_two_dimensions_are_shown_as_they_are(latent_dim: int) -> None:
    cloud = np.random.default_rng(0).normal(5, 2, (9, latent_dim))
    plane = pca_plane(cloud)
    np.testing.assert_array_equal(plane.project(cloud), cloud)
    np.testing.assert_array_equal(plane.lift(cloud), cloud)
    assert not plane.is_pca and plane.axes.shape == (latent_dim, latent_dim)


def test_coordinates_are_distances_along_the_axes_from_the_origin(
    z: npt.NDArray[np.float64],
) -> None:
    plane = pca_plane(z)
    (lifted,) = plane.lift(np.array([[2.0, -3.0]]))
    np.testing.assert_allclose(lifted, plane.origin + 2 * plane.axes[0] - 3 * plane.axes[1])
    np.testing.assert_allclose(plane.project(lifted[None]), [[2, -3]])


def test_a_fitted_box_leaves_one_percent_at_each_side() -> None:
    points = np.stack([np.arange(101.0), -10 * np.arange(101.0)], axis=1)
    assert fitted_box(points) == Box(1, 99, -990, -10)
    assert fitted_box(points[:, :1]) == Box(1, 99, 0, 0)


def test_x_grows_along_a_row_of_grid_points_and_y_with_the_rows() -> None:
    points = grid_points(Box(-1, 3, 10, 16), n=3)
    np.testing.assert_array_equal(points[..., 0], [[-1, 1, 3]] * 3)
    np.testing.assert_array_equal(points[..., 1], [[10] * 3, [13] * 3, [16] * 3])
    assert grid_points(jaxae.LECTURE_BOX).shape == (12, 12, 2)
    assert jaxae.LECTURE_BOX == Box(x_min=-5, x_max=10, y_min=-10, y_max=5)


@pytest.mark.parametrize("box", [Box(1, 1, 0, 1), Box(0, 1, 2, 1), Box(0, np.nan, 0, 1)])
def test_a_box_without_area_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="is not a box"):
        grid_points(box)


def test_a_grid_has_at_least_two_points_per_side_and_may_have_no_height() -> None:
    with pytest.raises(ValueError, match="n is 1"):
        grid_points(Box(0, 1, 0, 1), n=1)
    np.testing.assert_array_equal(grid_points(Box(0, 1, 4, 4), n=2)[:, 0], [[0, 4], [0, 4]])
