"""The analysis against independent truth: closed forms, SciPy, scikit-learn, PCA of MNIST."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.metrics import mean_squared_error, silhouette_score
from sklearn.neighbors import KNeighborsClassifier

import jaxae
from jaxae import Box, Dataset, ModelConfig, Split, analysis, pca_plane
from jaxae.analysis import Estimate, UndefinedError, classifier, evidence
from tests.conftest import rounded_products

UNIT = Box(0, 1, 0, 1)


@pytest.fixture(scope="module")
def pca() -> tuple[Any, Any, Any, Any]:
    """MNIST in two principal components: 3,000 training and 600 test images."""
    data = jaxae.load_dataset("mnist")
    train, test = data.train.images[:3000], data.test.images[:600]
    fitted = PCA(2, svd_solver="full").fit(train.reshape(3000, -1) / 255)
    z, z_test = (
        fitted.transform(images.reshape(len(images), -1) / 255) for images in (train, test)
    )
    return z, data.train.labels[:3000], z_test, data.test.labels[:600]


def test_intervals_have_their_nominal_coverage() -> None:
    rng = np.random.default_rng(0)
    trials = 1000
    of_means = [analysis.mean(rng.normal(3, 2, 8)) for _ in range(trials)]
    of_proportions = [analysis.proportion(int(rng.binomial(50, 0.2)), 50) for _ in range(trials)]
    for estimates, truth in ((of_means, 3), (of_proportions, 0.2)):
        covered = np.mean([e.low <= truth <= e.high for e in estimates])  # type: ignore[operator]
        assert 0.93 <= covered <= 0.975


def test_intervals_follow_the_textbook_formulas() -> None:
    """Student's t and Wilson's score, each from its formula."""
    x = np.array([1.0, 2.0, 4.0, 9.0])
    reach = stats.t.ppf(0.975, 3) * x.std(ddof=1) / 2
    assert analysis.mean(x) == pytest.approx((4, 4 - reach, 4 + reach))
    z, n, p = stats.norm.ppf(0.975), 40, 3 / 40
    middle, spread = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = (middle - spread) / (1 + z**2 / n), (middle + spread) / (1 + z**2 / n)
    assert analysis.proportion(3, 40) == pytest.approx((p, low, high))


@pytest.mark.parametrize(("hits", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_a_proportion_needs_a_trial_and_no_more_hits_than_trials(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"{hits} hits of {n}"):
        analysis.proportion(hits, n)
    assert (analysis.proportion(0, 1).value, analysis.proportion(1, 1).value) == (0, 1)


def test_a_single_value_has_no_interval() -> None:
    assert analysis.mean([2.5]) == Estimate(2.5, None, None)
    assert analysis.proportion(1, 1) == Estimate(1.0, None, None)
    with pytest.raises(UndefinedError, match="no values"):
        analysis.mean([])
    with pytest.raises(UndefinedError, match="infinite or NaN"):
        analysis.mean([1.0, np.nan])


def test_squared_errors_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5000, 4, 3)).astype(np.uint8)
    x_hat = rng.random((5000, 4, 3), dtype=np.float32)
    found = analysis.squared_errors(images, x_hat)
    expected = mean_squared_error(images.reshape(5000, -1) / 255, x_hat.reshape(5000, -1))
    assert np.mean(found) / 12 == pytest.approx(expected, rel=1e-6)
    assert found[7] == pytest.approx(np.sum((x_hat[7].astype(float) - images[7] / 255) ** 2))


def test_squared_errors_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 4, 3\), reconstructions of \(2, 3, 4\)"):
        analysis.squared_errors(np.zeros((2, 4, 3), np.uint8), np.zeros((2, 3, 4)))


def test_henze_zirkler_gives_the_published_value_for_iris() -> None:
    """R's MVN 5.9 documents HZ = 0.9488453 and p = 0.04995356 for setosa's four measurements."""
    setosa = load_iris().data[:50]
    found = analysis.henze_zirkler(setosa)
    assert found.statistic == pytest.approx(0.9488453, abs=1e-6)
    assert found.p_value == pytest.approx(0.04995356, abs=1e-6)
    assert found.effect == pytest.approx(found.statistic / 50) and found.n == 50


def test_henze_zirkler_tests_a_subset_of_many_points() -> None:
    z = np.random.default_rng(0).uniform(size=(900, 2))
    found, same = analysis.henze_zirkler(z, at_most=300), analysis.henze_zirkler(z, at_most=300)
    assert found == same and found.n == 300
    assert found.statistic == pytest.approx(300 * found.effect)
    assert analysis.henze_zirkler(z, at_most=300, seed=1).effect != found.effect
    assert analysis.henze_zirkler(z).n == 900


def test_henze_zirkler_keeps_its_level_and_has_power() -> None:
    rng = np.random.default_rng(0)
    correlated = np.array([[2.0, 0.3], [0.3, 0.5]])
    p_values = [
        analysis.henze_zirkler(rng.normal(size=(80, 2)) @ correlated).p_value for _ in range(400)
    ]
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.08
    assert analysis.henze_zirkler(rng.uniform(size=(500, 2))).p_value < 1e-6
    far, near = rng.uniform(size=(4000, 2)), rng.normal(size=(4000, 2))
    assert analysis.henze_zirkler(far).effect > 20 * analysis.henze_zirkler(near).effect


def test_henze_zirkler_of_a_line_is_4_n_by_definition() -> None:
    line = np.stack([np.arange(10.0), 2 * np.arange(10.0)], axis=1)
    assert analysis.henze_zirkler(line) == (40.0, 0.0, 4.0, 10)


@pytest.mark.parametrize("ratio", [1.0, 3.5, 20.0])
def test_elongation_of_an_ellipse_in_any_direction(ratio: float) -> None:
    angle = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    ellipse = np.stack([ratio * np.cos(angle), np.sin(angle)], axis=1)
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    assert analysis.elongation(ellipse @ turn + 5) == pytest.approx(ratio, rel=1e-6)
    fitted = PCA(2).fit(ellipse)
    expected = np.sqrt(fitted.explained_variance_[0] / fitted.explained_variance_[1])
    assert analysis.elongation(ellipse) == pytest.approx(expected, rel=1e-6)


def test_elongation_uses_the_two_largest_deviations() -> None:
    axes = np.kron(np.diag([6.0, 3.0, 1.0]), [[1.0], [-1.0]])
    assert analysis.elongation(axes) == pytest.approx(2)


@pytest.mark.parametrize("n", [3, 4])
def test_shapes_need_two_more_points_than_dimensions(n: int) -> None:
    points = np.array([[0.0, 0], [3, 1], [1, 2], [5, 1]])[:n]
    for function in (analysis.elongation, analysis.henze_zirkler):
        if n == 4:
            function(points)
            continue
        with pytest.raises(UndefinedError, match="too few points, 3; expected more than 3"):
            function(points)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.ones((9, 2)), "all the same"),
        (np.arange(9.0)[:, None] * [1, 2], "on a line"),
        (np.arange(9.0)[:, None], "one latent dimension"),
        (np.zeros((2, 2)), "too few"),
        (np.full((9, 2), np.nan), "NaN or infinite"),
    ],
)
def test_points_without_an_elongation_are_refused(points: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        analysis.elongation(points)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.slow
def test_knn_accuracy_is_scikit_learns(k: int, pca: Any) -> None:
    z, labels, z_test, labels_test = pca
    expected = KNeighborsClassifier(k).fit(z, labels).score(z_test, labels_test)
    found = analysis.knn_accuracy(z, labels, z_test, labels_test, k)
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.low is not None and found.high is not None and found.low < expected < found.high


def test_ties_are_resolved_in_favour_of_the_lower_label() -> None:
    z, labels = np.array([[0.0], [1.0]]), np.array([2, 1])
    for label, accuracy in ((1, 1), (2, 0)):
        found = analysis.knn_accuracy(z, labels, np.array([[0.1]]), np.array([label]), 2)
        assert found.value == accuracy


def test_neighbour_confusion_by_hand() -> None:
    z, labels = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 2])
    found = analysis.neighbour_confusion(
        z, labels, np.array([[0.4], [10.4]]), np.array([0, 1]), 3, k=2
    )
    np.testing.assert_array_equal(found, [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 0]])


def test_neighbour_confusion_of_pca_equals_brute_force(pca: Any) -> None:
    z, labels, z_test, labels_test = pca
    nearest = np.argsort(cdist(z_test, z), axis=1)[:, :10]
    found = analysis.neighbour_confusion(z, labels, z_test, labels_test, 10)
    for a in range(10):
        for b in range(10):
            expected = np.mean(labels[nearest[labels_test == a]] == b)
            assert found[a, b] == pytest.approx(expected, abs=1e-12)


def test_silhouette_by_hand() -> None:
    """Two pairs of points at distance 1: a coefficient is 1 − 1 / b, with b to the other pair."""
    z, labels = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1])
    expected = np.mean([1 - 1 / 10.5, 1 - 1 / 9.5, 1 - 1 / 9.5, 1 - 1 / 10.5])
    assert analysis.silhouette(z, labels) == pytest.approx(expected)


def test_silhouette_is_scikit_learns_or_that_of_a_subset(pca: Any) -> None:
    z, labels, _, _ = pca
    assert analysis.silhouette(z, labels) == pytest.approx(silhouette_score(z, labels))
    rows = np.random.default_rng(3).permutation(3000)[:200]
    sampled = [analysis.silhouette(z, labels, at_most=200, seed=seed) for seed in range(4)]
    assert len(set(sampled)) == 4 and np.ptp(sampled) < 0.2
    assert np.mean(sampled) == pytest.approx(silhouette_score(z[rows], labels[rows]), abs=0.1)


def trust(images: Any, z: Any, k: int) -> float:
    """Venna and Kaski's formula, pair by pair."""
    flat, n = np.float64(images.reshape(len(images), -1)), len(z)
    near, distance = np.argsort(cdist(z, z), axis=1), cdist(flat, flat, "sqeuclidean")
    # How many images are nearer than j, with i itself in the place of j.
    ranks = [[np.sum(own < own[j]) for j in range(n)] for own in distance]
    penalty = sum(max(0, ranks[i][j] - k) for i in range(n) for j in near[i, 1 : k + 1])
    return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * penalty


