"""Latent functions: a batch equals its examples, whatever its length."""

import jax
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

import jaxae
from benchmarks import reference
from jaxae import Autoencoder, Box, ModelConfig
from jaxae.latent import _DECODE_CHUNKS, _ENCODE_CHUNKS
from tests.conftest import compilations

SHAPE = (8, 6)
SIZES = st.one_of(st.integers(0, 300), st.sampled_from([1023, 2047, 2048, 2049, 8192, 8193]))


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return jaxae.create_model(ModelConfig(latent_dim=2, hidden_dim=16), SHAPE, 0)


def random_images(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


def random_points(n: int, latent_dim: int = 2) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 5, (n, latent_dim)).astype(np.float32)


def test_encode_and_decode_equal_the_numpy_reference(model: Autoencoder) -> None:
    tree = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    weights: reference.Weights = {}
    for name in reference.NAMES:
        part, layer, kind = name.split(".")
        weights[name] = np.array(tree[part][layer][kind], np.float64)
    images = random_images(50)
    _, z, _, x_hat = reference.forward(weights, reference.to_unit_interval(images))
    np.testing.assert_allclose(jaxae.encode(model, images), z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        jaxae.reconstruct(model, images).reshape(50, -1), x_hat, rtol=1e-4, atol=1e-6
    )


