"""Each figure of the registry: the data, box, model, classifier and labels it is drawn from."""

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.collections import PatchCollection
from scipy.spatial.distance import cdist

import jaxae
from jaxae import Box, EpochMetrics, ModelConfig, TrainConfig, analysis
from jaxae.analysis.embedding import Embedding
from jaxae.config import Model
from jaxae.data import Split
from jaxae.drawing import MissingFigureError, clouds, curves, tiles
from jaxae.drawing.options import Options
from jaxae.drawing.registry import AFTER_TRAINING, FIGURES
from tests import made_up
from tests.readback import assert_shows, box_of, cloud, drawn, from_the_top, strip

LECTURE = Box(-5, 10, -10, 5)
BOTH_BOXES = pytest.mark.parametrize(
    "fit_box", [False, True], ids=["lecture's box", "percentile box"]
)


def source(kind: Model = "ae", seed: int = 0, latent_dim: int = 2) -> Any:
    """Stand in for a run, with an untrained model."""
    own = made_up.embedding(kind, seed)
    if latent_dim != 2:
        model = jaxae.create_model(ModelConfig(latent_dim, 12), made_up.SHAPE, seed)
        own = Embedding(model, own.dataset)
    rows = [EpochMetrics(k, 10 * seed + 40 / k, 10 * seed + 41 / k, 1.0, 6e4) for k in (1, 2)]
    if kind == "vae":  # The divergence is 2.
        rows = [row._replace(test_squared_error=row.test_loss - 8) for row in rows]
    config = SimpleNamespace(model=ModelConfig(model=kind), train=TrainConfig(kl_weight=4))
    run = SimpleNamespace(path=Path(f"runs/{kind}-{seed}/seed-0"), config=config)
    return SimpleNamespace(
        path=Path(f"runs/{kind}-{seed}"),
        name=f"{kind} {seed}",
        checkpoint="newest",
        embedding=own,
        classifier=made_up.classifier(seed=seed),
        run=run,
        runs=[run, run],
        snapshot=SimpleNamespace(history=rows),
        histories=[rows, rows[:2]],
    )


@pytest.fixture(scope="module")
def one() -> Any:
    return source()


@pytest.fixture(scope="module")
def two() -> list[Any]:
    return [source(seed=1), source("vae", seed=2)]


@pytest.fixture(scope="module")
def three_d() -> Any:
    return source(latent_dim=3)


def box_for(source: Any, fit_box: bool) -> Box:
    return jaxae.fitted_box(source.embedding.z) if fit_box else LECTURE


def options(fit_box: bool, palette: str | None = None) -> Options:
    return Options(box="cloud" if fit_box else "lecture", palette=palette)


def left_and_bottom(box: Box) -> list[float]:
    """Return the left and bottom of the extent of a 12×12 grid."""
    return [box.x_min - (box.x_max - box.x_min) / 22, box.y_min - (box.y_max - box.y_min) / 22]


