"""The registry of figures: their names, what they show, and what they are drawn from."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from jaxae import analysis, plots
from jaxae.data import Split
from jaxae.drawing.options import Options
from jaxae.drawing.source import Source, names_of
from jaxae.latent import LECTURE_BOX, Box, decode, encode, interpolate, latent_grid
from jaxae.models import VariationalAutoencoder

Sources = Sequence[Source]


class MissingFigureError(ValueError):
    """The runs are intact, but this figure is not defined for them."""


def latent(sources: Sources, options: Options) -> Figure:
    """Draw every embedding, coloured by class, with the sampling box and its grid."""
    embedding = sources[0].embedding
    return plots.latent_scatter(
        embedding.z,
        embedding.labels,
        embedding.dataset.class_names,
        plane=embedding.plane,
        box=_box(sources[0], options),
        palette=options.palette,
        width=options.width or "column",
    )


def grid(sources: Sources, options: Options) -> Figure:
    """Draw the decoded 12×12 grid on the box."""
    embedding, box = sources[0].embedding, _box(sources[0], options)
    images = latent_grid(embedding.model, box, plane=embedding.plane)
    return plots.reconstruction_grid(
        images, box, plane=embedding.plane, width=options.width or "column"
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


def curve(sources: Sources, options: Options) -> Figure:
    """Draw training and test loss against the epoch, and the parts of a variational model's."""
    source = sources[0]
    config, history = source.run.config, source.snapshot.history
    if not history:
        raise MissingFigureError(f"{source.path}: no epoch is complete")
    return plots.training_curve(
        history,
        kl_weight=config.train.kl_weight if config.model.model == "vae" else None,
        input_noise=config.train.input_noise,
        width=options.width or "column",
    )


def coverage(sources: Sources, options: Options) -> Figure:
    """Draw the grid, each tile framed in the colour of its distance to the nearest embedding."""
    _check_plane(sources[0])
    embedding, box = sources[0].embedding, _box(sources[0], options)
    tiles = embedding.tiles(box)
    n = int(np.sqrt(len(tiles.images)))
    covered = 1 - analysis.gap_fraction(embedding.z, embedding.plane, box, tiles.radius)
    return plots.coverage_grid(
        tiles.images.reshape(n, n, *tiles.images.shape[1:]),
        tiles.distance.reshape(n, n),
        tiles.radius,
        covered,
        box,
        plane=embedding.plane,
        width=options.width or "column",
    )


def entropy(sources: Sources, options: Options) -> Figure:
    """Draw the entropy of the labels over the percentile box: where classes mix."""
    _check_plane(sources[0])
    embedding = sources[0].embedding
    box = embedding.percentile_box
    found = analysis.entropy_map(embedding.points, embedding.labels, box)
    classes = len(np.unique(embedding.labels))
    width = options.width or "column"
    return plots.entropy_map(found, box, classes, plane=embedding.plane, width=width)


def gaps(sources: Sources, options: Options) -> Figure:
    """Draw tiles in gaps and occupied tiles, with the classifier's confidence."""
    embedding, classifier = sources[0].embedding, sources[0].classifier
    if classifier is None:
        raise MissingFigureError(f"{sources[0].path}: one class; a classifier needs two or more")
    tiles = embedding.tiles(_box(sources[0], options))
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
    """Draw images that each model decodes on a line between images of the first two classes."""
    width = options.width or "page"
    steps = max(2, min(16, plots.tiles_across(width) - 2))  # Besides both originals.
    strips, ends = {}, {}
    for source, name in zip(sources, names_of(sources), strict=True):
        dataset = source.embedding.dataset
        test = dataset.test
        rows = _first_of_each_class(test)[:2]
        if len(rows) == 1:
            rows = _first_of_each_class(test, 2)
        first, last = rows[0], rows[-1]
        start, end = test.images[first], test.images[last]
        strips[name] = interpolate(source.embedding.model, start, end, steps)
        names = dataset.class_names
        ends[name] = plots.Ends(
            np.stack([start, end]), (names[test.labels[first]], names[test.labels[last]])
        )
    return plots.interpolations(strips, ends, width=width)


def prior(sources: Sources, options: Options) -> Figure:
    """Draw images decoded from 144 samples of a variational model's prior, N(0, I)."""
    model = sources[0].embedding.model
    if not isinstance(model, VariationalAutoencoder):
        raise MissingFigureError(f"{sources[0].path} has no prior; expected a run of --model vae")
    z = np.random.default_rng(0).normal(size=(144, model.latent_dim))
    return plots.image_grid(
        decode(model, z),
        title="decoded from 144 samples of the prior, N(0, I)",
        width=options.width or "column",
    )


