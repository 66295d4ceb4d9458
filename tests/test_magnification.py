"""The map of the magnification, against decoders whose geometry is known in closed form."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.contour import ContourSet
from scipy.spatial.distance import cdist

from jaxae import Box, plots
from jaxae.drawing import MissingFigureError, Options, geometry
from tests.readback import drawn

Array = npt.NDArray[np.floating]
BOX = Box(-2.0, 1.0, -1.0, 2.0)
HALF_TILE = 3 / 11 / 2
Z = np.random.default_rng(0).normal(-0.4, 0.5, (300, 2))


def exponential(z: jax.Array) -> jax.Array:
    """Stretch the plane by exp(x) along x and by 3 along y, so that ½ log det G is x + log 3."""
    return jnp.stack([jnp.exp(z[0]), 3 * z[1]])


def source(
    decoder: Callable[[jax.Array], jax.Array] = exponential, scale: float = 1, latent_dim: int = 2
) -> Any:
    """Stand in for a run whose embeddings and whose box are larger by a factor."""
    model = SimpleNamespace(decoder=decoder, latent_dim=latent_dim, is_variational=True)
    box = Box(*(scale * side for side in BOX))
    embedding = SimpleNamespace(model=model, z=scale * Z, percentile_box=box)
    return SimpleNamespace(path=Path("runs/x"), embedding=embedding)


@pytest.fixture(scope="module")
def axes() -> Any:
    return drawn(geometry.magnification([source()], Options())).axes[0]


def ellipses(axes: Any) -> Array:
    """Vertices of all ellipses, shape (ellipses, vertices, 2)."""
    found = [own for own in axes.collections if isinstance(own, PolyCollection)]
    return np.array([path.vertices for own in found for path in own.get_paths()])


def test_the_map_shows_the_logarithm_of_areas_at_the_points_of_the_box(axes: Any) -> None:
    (image,) = axes.images
    values, x = np.asarray(image.get_array()), np.linspace(-2, 1, 200)
    assert values.shape == (200, 200) and image.origin == "lower"
    np.testing.assert_allclose(
        values, np.broadcast_to((x + np.log(3)) / np.log(10), (200, 200)), atol=1e-6
    )
    # Pixels are centred on their points, so they reach half a pixel beyond the box.
    half = 3 / 199 / 2
    assert image.get_extent() == pytest.approx((-2 - half, 1 + half, -1 - half, 2 + half))
    assert image.get_clim() == pytest.approx(np.percentile(values, [1, 99]))
    (bar,) = axes.child_axes
    assert bar.get_ylim() == pytest.approx(image.get_clim())
    assert "det" in bar.get_ylabel() and "image area per latent area" in bar.get_ylabel()


def test_on_the_edge_of_an_ellipse_all_images_differ_equally_from_that_at_the_centre(
    axes: Any,
) -> None:
    found = ellipses(axes)
    centres = (found.min(axis=1) + found.max(axis=1)) / 2
    at = np.linspace(-2, 1, 12)[1:-1]
    order = np.lexsort(centres.T.round(2))
    np.testing.assert_allclose(centres[order, 0], np.tile(at, 10), atol=1e-3)
    np.testing.assert_allclose(centres[order, 1], np.repeat(at + 1, 10), atol=1e-3)
    away = (found - centres[:, None]) * np.stack([np.exp(centres[:, 0]), np.full(100, 3.0)], 1)[
        :, None
    ]
    radii = np.linalg.norm(away, axis=2)
    is_cut = radii.min(axis=1) < 0.99 * radii.max(axis=1)
    radius = radii.max()
    np.testing.assert_allclose(radii[~is_cut], radius, rtol=5e-3)
    # Those at the left are wider than the space between centres.
    np.testing.assert_array_equal(is_cut, radius / np.exp(centres[:, 0]) > 3 / 11 / 2)
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert said[1] == f"image distance {radius:.2g} pixels from the centre" and len(said) == 3


def test_the_edge_of_the_cloud_is_half_a_tile_from_the_nearest_embedding(axes: Any) -> None:
    edge, outside = (own for own in axes.collections if isinstance(own, ContourSet))
    vertices = np.concatenate([path.vertices for path in edge.get_paths()])
    assert len(vertices) > 100
    # To half a pixel of the map.
    np.testing.assert_allclose(cdist(vertices, Z).min(axis=1), HALF_TILE, atol=3 / 199 / 2)
    assert tuple(outside.levels) == (1, np.inf) and outside.hatches == ["...."]


def test_a_latent_space_in_other_units_changes_only_the_numbers_of_the_scale(axes: Any) -> None:
    larger = source(lambda z: exponential(z / 3), scale=3)
    other: Any = drawn(geometry.magnification([larger], Options())).axes[0]
    images: Any = (axes.images[0], other.images[0])
    values, shifted = (np.asarray(image.get_array()) for image in images)
    np.testing.assert_allclose(shifted, values - np.log10(9), atol=1e-5)
    colours, same = (image.to_rgba(image.get_array()) for image in images)
    np.testing.assert_allclose(same, colours, atol=0.01)
    np.testing.assert_allclose(ellipses(other), 3 * ellipses(axes), rtol=1e-4, atol=1e-5)
    before, after = (panel.get_legend().get_texts() for panel in (axes, other))
    assert [text.get_text() for text in before] == [text.get_text() for text in after]


def test_a_map_of_one_value_has_one_colour() -> None:
    noise = 1e-6 * np.random.default_rng(0).normal(size=(5, 5))
    (axes,) = plots.magnification_map(1 + noise, BOX).axes
    image: Any = axes.images[0]
    assert np.ptp(image.to_rgba(image.get_array()), axis=(0, 1)).max() < 0.02
    assert axes.get_legend() is None


def test_a_map_has_no_edge_where_the_whole_box_is_within_the_cloud() -> None:
    own = mpl.figure.Figure().subplots()
    figure = plots.magnification_map(np.eye(3), BOX, distance=np.full((3, 3), 0.5), ax=own)
    assert figure is own.figure and not own.collections and own.get_legend() is None


CONSTANT = "runs/x: the decoder is constant in some direction over most of the box"


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (source(latent_dim=1), "runs/x: latent_dim is 1; this figure shows a latent space of 2"),
        (source(latent_dim=10), "runs/x: latent_dim is 10; this figure shows a latent space of 2"),
        (source(lambda z: jnp.zeros(4)), CONSTANT),
        (source(lambda z: z[:1]), CONSTANT),
    ],
)
def test_a_map_that_is_not_defined_is_missing(run: Any, message: str) -> None:
    with pytest.raises(MissingFigureError, match=f"^{message}$"):
        geometry.magnification([run], Options())


def test_values_of_another_shape_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"log_magnification has shape \(4, 3\); expected \(n, n\)"
    ):
        plots.magnification_map(np.zeros((4, 3)), BOX)
    with pytest.raises(ValueError, match=r"distance has shape \(2, 2\); expected \(3, 3\)"):
        plots.magnification_map(np.zeros((3, 3)), BOX, distance=np.zeros((2, 2)))