def mosaic(images: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Join the images of a grid into one, with the last row on top."""
    return np.vstack([np.hstack(list(row)) for row in images[::-1]])


@BOTH_BOXES
def test_latent_shows_training_and_test_images_with_the_box(one: Any, fit_box: bool) -> None:
    (axes,) = drawn(clouds.latent([one], options(fit_box, "tab10"))).axes
    own, box = one.embedding, box_for(one, fit_box)
    assert_shows(axes, own.z)
    assert box_of(axes) == pytest.approx((box.x_min, box.y_min, box.x_max, box.y_max))
    assert [text.get_text() for text in axes.texts] == list(made_up.NAMES)
    label = dict(zip(map(tuple, own.z), own.labels, strict=True))
    offsets = np.asarray(cloud(axes).get_offsets(), np.float32)
    colours: Any = mpl.colormaps["tab10"]([label[tuple(offset)] for offset in offsets])
    np.testing.assert_allclose(np.asarray(cloud(axes).get_facecolor())[:, :3], colours[:, :3])


def test_latent_shows_the_principal_plane_of_many_dimensions(three_d: Any) -> None:
    axes = drawn(clouds.latent([three_d], Options())).axes[0]
    assert_shows(axes, jaxae.pca_plane(three_d.embedding.z).project(three_d.embedding.z))


@BOTH_BOXES
def test_grid_is_decoded_from_the_box_that_it_lies_on(one: Any, fit_box: bool) -> None:
    (axes,) = drawn(tiles.grid([one], options(fit_box))).axes
    box = box_for(one, fit_box)
    expected = mosaic(jaxae.latent_grid(one.embedding.model, box))
    np.testing.assert_allclose(strip(axes), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(axes.images[0].get_extent()[::2], left_and_bottom(box), rtol=1e-6)


def test_grid_of_a_principal_plane_is_decoded_there_and_says_so(three_d: Any) -> None:
    (axes,) = drawn(tiles.grid([three_d], Options())).axes
    own = three_d.embedding
    plane = jaxae.pca_plane(own.z)
    expected = mosaic(jaxae.latent_grid(own.model, LECTURE, plane=plane))
    np.testing.assert_allclose(strip(axes), expected, rtol=1e-5, atol=1e-6)
    assert axes.get_xlabel() == "principal component 1 of 3 latent dimensions"


def test_reconstructions_are_of_the_first_test_images_of_each_class(one: Any) -> None:
    (axes,) = drawn(tiles.reconstructions([one], Options())).axes
    test = one.embedding.dataset.test
    # Ten in all; no test image is of the sixth class.
    rows = [row for label in range(5) for row in np.flatnonzero(test.labels == label)[:2]]
    shown = np.array([test.images[row] for row in rows])
    above, below = np.split(strip(axes), 2)
    np.testing.assert_allclose(above, np.hstack(list(shown / 255)))
    x_hat = jaxae.reconstruct(one.embedding.model, shown)
    np.testing.assert_allclose(below, np.hstack(list(x_hat)), rtol=1e-5, atol=1e-6)
    assert [text.get_text() for text in axes.get_xticklabels()] == list(made_up.NAMES[:5])


def test_curve_shows_the_history_of_the_run(two: list[Any]) -> None:
    expected = [("squared error per", {"30.5"}), ("squared error + 4 × KL per", {"32.5", "40.5"})]
    for source, (loss, last) in zip(two, expected, strict=True):
        (axes,) = drawn(curves.curve([source], Options())).axes
        assert axes.get_ylabel().startswith(loss)
        assert {text.get_text() for text in axes.texts} == last


@BOTH_BOXES
def test_coverage_colours_each_frame_by_the_distance_of_its_point(one: Any, fit_box: bool) -> None:
    axes = drawn(tiles.coverage([one], options(fit_box))).axes[0]
    own, box = one.embedding, box_for(one, fit_box)
    points = jaxae.grid_points(box).reshape(-1, 2)
    spacing = np.sqrt((box.x_max - box.x_min) * (box.y_max - box.y_min)) / 11
    (frames,) = (c for c in axes.collections if isinstance(c, PatchCollection))
    radii = cdist(points, own.z).min(axis=1) / (spacing / 2)
    np.testing.assert_allclose(np.asarray(frames.get_array()), np.minimum(radii, 4), rtol=1e-4)
    expected = mosaic(jaxae.latent_grid(own.model, box))
    np.testing.assert_allclose(strip(axes), expected, rtol=1e-5, atol=1e-6)
    near = 1 - analysis.gap_fraction(own.z, jaxae.pca_plane(own.z), box, spacing / 2)
    title = axes.get_title(loc="left").replace("\n", " ")
    assert title.startswith(f"{near:.0%} of the box is occupied")
    centres = [path.get_extents().get_points().mean(axis=0) for path in frames.get_paths()]
    np.testing.assert_allclose(centres, points, atol=1e-6)


@BOTH_BOXES
def test_entropy_always_uses_the_percentile_box(one: Any, fit_box: bool) -> None:
    axes = drawn(clouds.entropy([one], options(fit_box))).axes[0]
    own, box = one.embedding, box_for(one, True)
    expected = analysis.entropy_map(own.z, own.labels, box)
    shown: Any = axes.images[0].get_array()
    np.testing.assert_array_equal(shown.filled(np.nan), expected)
    assert tuple(axes.images[0].get_extent()) == tuple(box)
    assert axes.images[0].get_clim() == (0, np.log2(6))


@BOTH_BOXES
def test_gaps_show_tiles_with_confidence_and_distance_to_training_images(
    one: Any, fit_box: bool
) -> None:
    figure = drawn(tiles.gaps([one], options(fit_box)))
    own, box = one.embedding, box_for(one, fit_box)
    points = jaxae.grid_points(box).reshape(-1, 2)
    radius = np.sqrt((box.x_max - box.x_min) * (box.y_max - box.y_min)) / 22
    gap = cdist(points, own.z).min(axis=1) > radius
    images = jaxae.decode(own.model, points)
    confidence = made_up.probabilities(one.classifier, images).max(axis=1)
    known = np.asarray(own.dataset.train.images).reshape(351, 12) / 255
    distance = cdist(images.reshape(144, 12), known).min(axis=1)
    panels = from_the_top(figure)[-1].child_axes
    for axes, values in zip(panels, (confidence, distance), strict=True):
        dots = [line.get_xdata() for line in axes.lines if line.get_marker() == "."]
        for found, group in zip(dots, (gap, ~gap), strict=True):
            np.testing.assert_allclose(np.asarray(found), values[group], rtol=1e-3)
    farthest = np.flatnonzero(gap)[distance[gap].argmax()]
    above = from_the_top(figure)[0]
    np.testing.assert_allclose(strip(above)[:, -3:], images[farthest], rtol=1e-5, atol=1e-6)
    label = made_up.probabilities(one.classifier, images[[farthest]]).argmax()
    said = above.get_xticklabels()[-1].get_text()
    assert said == f"{made_up.NAMES[label]}\n{confidence[farthest]:.2f}"


def test_interpolation_is_from_the_first_class_to_the_second_for_each_model(
    two: list[Any],
) -> None:
    rows = from_the_top(drawn(tiles.interpolation(two, Options())))
    test = two[0].embedding.dataset.test
    ends = np.array([test.images[list(test.labels).index(label)] for label in (0, 1)])
    assert len(rows) == 4
    for axes, curved, run in zip(rows[::2], rows[1::2], two, strict=True):
        model = run.embedding.model
        start, end = jaxae.encode(model, ends)
        images = jaxae.decode(model, np.linspace(start, end, 16))
        np.testing.assert_allclose(strip(axes), np.hstack(list(images)), rtol=1e-5, atol=1e-6)
        assert axes.get_title(loc="left") == f"{run.name}: straight line"
        _, start_image, end_image = axes.images
        np.testing.assert_allclose(np.asarray(start_image.get_array()), ends[0] / 255)
        np.testing.assert_allclose(np.asarray(end_image.get_array()), ends[1] / 255)
        other = np.array(np.split(strip(curved), 16, axis=1))
        np.testing.assert_allclose(other[[0, -1]], images[[0, -1]], rtol=1e-5, atol=1e-6)
        found = re.fullmatch(
            f"{run.name}: geodesic, (\\d+)% shorter on images", curved.get_title(loc="left")
        )
        assert found and length(other) < length(images)
        assert int(found[1]) / 100 == pytest.approx(1 - length(other) / length(images), abs=0.03)
    said = [text.get_text() for text in rows[-1].get_xticklabels()]
    assert said == ["original: 0", "original: 1"]


def length(images: npt.NDArray[np.floating]) -> float:
    """The sum of the distances between neighbours."""
    return float(np.linalg.norm(np.diff(images.reshape(len(images), -1), axis=0), axis=1).sum())


def test_interpolation_of_one_class_is_between_two_of_its_images(one: Any) -> None:
    own = one.embedding.dataset
    rows = np.flatnonzero(own.test.labels == 3)
    few = Split(own.test.images[rows], own.test.labels[rows])
    embedding = Embedding(one.embedding.model, dataclasses.replace(own, test=few))
    same: Any = SimpleNamespace(**{**vars(one), "embedding": embedding})
    _, axes = from_the_top(drawn(tiles.interpolation([same], Options())))
    for image, expected in zip(axes.images[1:], np.asarray(few.images)[:2], strict=True):
        np.testing.assert_allclose(np.asarray(image.get_array()), expected / 255)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["original: 8"] * 2
    assert axes.get_xlabel().replace("\n", " ").endswith("between two images of one class")


def test_prior_decodes_samples_of_a_variational_models_prior(two: list[Any]) -> None:
    (axes,) = drawn(tiles.prior(two[1:], Options())).axes
    z = np.random.default_rng(0).normal(size=(144, 2))
    images = jaxae.decode(two[1].embedding.model, z).reshape(12, 12, *made_up.SHAPE)
    np.testing.assert_allclose(strip(axes), mosaic(images[::-1]), rtol=1e-5, atol=1e-6)
    with pytest.raises(MissingFigureError, match=r"runs/ae-1 has no prior"):
        tiles.prior(two[:1], Options())


@BOTH_BOXES
def test_ae_vae_shows_the_cloud_box_grid_and_gaps_of_each_model(
    two: list[Any], fit_box: bool
) -> None:
    figure = drawn(clouds.ae_vae(two, options(fit_box)))
    by_title = {axes.get_title(): axes for axes in figure.axes}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "each model's own percentile box (1st to 99th)",
        "points decoded in the grid",
    ]
    for run in two:
        own, box = run.embedding, box_for(run, True)
        assert_shows(by_title[run.name], own.z)
        radius = np.sqrt((box.x_max - box.x_min) * (box.y_max - box.y_min)) / 22
        fraction = analysis.gap_fraction(own.z, jaxae.pca_plane(own.z), box, radius)
        points = jaxae.grid_points(box).reshape(-1, 2)
        gap = cdist(points, own.z).min(axis=1) > radius
        images = jaxae.decode(own.model, points[gap])
        sure = made_up.probabilities(two[0].classifier, images).max(axis=1).mean()
        below = by_title[f"{fraction:.0%} of the box in gaps,\nmean confidence there {sure:.2f}"]
        expected = mosaic(jaxae.latent_grid(own.model, box))
        np.testing.assert_allclose(strip(below), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            below.images[0].get_extent()[::2], left_and_bottom(box), rtol=1e-6
        )


def test_seeds_has_a_curve_for_each_study(two: list[Any]) -> None:
    (axes,) = drawn(curves.seeds(two, Options())).axes
    legend: Any = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["ae 1, 2 seeds", "vae 2, 2 seeds"]
    starts = [np.asarray(line.get_ydata(), float)[0] for line in axes.lines]
    np.testing.assert_allclose(starts, [51, 53])  # Of the variational model, without divergence.


def test_curves_that_were_not_recorded_are_missing(two: list[Any]) -> None:
    old = source("vae")
    old.histories = [old.histories[0], [old.histories[1][0]._replace(test_squared_error=None)]]
    with pytest.raises(MissingFigureError, match="runs/vae-0/seed-0: no test_squared_error"):
        curves.seeds([two[0], old], Options())
    new = source()
    new.histories, new.snapshot.history = [[], []], []
    for draw in (curves.seeds, curves.curve):
        with pytest.raises(MissingFigureError, match="no epoch is complete"):
            draw([new], Options())


@pytest.mark.parametrize("name", ["coverage", "entropy", "ae_vae"])
def test_some_figures_need_two_latent_dimensions(name: str) -> None:
    line = source(latent_dim=1)
    with pytest.raises(MissingFigureError, match="runs/ae-0: one latent dimension has no plane"):
        FIGURES[name].function([line] * FIGURES[name].least, Options())


def test_without_a_classifier_gaps_are_missing_and_confidence_is_left_out() -> None:
    unclassified = source()
    unclassified.classifier = None
    with pytest.raises(MissingFigureError, match="one class"):
        tiles.gaps([unclassified], Options())
    panels = drawn(clouds.ae_vae([unclassified, unclassified], Options())).axes
    assert any(axes.get_title().endswith("% of the box in gaps") for axes in panels)


def test_the_panels_of_ae_vae_line_up(two: list[Any]) -> None:
    figure = drawn(clouds.ae_vae(two, Options()))
    above, below = figure.axes[:2], figure.axes[2:]
    for axes, others in ((above, below), (below, above)):
        (left, right) = (panel.get_window_extent() for panel in axes)
        assert (left.y0, left.y1) == pytest.approx((right.y0, right.y1), abs=1)
        for panel, other in zip((left, right), others, strict=True):
            beside = other.get_window_extent()
            assert (panel.x0, panel.x1) == pytest.approx((beside.x0, beside.x1), abs=1)


def test_ae_vae_compares_models_of_the_same_data(two: list[Any]) -> None:
    other = source()
    data = other.embedding.dataset
    fewer = dataclasses.replace(data, test=Split(data.test.images[1:], data.test.labels[1:]))
    other.embedding = Embedding(other.embedding.model, fewer)
    with pytest.raises(MissingFigureError, match="runs/ae-1 and runs/ae-0 have different data"):
        clouds.ae_vae([two[0], other], Options())


def test_the_registry_states_which_runs_a_figure_needs() -> None:
    assert AFTER_TRAINING == ("latent", "grid", "reconstructions", "curve")
    several = {name: (d.least, d.most) for name, d in FIGURES.items() if d.most > 1}
    assert several == {"interpolation": (1, 4), "ae_vae": (2, 2), "seeds": (1, 4)}