def test_trustworthiness_ranks_images_among_latent_neighbours() -> None:
    """Two clusters of images are folded onto one: latent neighbours need not be similar images.

    Similar images, however, are always latent neighbours.
    """
    rng = np.random.default_rng(0)
    images = rng.integers(0, 20, (40, 3, 2)).astype(np.uint8)
    images[20:] += 200
    z = images.reshape(40, 6)[:, :2] % 200 / 3.0 + rng.normal(0, 0.01, (40, 2))
    found = analysis.trustworthiness(images, z, k=4)
    assert found == pytest.approx(trust(images, z, 4))
    swapped = trust(np.pad(z, ((0, 0), (0, 4))), images.reshape(40, 6), 4)
    assert found < swapped - 0.1
    assert analysis.trustworthiness(images, z) == pytest.approx(trust(images, z, 5))


def test_a_perfect_map_has_trustworthiness_1_and_needs_over_2_k_examples() -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 3, 2)).astype(np.uint8)
    z = images.reshape(300, 6) * 3.0
    assert analysis.trustworthiness(images, z) == 1
    assert analysis.trustworthiness(images[:11], z[:11]) == 1
    with pytest.raises(UndefinedError, match="too few examples, 10; expected more than 10"):
        analysis.trustworthiness(images[:10], z[:10])


