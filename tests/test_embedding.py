"""The properties of an embedding and its decoded tiles, each against another computation."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import jaxae
from jaxae import Box, Dataset, ModelConfig, Split
from jaxae.analysis.embedding import Embedding, Tiles


@pytest.fixture(scope="module", params=[1, 2, 3], ids=lambda latent_dim: f"{latent_dim}-D")
def own(request: Any, tiny: Dataset) -> Embedding:
    train, test = (
        Split(split.images[:n], split.labels[:n]) for split, n in ((tiny.train, 9), (tiny.test, 40))
    )
    few = dataclasses.replace(tiny, train=train, test=test)
    return Embedding(jaxae.create_model(ModelConfig(request.param, 8), (8, 6), 0), few)


def test_training_images_come_first_everywhere(own: Embedding) -> None:
    train, test = own.dataset.train, own.dataset.test
    np.testing.assert_array_equal(own.z_train, jaxae.encode(own.model, train.images))
    np.testing.assert_array_equal(own.z_test, jaxae.encode(own.model, test.images))
    np.testing.assert_array_equal(own.z, [*own.z_train, *own.z_test])
    np.testing.assert_array_equal(own.labels, [*train.labels, *test.labels])
    np.testing.assert_allclose(own.points, jaxae.pca_plane(own.z).project(own.z))
    assert own.percentile_box == jaxae.fitted_box(own.points)


def test_some_labels_keep_their_embeddings_and_the_plane(own: Embedding) -> None:
    part = own.of_labels([0, 2])
    rows = np.flatnonzero(own.labels != 1)
    np.testing.assert_array_equal(part.z, own.z[rows])
    np.testing.assert_array_equal(part.labels, own.labels[rows])
    np.testing.assert_array_equal(part.points, own.points[rows])
    assert part.percentile_box == jaxae.fitted_box(own.points[rows])
    images = np.concatenate([own.dataset.train.images, own.dataset.test.images])[rows]
    kept = (part.dataset.train.images, part.dataset.test.images)
    np.testing.assert_array_equal(np.concatenate(kept), images)


def test_tiles_are_decoded_row_by_row_from_the_lowest(own: Embedding) -> None:
    tiles = own.tiles(Box(-1, 3, 2, 4), n=3)
    points = np.array([(x, y) for y in (2, 3, 4) for x in (-1, 1, 3)])
    if own.model.latent_dim == 1:
        points = points[:3, :1]
    z = own.plane.origin + points @ own.plane.axes
    np.testing.assert_allclose(tiles.images, jaxae.decode(own.model, z), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(tiles.distance, cdist(z, own.z).min(axis=1), rtol=1e-5)
    # Distances include test images, which are nearest to some tiles.
    assert (tiles.distance < cdist(z, own.z_train).min(axis=1) - 1e-4).any()
    assert tiles.radius == pytest.approx(np.sqrt(2 * 1) / 2)
    twelve = 12 if own.model.latent_dim == 1 else 144
    assert len(own.tiles(Box(-1, 3, 2, 4)).images) == twelve


def test_a_tile_is_in_a_gap_beyond_the_radius_but_not_at_it() -> None:
    tiles = Tiles(np.zeros((3, 1, 1), np.float32), np.array([0.4, 0.5, 0.6]), 0.5)
    assert tiles.in_gap.tolist() == [False, False, True]