@settings(deadline=None, max_examples=25)
@given(n=SIZES)
def test_any_number_of_examples_equals_a_loop_over_them(model: Autoencoder, n: int) -> None:
    images, z = random_images(n), random_points(n)
    encoded, decoded = jaxae.encode(model, images), jaxae.decode(model, z)
    assert encoded.shape == (n, 2) and encoded.dtype == np.float32
    assert decoded.shape == (n, *SHAPE) and decoded.dtype == np.float32
    for i in {0, n // 2, n - 1} & set(range(n)):
        one = model.encoder(images[i].astype(np.float32) / 255)
        np.testing.assert_allclose(encoded[i], one, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(decoded[i], model.decoder(z[i]), rtol=1e-5, atol=1e-5)


def test_a_new_length_compiles_nothing(model: Autoencoder) -> None:
    for n in {*_ENCODE_CHUNKS, *_DECODE_CHUNKS}:
        jaxae.encode(model, random_images(n))
        jaxae.decode(model, random_points(n))
    with compilations() as heard:
        for n in (0, 2, 77, 129, 1000, 9000):
            jaxae.encode(model, random_images(n))
            jaxae.decode(model, random_points(n))
        assert heard == []
        jax.jit(lambda x: x + 43)(1.0)
        assert heard, "the listener hears nothing: this test would pass whatever happens"


def test_pixels_may_be_integers_or_floats(model: Autoencoder) -> None:
    images = random_images(20)
    expected = jaxae.encode(model, images)
    sames: list[npt.ArrayLike] = [images.astype(np.int64), images / 255, np.float32(images / 255)]
    for same in sames:
        np.testing.assert_allclose(jaxae.encode(model, same), expected, rtol=1e-5, atol=1e-6)


def test_interpolation_is_the_straight_line_between_two_codes(model: Autoencoder) -> None:
    a, b = random_images(2)
    z_a, z_b = jaxae.encode(model, np.stack([a, b])).astype(np.float64)
    line = jaxae.interpolate(model, a, b, steps=5)
    for k, image in enumerate(line):
        expected = jaxae.decode(model, ((4 - k) / 4 * z_a + k / 4 * z_b)[None])[0]
        np.testing.assert_allclose(image, expected, rtol=1e-5, atol=1e-6)


def test_grid_decodes_the_lectures_points_with_both_ends(model: Autoencoder) -> None:
    grid = jaxae.latent_grid(model)
    assert grid.shape == (12, 12, *SHAPE)
    for row, column, point in [(0, 0, (-5, -10)), (11, 11, (10, 5)), (1, 0, (-5, -10 + 15 / 11))]:
        np.testing.assert_allclose(
            grid[row, column], jaxae.decode(model, np.array([point]))[0], rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("latent_dim", [1, 2, 3, 16])
def test_grid_spans_the_plane_of_any_latent_space(latent_dim: int) -> None:
    model = jaxae.create_model(ModelConfig(latent_dim, 16), SHAPE, 0)
    plane = jaxae.latent_plane(random_points(200, latent_dim))
    grid = jaxae.latent_grid(model, Box(-1, 1, -2, 2), n=3, plane=plane)
    assert grid.shape == ((1 if latent_dim == 1 else 3), 3, *SHAPE)
    corner = plane.origin + [-1, -2][: len(plane.axes)] @ plane.axes
    np.testing.assert_allclose(grid[0, 0], jaxae.decode(model, corner[None])[0], atol=1e-6)


def test_grid_of_more_than_two_dimensions_asks_for_its_plane() -> None:
    model = jaxae.create_model(ModelConfig(3, 16), SHAPE, 0)
    with pytest.raises(ValueError, match="plane=latent_plane"):
        jaxae.latent_grid(model)


def test_plane_is_that_of_the_first_two_principal_components() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6)
    plane = jaxae.latent_plane(z)
    theirs = PCA(2).fit_transform(z)
    ours = plane.project(z)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-8)  # Signs are free.
    np.testing.assert_allclose(plane.project(plane.lift(ours)), ours, atol=1e-10)


def test_fitted_box_leaves_one_percent_at_each_side() -> None:
    points = np.stack([np.arange(101.0), 10 * np.arange(101.0)], axis=1)
    assert jaxae.fitted_box(points) == Box(1, 99, 10, 990)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (np.zeros((2, 28, 28), np.uint8), r"shape \(2, 28, 28\); expected \(n, 8, 6\)"),
        (np.zeros(SHAPE, np.uint8), r"expected \(n, 8, 6\)"),
        (np.full((1, *SHAPE), np.nan), "nan"),
        (np.full((1, *SHAPE), 1.01), "1.01; expected 0 to 1"),
        (np.full((1, *SHAPE), -0.1), "expected 0 to 1"),
        (np.full((1, *SHAPE), np.inf), "inf"),
        (np.full((1, *SHAPE), 256), "256; expected 0 to 255"),
        (np.full((1, *SHAPE), -1), "expected 0 to 255"),
        (np.full((1, *SHAPE), "a"), "expected integers or floats"),
        (np.full((1, *SHAPE), 1j), "expected integers or floats"),
    ],
)
def test_encode_refuses_what_is_no_image(
    model: Autoencoder, images: np.ndarray, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        jaxae.encode(model, images)


@pytest.mark.parametrize(
    ("z", "reason"),
    [
        (np.zeros((4, 3)), r"shape \(4, 3\); expected \(n, 2\)"),
        (np.zeros(2), r"expected \(n, 2\)"),
        (np.array([[0, np.nan]]), "NaN or infinite"),
        (np.array([[np.inf, 0]]), "NaN or infinite"),
        (np.array([[1e300, 0]]), "NaN or infinite"),
        (np.array([["a", "b"]]), "expected real numbers"),
    ],
)
def test_decode_refuses_what_is_no_point(model: Autoencoder, z: np.ndarray, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        jaxae.decode(model, z)


@pytest.mark.parametrize("box", [Box(1, 1, 0, 1), Box(0, 1, 2, 1), Box(0, np.nan, 0, 1)])
def test_a_box_without_area_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="is no box"):
        jaxae.grid_points(box)


def test_a_line_or_grid_of_one_point_is_refused(model: Autoencoder) -> None:
    with pytest.raises(ValueError, match="steps is 1"):
        jaxae.interpolate(model, random_images(1)[0], random_images(1)[0], steps=1)
    with pytest.raises(ValueError, match="n is 1"):
        jaxae.latent_grid(model, n=1)