def test_entropy_of_cells_by_hand() -> None:
    points = np.array([[0.2, 0.2]] * 8 + [[0.8, 0.2]] * 8 + [[0.8, 0.8]] * 4)
    labels = np.array([0, 1] * 4 + [2] * 8 + [0, 1, 2, 3])
    found = analysis.entropy_map(points, labels, UNIT, cells=2, least=4)
    # y grows with the row.
    np.testing.assert_allclose(found, np.array([[1, 0], [np.nan, 2]]))
    assert np.isnan(analysis.entropy_map(points, labels, UNIT, cells=2, least=5)[1, 1])


def test_an_entropy_map_without_area_or_points_is_refused() -> None:
    points, labels = np.full((9, 2), 0.5), np.zeros(9, int)
    with pytest.raises(ValueError, match="no area"):
        analysis.entropy_map(points, labels, Box(0, 0, 0, 0))
    with pytest.raises(ValueError, match="no cell of the map has 10"):
        analysis.entropy_map(points, labels, UNIT, least=10)
    with pytest.raises(ValueError, match="one latent dimension"):
        analysis.entropy_map(points[:, :1], labels, UNIT)


def test_two_bits_are_exactly_two() -> None:
    """SciPy's entropy of these labels exceeds 2 by 4e-16."""
    labels = np.repeat(np.arange(7), (16, 8, 4, 1, 1, 1, 1))
    found = analysis.entropy_map(np.full((32, 2), 0.5), labels, UNIT, cells=1)
    assert found == 2 < stats.entropy(np.bincount(labels), base=2)


