"""The metric over a cloud, and lines and geodesics between pairs, against closed forms."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from jaxae import Dataset, Embedding, Split, analysis
from jaxae.analysis import PairDistances, Report, UndefinedError, elongation, summarize
from jaxae.analysis.pairs import add_pairs

Z = np.random.default_rng(0).normal(size=(200, 2)) * [3, 1]
A = np.array([[2.0, 1.0], [0.0, 3.0], [-1.0, 0.5]])


def test_a_decoder_that_magnifies_all_places_alike_has_no_variance() -> None:
    assert analysis.log_det_variance(np.tile(A.T @ A, (9, 1, 1))) == pytest.approx(0, abs=1e-9)


def test_the_variance_is_that_of_log_det() -> None:
    magnified = np.exp([0.0, 1.0, 5.0])[:, None, None] * np.diag([1.0, 4.0])[None]
    log_det = np.log(4) + 2 * np.array([0.0, 1.0, 5.0])
    for scale in (1, 1e-9, 1e9):  # That of latent space does not matter.
        found = analysis.log_det_variance(scale * magnified)
        assert found == pytest.approx(log_det.var(), rel=1e-3)


def test_dead_points_do_not_decide_the_variance() -> None:
    metrics = np.tile(np.eye(2), (10_000, 1, 1))
    metrics[0] = 0
    assert 0 < analysis.log_det_variance(metrics) < 0.1
    with pytest.raises(UndefinedError, match="the decoder is constant around every embedding"):
        analysis.log_det_variance(0 * metrics)


@pytest.mark.parametrize("change", [np.eye(2), np.array([[0.1, 2.0], [3.0, 0.2]])])
def test_elongation_on_images_is_that_of_the_decoded_images(change: np.ndarray) -> None:
    of_axes = np.linalg.svd(Z @ A.T - (Z @ A.T).mean(axis=0), compute_uv=False)
    back = A @ np.linalg.inv(change)
    found = analysis.image_elongation(Z @ change.T, np.tile(back.T @ back, (200, 1, 1)))
    assert found == pytest.approx(of_axes[0] / of_axes[1])


def test_elongation_on_images_of_a_decoder_that_ignores_a_dimension_is_undefined() -> None:
    with pytest.raises(UndefinedError, match="points on a line"):
        analysis.image_elongation(Z, np.tile(np.diag([1.0, 0.0]), (200, 1, 1)))
    assert elongation(Z) == pytest.approx(3, rel=0.2)


def test_pairs_depend_on_the_labels_alone(tiny: Dataset) -> None:
    pairs = analysis.fixed_pairs(tiny)
    labels = tiny.test.labels[pairs]
    assert 10 < len(pairs) <= 30 and (labels[:, 0] != labels[:, 1]).all()
    assert len(np.unique(pairs)) == pairs.size, "an image is in one pair at most"
    other = dataclasses.replace(tiny, test=Split(np.zeros((60, 8, 6), np.uint8), tiny.test.labels))
    np.testing.assert_array_equal(analysis.fixed_pairs(other), pairs)
    many = Split(np.resize(tiny.test.images, (400, 8, 6)), np.arange(400) % 3)
    assert analysis.fixed_pairs(dataclasses.replace(tiny, test=many)).shape == (100, 2)
    one_class = dataclasses.replace(tiny, test=Split(tiny.test.images, 0 * tiny.test.labels))
    assert analysis.fixed_pairs(one_class).shape == (30, 2)


def test_a_share_in_gaps_is_one_of_length_in_latent_space() -> None:
    z = np.array([[0.0, 0.0], [1.0, 0.0]])
    along = np.linspace(0, 1, 401)
    even = np.stack([along, 0 * along], axis=1)
    uneven = np.stack([along**3, 0 * along], axis=1)
    nowhere = np.zeros_like(even)
    found = analysis.gap_shares(np.stack([even, uneven, nowhere]), z, radius=0.1)
    np.testing.assert_allclose(found, [0.8, 0.8], atol=0.01)
    assert (analysis.gap_shares(even[None], z, radius=0.51) == 0).all()


def test_variation_is_the_deviation_over_the_mean() -> None:
    distances = [[1.0, 3.0, 0.0], [3.0, 3.0, 0.0]]
    assert analysis.variation(distances) == pytest.approx((2**0.5 / 2 + 0) / 2)
    with pytest.raises(UndefinedError, match="equal embeddings"):
        analysis.variation([[0.0], [0.0]])


def seed(*distances: float) -> Report:
    lengths = [2 * distance for distance in distances]
    pairs = PairDistances([[0, 1], [2, 3]], list(distances), lengths, [4.0, 8.0], [True, True])
    return Report(neighbour_confusion=[[1.0]], pairs=pairs)


def test_a_summary_has_the_variation_over_seeds() -> None:
    total = summarize([seed(1.0, 3.0), seed(3.0, 3.0)])
    variation = total.numbers["euclidean_variation"]
    assert variation.value == pytest.approx(2**0.5 / 4) and variation.low is None
    assert total.numbers["geodesic_variation"].value == 0
    assert total.pairs is None
    without = dataclasses.replace(seed(1.0, 2.0), pairs=None)
    for reports in ([seed(1.0, 3.0)], [seed(1.0, 3.0), without]):
        assert "geodesic_variation" not in summarize(reports).numbers


def bend(how_much: jax.Array, z: jax.Array) -> jax.Array:
    """Map the plane to itself, so that lines become parabolas and shortest curves are lines."""
    return jnp.stack([z[0], z[1] + how_much * z[0] ** 2])


def reported(how_much: float, tiny: Dataset) -> Report:
    z = np.random.default_rng(1).uniform(-1, 1, (60, 2)).astype(np.float32)
    corners = np.array([[-4, -4], [-4, 4], [4, -4], [4, 4]], np.float32)
    model: Any = SimpleNamespace(decoder=Partial(bend, jnp.float32(how_much)))
    embedding = Embedding(model, tiny)
    vars(embedding).update(z_train=corners, z_test=z)
    report = Report()
    add_pairs(report, embedding)
    assert report.pairs is not None and all(report.pairs.converged)
    a, b = np.moveaxis(z[np.array(report.pairs.images)].astype(float), 1, 0)
    np.testing.assert_allclose(report.pairs.euclidean, np.linalg.norm(b - a, axis=1), rtol=1e-6)
    of_a, of_b = (np.stack([x, y + how_much * x**2], axis=1) for x, y in (a.T, b.T))
    np.testing.assert_allclose(
        report.pairs.geodesic, np.linalg.norm(of_b - of_a, axis=1), rtol=2e-3
    )
    t = np.linspace(0, 1, 2001)[:, None]
    speed = b[None] - a[None]
    x = a[None, :, 0] + t * speed[..., 0]
    slope = speed[..., 1] + 2 * how_much * x * speed[..., 0]
    straight = np.trapezoid(np.hypot(speed[..., 0], slope), t, axis=0)
    np.testing.assert_allclose(report.pairs.straight, straight, rtol=1e-3)
    gain = np.median(1 - np.linalg.norm(of_b - of_a, axis=1) / straight)
    assert report.numbers["geodesic_gain"].value == pytest.approx(gain, abs=2e-4)
    return report


def test_an_affine_decoder_leaves_nothing_to_gain(tiny: Dataset) -> None:
    report = reported(0.0, tiny)
    assert report.numbers["geodesic_gain"].value == pytest.approx(0, abs=1e-4)
    straight, along = (report.numbers[f"{which}_gap_share"] for which in ("straight", "geodesic"))
    np.testing.assert_allclose(np.array(straight), np.array(along), atol=0.02)


def test_the_gain_of_a_bent_decoder_is_that_of_parabolas_over_lines(tiny: Dataset) -> None:
    gain = reported(2.5, tiny).numbers["geodesic_gain"]
    assert gain.value > 0.008 and gain.low is None


def test_a_test_set_of_one_image_has_no_pairs(tiny: Dataset) -> None:
    one = dataclasses.replace(tiny, test=Split(tiny.test.images[:1], tiny.test.labels[:1]))
    report, model = Report(), SimpleNamespace(decoder=None)
    add_pairs(report, Embedding(model, one))
    assert report.undefined["geodesic_gain"] == "too few test images for a pair"
