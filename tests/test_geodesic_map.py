"""The figure of geodesics, against a decoder whose geodesics are known in closed form."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.collections import LineCollection
from scipy.integrate import quad

from jaxae import plots
from jaxae.drawing import MissingFigureError, Options, geometry
from jaxae.geometry import Geodesic
from jaxae.geometry.region import has_hull
from tests.readback import assert_shows, drawn

Array = npt.NDArray[np.floating]
# The median is the first; those in rows 3, 4 and 6 are far apart.
TEST = np.array([[1, 0], [1, 0], [1, 0], [9, 0], [1, 6], [8, 0.5], [0, 0]], np.float32)
FAR = TEST[[3, 4, 6]]
PAIRS = FAR[[[0, 1], [0, 2], [1, 2]]]
# No geodesic between these points leaves the square.
SQUARE = np.array([[-1, -1], [11, -1], [11, 11], [-1, 11]], np.float32)
CLOUD = np.concatenate([SQUARE, TEST])
FLAT = CLOUD * np.array([1, 0], np.float32)


def bent(z: jax.Array) -> jax.Array:
    """Bend the plane, so that geodesics are the parabolas that become straight lines."""
    return jnp.stack([z[0], z[1] + z[0] ** 2 / 6])


def source(latent_dim: int = 2, test: Array = TEST) -> Any:
    """Stand in for a run."""
    embedding = SimpleNamespace(
        model=SimpleNamespace(decoder=bent, latent_dim=latent_dim),
        z=CLOUD,
        z_test=test,
        labels=np.arange(len(CLOUD)) % 3,
        dataset=SimpleNamespace(class_names=("a", "b", "c")),
    )
    return SimpleNamespace(path=Path("runs/x"), embedding=embedding)


@pytest.fixture(scope="module")
def axes() -> Any:
    return drawn(geometry.geodesics([source()], Options())).axes[0]


def lines(axes: Any) -> tuple[Array, Array]:
    """Return the dashed and the solid lines, shape (pairs, points, 2)."""
    found: list[Any] = [own for own in axes.collections if isinstance(own, LineCollection)]
    dashed, solid = found
    assert dashed.get_linestyle()[0][1] is not None and solid.get_linestyle()[0][1] is None
    return np.array(dashed.get_segments()), np.array(solid.get_segments())


def straight_length(start: Array, end: Array) -> float:
    """Return the length of the arc that a straight line becomes."""
    dx, dy = end - start
    return float(quad(lambda t: np.hypot(dx, dy + (start[0] + t * dx) * dx / 3), 0, 1)[0])


def key(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_straight_lines_join_test_images_that_are_far_apart(axes: Any) -> None:
    dashed, solid = lines(axes)
    np.testing.assert_array_equal(dashed, PAIRS)
    np.testing.assert_array_equal(solid[:, [0, -1]], PAIRS)
    (dots,) = axes.lines
    assert {tuple(point) for point in dots.get_xydata()} == {tuple(point) for point in FAR}
    assert_shows(axes, CLOUD)


def test_geodesics_are_straight_on_images(axes: Any) -> None:
    _, solid = lines(axes)
    for curve, (start, end) in zip(solid, PAIRS, strict=True):
        straight = np.linspace(bent(start), bent(end), len(curve))
        np.testing.assert_allclose(curve[:, 0], straight[:, 0], atol=0.02)
        np.testing.assert_allclose(curve[:, 1], straight[:, 1] - straight[:, 0] ** 2 / 6, atol=0.05)


def test_each_pair_has_its_gain_on_the_side_where_its_geodesic_is_not(axes: Any) -> None:
    assert len(axes.texts) == 3  # No names of classes, which would cover lines.
    for text, curve, (start, end) in zip(axes.texts, lines(axes)[1], PAIRS, strict=True):
        dx, dy = end - start
        gain = 1 - np.linalg.norm(bent(end) - bent(start)) / straight_length(start, end)
        assert text.get_text() == f"{gain:.0%}"
        np.testing.assert_allclose(text.xy, (start + end) / 2)
        normal = np.array([-dy, dx])
        assert np.sign(normal @ text.xyann) == -np.sign(normal @ (curve[30] - start))
        assert abs(normal @ text.xyann) == pytest.approx(np.hypot(dx, dy) * np.hypot(*text.xyann))
    assert key(axes) == [
        "straight line between two test images",
        "geodesic, and how much shorter it is on images",
    ]


def found(straight: tuple[float, float], converged: tuple[bool, bool] = (True, True)) -> Geodesic:
    points = np.array([[[0.0, 0], [1, 1]], [[2, 2], [2, 2]]])
    length = np.array([1.001, 0])
    return Geodesic(points, length, length**2, np.array(straight), np.array(converged))


def test_a_gain_is_none_where_rounding_errors_or_equal_ends_leave_nothing() -> None:
    assert found((2.002, 0)).gain.tolist() == [0.5, 0]
    (axes,) = plots.geodesic_map(CLOUD, np.zeros(11, int), ["a"], found((1.0, 0))).axes
    assert [text.get_text() for text in axes.texts] == ["0%", "0%"]


def test_the_key_counts_geodesics_that_did_not_converge() -> None:
    failed = found((2.0, 0), (False, True))
    (axes,) = plots.geodesic_map(CLOUD, np.zeros(11, int), ["a"], failed).axes
    assert key(axes)[1].endswith("\n(1 of 2 did not converge)")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (source(latent_dim=1), "latent_dim is 1; this figure shows a latent space of 2"),
        (source(latent_dim=10), "latent_dim is 10; this figure shows a latent space of 2"),
        (source(test=TEST[:1]), "one test image; a curve needs two"),
    ],
)
def test_curves_that_have_no_plane_or_no_ends_are_missing(run: Any, message: str) -> None:
    with pytest.raises(MissingFigureError, match=f"^runs/x: {message}$"):
        geometry.geodesics([run], Options())


@pytest.mark.parametrize(("z", "steps"), [(np.zeros((11, 3)), (2, 5, 2)), (CLOUD, (5, 2))])
def test_curves_outside_a_plane_are_refused(z: Array, steps: tuple[int, ...]) -> None:
    curves = found((1.0, 0))._replace(points=np.zeros(steps))
    with pytest.raises(ValueError, match=r"expected \(n, 2\) and \(pairs, steps, 2\)"):
        plots.geodesic_map(z, np.zeros(11, int), ["a"], curves)


def test_a_cloud_on_a_line_or_of_many_dimensions_has_no_hull() -> None:
    rng = np.random.default_rng(0)
    assert has_hull(CLOUD) and has_hull(CLOUD[:, :1]) and has_hull(CLOUD * [1, 1e-5])
    assert not has_hull(FLAT) and not has_hull(CLOUD[:1])
    assert not has_hull((1 + np.outer(CLOUD[:, 1], [0.3, 0.7])).astype(np.float32))
    assert has_hull(rng.normal(size=(50, 5))) and not has_hull(rng.normal(size=(50, 6)))


def test_where_the_cloud_has_no_hull_geodesics_have_no_bounds() -> None:
    run = source()
    run.embedding.z = FLAT
    curve = geometry.geodesics_between(run.embedding, PAIRS[1, 0], PAIRS[1, 1], n=17)
    assert curve.points[:, 1].max() == pytest.approx(9**2 / 6 / 4, abs=0.03)