def test_entropy_equals_scipys(pca: Any) -> None:
    z, labels, _, _ = pca
    box = jaxae.fitted_box(z)
    found = analysis.entropy_map(z, labels, box, cells=1)
    inside = np.all((z >= [box.x_min, box.y_min]) & (z <= [box.x_max, box.y_max]), axis=1)
    expected = stats.entropy(np.bincount(labels[inside]), base=2)
    np.testing.assert_allclose(found[0, 0], expected)


def test_the_gap_fraction_of_one_embedding_is_the_area_outside_its_disc() -> None:
    z = np.array([[0.5, 0.5]])
    plane = pca_plane(z)
    assert analysis.gap_fraction(z, plane, UNIT, 0.3) == pytest.approx(1 - np.pi * 0.09, abs=0.005)
    corner = np.array([[0.0, 0.0]])
    assert analysis.gap_fraction(corner, plane, UNIT, 1.0) == pytest.approx(
        1 - np.pi / 4, abs=0.005
    )
    line = np.array([[0.5]])
    assert analysis.gap_fraction(line, pca_plane(line), UNIT, 0.1) == pytest.approx(0.8, abs=0.01)


def test_the_gap_fraction_of_a_hull_is_of_its_area() -> None:
    """Discs at a triangle's corners cover half a disc of it; its area is half that of the box."""
    z = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 4.0]])
    area, radius = 16, 1.9
    found = analysis.hull_gap_fraction(z, pca_plane(z), radius)
    assert found == pytest.approx(1 - np.pi * radius**2 / 2 / area, abs=0.01)
    ends = np.array([[0.0], [1.0]])
    assert analysis.hull_gap_fraction(ends, pca_plane(ends), 0.1) == pytest.approx(0.8, abs=0.01)


def test_the_gap_fraction_depends_on_the_boxs_place_and_extent() -> None:
    """The box is 8 by 2, and an embedding at its lower right corner covers a quarter of a disc."""
    box, corner = Box(2, 10, -1, 1), np.array([[10.0, -1.0]])
    found = analysis.gap_fraction(corner, pca_plane(corner), box, 1.5)
    assert found == pytest.approx(1 - np.pi * 1.5**2 / 4 / 16, abs=0.005)


def test_the_distance_to_the_nearest_is_scipys() -> None:
    rng = np.random.default_rng(0)
    points, z = rng.normal(size=(7, 3)), rng.normal(size=(20, 3))
    np.testing.assert_allclose(analysis.distance_to_nearest(points, z), cdist(points, z).min(1))