def ae_vae(sources: Sources, options: Options) -> Figure:
    """Draw two models side by side: the cloud, and the grid on its percentile box."""
    first = sources[0].embedding
    sides = []
    for source, name in zip(sources, names_of(sources), strict=True):
        _check_plane(source)
        embedding, classifier = source.embedding, source.classifier
        if not np.array_equal(embedding.labels, first.labels):
            paths = f"{sources[0].path} and {source.path}"
            raise MissingFigureError(f"{paths} have different data; expected runs of the same data")
        box = embedding.percentile_box
        tiles = embedding.tiles(box)
        fraction = analysis.gap_fraction(embedding.z, embedding.plane, box, tiles.radius)
        caption = f"{fraction:.1%} of the box in gaps"
        if classifier is not None and tiles.in_gap.any():
            confidence = classifier.predict(tiles.images[tiles.in_gap]).confidence
            caption += f",\nmean confidence there {confidence.mean():.2f}"
        images = latent_grid(embedding.model, box, plane=embedding.plane)
        sides.append(plots.Side(name, embedding.z, embedding.plane, box, images, caption))
    return plots.side_by_side(
        sides,
        first.labels,
        first.dataset.class_names,
        palette=options.palette,
        width=options.width or "page",
    )


def seeds(sources: Sources, options: Options) -> Figure:
    """Draw each study's test squared error against the epoch: mean over seeds, and range."""
    for source in sources:
        for run, history in zip(source.runs, source.histories, strict=True):
            if not history:
                raise MissingFigureError(f"{run.path}: no epoch is complete")
            unsplit = any(row.test_squared_error is None for row in history)
            if unsplit and run.config.model.model == "vae":
                raise MissingFigureError(
                    f"{run.path}: no test_squared_error in metrics.jsonl; train it again"
                )
    histories = dict(zip(names_of(sources), (own.histories for own in sources), strict=True))
    return plots.seed_curves(histories, width=options.width or "column")


class Drawing(NamedTuple):
    """A figure of the registry.

    Attributes:
      function: draws the figure from its sources, as the options say.
      least: smallest number of sources.
      most: largest number of sources.
      of_studies: whether the sources are studies rather than single runs.
      of_classes: whether it shows classes, and can be restricted to some of them.
      after_training: whether the figure is drawn at the end of training.
    """

    function: Callable[[Sources, Options], Figure]
    least: int = 1
    most: int = 1
    of_studies: bool = False
    of_classes: bool = True
    after_training: bool = False


# In the order in which they are drawn.
FIGURES = {
    "latent": Drawing(latent, after_training=True),
    "grid": Drawing(grid, after_training=True),
    "reconstructions": Drawing(reconstructions, after_training=True),
    "curve": Drawing(curve, of_classes=False, after_training=True),
    "coverage": Drawing(coverage),
    "entropy": Drawing(entropy),
    "gaps": Drawing(gaps),
    "interpolation": Drawing(interpolation, most=4),
    "prior": Drawing(prior, of_classes=False),
    "ae_vae": Drawing(ae_vae, least=2, most=2),
    "seeds": Drawing(seeds, most=4, of_studies=True, of_classes=False),
}
AFTER_TRAINING = tuple(name for name, drawing in FIGURES.items() if drawing.after_training)


def figures_for(sources: Sources) -> tuple[str, ...]:
    """Return the names of the figures of one run, or of those that compare these runs or studies.

    Raises:
      ValueError: a folder is neither a run nor a study, or is damaged.
    """
    studies = any(source.is_study for source in sources)
    return tuple(
        name
        for name, drawing in FIGURES.items()
        if drawing.of_studies == studies and drawing.least <= len(sources) <= drawing.most
    )


def check_defined(name: str, sources: Sources) -> None:
    """Raise MissingFigureError unless a figure is drawn from as many sources, and of this kind."""
    drawing, given = FIGURES[name], len(sources)
    if not drawing.least <= given <= drawing.most:
        least, most = drawing.least, drawing.most
        expected = f"{least}" if least == most else f"{least} to {most}"
        raise MissingFigureError(
            f"{given} {'run was' if given == 1 else 'runs were'} given; expected {expected}"
        )
    if not drawing.of_studies:
        for source in (source for source in sources if source.is_study):
            raise MissingFigureError(
                f"{source.path} is a study; expected one of its runs, such as {source.runs[0].path}"
            )


def _box(source: Source, options: Options) -> Box:
    embedding = source.embedding
    own = "cloud" if isinstance(embedding.model, VariationalAutoencoder) else "lecture"
    return embedding.percentile_box if (options.box or own) == "cloud" else LECTURE_BOX


def _check_plane(source: Source) -> None:
    if len(source.embedding.plane.axes) < 2:
        raise MissingFigureError(f"{source.path}: one latent dimension has no plane")


def _first_of_each_class(split: Split, each: int = 1, at_most: int = 20) -> list[int]:
    """Return the first rows of each class, by class, for a number of classes at most."""
    labels = np.unique(split.labels)[:at_most]
    return [int(row) for label in labels for row in np.flatnonzero(split.labels == label)[:each]]
