"""Figures of decoded images, drawn from runs."""

import numpy as np
from matplotlib.figure import Figure

from jaxae import analysis, plots
from jaxae.data import Split
from jaxae.drawing.geometry import geodesics_between
from jaxae.drawing.names import names_of
from jaxae.drawing.options import Options
from jaxae.drawing.source import MissingFigureError, Sources, check_plane
from jaxae.latent import decode, encode, latent_grid
from jaxae.models import is_variational

# The least number of intervals along a geodesic.
_INTERVALS = 60


def grid(sources: Sources, options: Options) -> Figure:
    """Draw the decoded 12×12 grid on the box."""
    embedding, box = sources[0].embedding, options.box_for(sources[0].embedding)
    images = latent_grid(embedding.model, box, plane=embedding.plane)
    return plots.reconstruction_grid(
        images, box, plane=embedding.plane, width=options.width or "column"
    )


def coverage(sources: Sources, options: Options) -> Figure:
    """Draw the grid, each tile framed in the colour of its distance to the nearest embedding."""
    check_plane(sources[0])
    embedding, box = sources[0].embedding, options.box_for(sources[0].embedding)
    tiles = embedding.tiles(box)
    covered = 1 - analysis.gap_fraction(embedding.z, embedding.plane, box, tiles.radius)
    return plots.coverage_grid(
        tiles.in_rows(tiles.images),
        tiles.in_rows(tiles.distance),
        tiles.radius,
        covered,
        box,
        plane=embedding.plane,
        width=options.width or "column",
    )


def reconstructions(sources: Sources, options: Options) -> Figure:
    """Draw test images of each class, about ten in all, above their reconstructions."""
    embedding = sources[0].embedding
    test, names = embedding.dataset.test, embedding.dataset.class_names
    rows = _first_of_each_class(test, max(1, 10 // len(np.unique(test.labels))))
    shown = test.images[rows]
    return plots.reconstructions(
        shown,
        decode(embedding.model, encode(embedding.model, shown)),
        [names[label] for label in test.labels[rows]],
        width=options.width or "page",
    )


def gaps(sources: Sources, options: Options) -> Figure:
    """Draw tiles in gaps and occupied tiles, with the classifier's confidence."""
    embedding, classifier = sources[0].embedding, sources[0].classifier
    if classifier is None:
        raise MissingFigureError(f"{sources[0].path}: one class; a classifier needs two or more")
    tiles = embedding.tiles(options.box_for(sources[0].embedding))
    predicted = classifier.predict(tiles.images)
    train_images = np.asarray(embedding.dataset.train.images)
    return plots.gap_tiles(
        tiles.images,
        tiles.in_gap,
        predicted.confidence,
        analysis.nearest_image_distance(tiles.images, train_images),
        predicted=[embedding.dataset.class_names[label] for label in predicted.label],
        width=options.width or "page",
    )


def interpolation(sources: Sources, options: Options) -> Figure:
    """Draw images between images of the first two classes, straight and along a geodesic."""
    width = options.width or "page"
    steps = max(2, min(16, plots.tiles_across(width) - 2))  # Besides both originals.
    strips, ends = {}, {}
    for source, name in zip(sources, names_of(sources), strict=True):
        own = source.embedding
        test, names = own.dataset.test, own.dataset.class_names
        rows = _first_of_each_class(test)[:2]
        if len(rows) == 1:
            rows = _first_of_each_class(test, 2)
        first, last = rows[0], rows[-1]
        start, end = own.z_test[first], own.z_test[last]
        # Points between the steps, so that the length is accurate whatever the width.
        each = -(-_INTERVALS // (steps - 1))
        found = geodesics_between(own, start, end, n=each * (steps - 1) + 1)
        note = "" if found.converged else ", not converged"
        said = plots.Ends(
            test.images[[first, last]], (names[test.labels[first]], names[test.labels[last]])
        )
        for kind, points in (
            ("straight line", np.linspace(start, end, steps)),
            (f"geodesic, {found.gain:z.0%} shorter on images{note}", found.points[::each]),
        ):
            strips[f"{name}: {kind}"] = decode(own.model, points)
            ends[f"{name}: {kind}"] = said
    return plots.interpolations(
        strips,
        ends,
        path="a straight line in latent space, and along a geodesic on images",
        width=width,
    )


def prior(sources: Sources, options: Options) -> Figure:
    """Draw images decoded from 144 samples of a variational model's prior, N(0, I)."""
    model = sources[0].embedding.model
    if not is_variational(model):
        raise MissingFigureError(f"{sources[0].path} has no prior; expected a run of --model vae")
    z = np.random.default_rng(0).normal(size=(144, model.latent_dim))
    return plots.image_grid(
        decode(model, z),
        title="decoded from 144 samples of the prior, N(0, I)",
        width=options.width or "column",
    )


def _first_of_each_class(split: Split, each: int = 1, at_most: int = 20) -> list[int]:
    """Return the first rows of each class, by class, for a number of classes at most."""
    labels = np.unique(split.labels)[:at_most]
    return [int(row) for label in labels for row in np.flatnonzero(split.labels == label)[:each]]