def test_gaps_are_measured_in_latent_space_not_in_the_plane() -> None:
    """A 16-D cloud is far from its plane, which is all gap, although the projection covers it."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 16))
    plane = pca_plane(z)
    assert analysis.gap_fraction(z, plane, Box(-1, 1, -1, 1), 0.3) == 1


@pytest.mark.parametrize(
    "same", [np.ones((5, 2)), np.arange(5.0)[:, None] * [1, 1], np.ones((5, 1))]
)
def test_a_hull_without_area_is_refused(same: Any) -> None:
    with pytest.raises(ValueError, match=r"hull has no"):
        analysis.hull_gap_fraction(same, pca_plane(same), 0.1)


def test_gap_radius_is_half_the_grids_spacing() -> None:
    assert analysis.gap_radius(jaxae.LECTURE_BOX) == pytest.approx(15 / 11 / 2)
    assert analysis.gap_radius(Box(0, 11, 0, 0)) == pytest.approx(0.5)
    assert analysis.gap_radius(Box(-4, 18, 3, 8.5)) == pytest.approx(np.sqrt(2 * 0.5) / 2)
    assert analysis.gap_radius(Box(0, 4, 0, 4), n=3) == pytest.approx(1)


@pytest.mark.accelerator
def test_nearest_image_distance_is_scipys() -> None:
    rng = np.random.default_rng(0)
    known = rng.integers(0, 256, (4500, 5, 4)).astype(np.uint8)
    images = rng.random((7, 5, 4), dtype=np.float32)
    expected = cdist(images.reshape(7, -1), known.reshape(4500, -1) / 255).min(axis=1)
    np.testing.assert_allclose(analysis.nearest_image_distance(images, known), expected, rtol=1e-5)
    own = known[[0, 1999, 2000, 3999, 4000, 4499]] / np.float32(255)
    np.testing.assert_allclose(analysis.nearest_image_distance(own, known), 0, atol=2e-3)


@pytest.mark.accelerator
def test_the_classifier_learns_and_predicts_by_the_softmax(tiny: Dataset) -> None:
    # A fifth of the test labels are wrong, but none of the training labels.
    labels = np.where(np.arange(60) % 5 == 0, (tiny.test.labels + 1) % 3, tiny.test.labels)
    tiny = dataclasses.replace(tiny, test=Split(tiny.test.images, labels))
    fitted = analysis.fit_classifier(tiny)
    images = np.asarray(tiny.test.images) / np.float32(255)
    label, confidence, entropy = fitted.predict(images)
    logits = np.asarray(jax.vmap(fitted.network)(jnp.asarray(images)), np.float64)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(label, p.argmax(axis=1))
    np.testing.assert_allclose(confidence, p.max(axis=1), rtol=1e-4)
    np.testing.assert_allclose(entropy, stats.entropy(p, base=2, axis=1), rtol=1e-3, atol=1e-5)
    assert fitted.test_accuracy == np.mean(label == labels)
    assert 0.7 < fitted.test_accuracy <= 0.8
    many = fitted.predict(np.tile(images, (35, 1, 1)))  # More than one chunk.
    for part, whole in zip((label, confidence, entropy), many, strict=True):
        np.testing.assert_allclose(whole, np.tile(part, 35), rtol=1e-5, atol=1e-6)
    assert [len(part) for part in fitted.predict(images[:0])] == [0, 0, 0]


def test_the_classifier_trains_for_five_epochs_with_adam_and_a_one_cycle_rate() -> None:
    """With black images of one class, only the last biases are trained: two steps per epoch."""
    black = Split(np.zeros((300, 2, 2), np.uint8), np.ones(300, int))
    network = analysis.fit_classifier(Dataset("black", black, black, ("white", "black"))).network
    rates = optax.cosine_onecycle_schedule(10, 3e-3, pct_start=0.2)
    bias, m, v = np.zeros(2), np.zeros(2), np.zeros(2)
    for step in range(10):
        gradient = np.exp(bias) / np.exp(bias).sum() - [0, 1]
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        unbiased = m / (1 - 0.9 ** (step + 1)), v / (1 - 0.999 ** (step + 1))
        bias -= float(rates(step)) * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    found = nnx.to_pure_dict(nnx.state(network, nnx.Param))["logits"]["bias"]
    np.testing.assert_allclose(found, bias, rtol=1e-4)


class Linear(nnx.Module):
    """A decoder whose evidence has a closed form: x = z W."""

    def __init__(self, weight: Any, shape: tuple[int, int]):
        self.weight, self.shape = nnx.Param(jnp.asarray(weight, jnp.float32)), shape

    def __call__(self, z: jax.Array) -> jax.Array:
        return (z @ self.weight[...]).reshape(self.shape)


@pytest.mark.accelerator
def test_the_evidence_bound_reaches_a_closed_form_from_below() -> None:
    """A linear decoder makes x normal with covariance WᵀW + β/2·I."""
    rng = np.random.default_rng(0)
    model: Any = jaxae.create_model(ModelConfig(2, 8, "vae"), (2, 3), 0)
    weight = 0.3 * rng.normal(size=(2, 6))
    model.decoder = Linear(weight, (2, 3))
    images = rng.integers(0, 256, (40, 2, 3)).astype(np.uint8)
    covariance = weight.T @ weight + 0.4 * np.eye(6)
    exact = stats.multivariate_normal(np.zeros(6), covariance).logpdf(images.reshape(40, -1) / 255)
    one, many = (
        np.mean(
            [
                analysis.log_evidence_bound(model, images, samples=k, kl_weight=0.8, seed=s)
                for s in range(20)
            ]
        )
        for k in (1, 2000)
    )
    assert one < many - 0.01
    assert many == pytest.approx(np.mean(exact), abs=0.01)
    with pytest.raises(ValueError, match="samples is 0"):
        analysis.log_evidence_bound(model, images, samples=0)
    with pytest.raises(ValueError, match="kl_weight 0"):
        analysis.log_evidence_bound(model, images, kl_weight=0)


@pytest.mark.accelerator
def test_divergences_follow_their_formula() -> None:
    model: Any = jaxae.create_model(ModelConfig(3, 8, "vae"), (2, 3), 0)
    images = np.random.default_rng(0).integers(0, 256, (5, 2, 3)).astype(np.uint8)
    expected = []
    for image in images:
        mean, log_variance = model.encoder.posterior(image / jnp.float32(255))
        mean, variance = np.asarray(mean, float), np.exp(np.asarray(log_variance, float))
        expected.append(0.5 * np.sum(mean**2 + variance - 1 - np.log(variance)))
    np.testing.assert_allclose(analysis.divergences(model, images), expected, rtol=1e-4)


def test_every_product_has_full_float32_precision() -> None:
    images, key = np.zeros((4, 2, 3), np.uint8), jax.random.key(0)
    model = jaxae.create_model(ModelConfig(3, 8, "vae"), (2, 3), 0)
    variational = nnx.split(model, nnx.Param)
    network = nnx.split(classifier.Network(6, 2, rngs=nnx.Rngs(0)), nnx.Param)
    for lowered in (
        evidence._divergences.lower(*variational, images),
        evidence._bounds.lower(*variational, images, jax.random.split(key, 4), 5, 0.5),
        classifier._probabilities.lower(*network, np.float32(images)),
        classifier._fitted.lower(*network, jnp.array(images), jnp.array([0, 1, 0, 1]), key),
    ):
        assert rounded_products(lowered) == []


def test_too_few_examples_for_so_many_neighbours_are_refused() -> None:
    z, labels = np.zeros((3, 2)), np.array([0, 1, 0])
    with pytest.raises(UndefinedError, match="too few training points, 3,"):
        analysis.knn_accuracy(z, labels, z, labels, 5)
    with pytest.raises(UndefinedError, match="one class"):
        analysis.silhouette(z, np.zeros(3, int))
    with pytest.raises(UndefinedError, match="only one of its class"):
        analysis.silhouette(z, np.arange(3))
    with pytest.raises(UndefinedError, match="too few examples, 3;"):
        analysis.trustworthiness(np.zeros((3, 2, 2), np.uint8), z)


def test_the_classifier_is_not_initialised_like_an_autoencoder(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "_fitted", lambda graphdef, params, *_: params)
    hidden = analysis.fit_classifier(tiny, seed=3).network.hidden.kernel[...]
    encoder = jaxae.create_model(jaxae.ModelConfig(), tiny.image_shape, seed=3).encoder
    assert hidden.shape == encoder.hidden.kernel.shape
    assert abs(np.corrcoef(np.ravel(hidden), np.ravel(encoder.hidden.kernel[...]))[0, 1]) < 0.05


def test_one_class_has_no_classifier(tiny: Dataset) -> None:
    split = Split(tiny.train.images, np.zeros(len(tiny.train), int))
    one = dataclasses.replace(tiny, train=split, test=split, class_names=("all",))
    with pytest.raises(ValueError, match="one class"):
        analysis.fit_classifier(one)
