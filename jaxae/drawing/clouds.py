"""Figures of the latent plane, drawn from runs."""

import numpy as np
from matplotlib.figure import Figure

from jaxae import analysis, plots
from jaxae.drawing.names import names_of
from jaxae.drawing.options import Options
from jaxae.drawing.source import MissingFigureError, Sources, check_plane
from jaxae.latent import LECTURE_BOX


def latent(sources: Sources, options: Options) -> Figure:
    """Draw every embedding, coloured by class, with the sampling box and its grid."""
    embedding = sources[0].embedding
    box = options.box_for(embedding)
    which = "the lecture's" if box == LECTURE_BOX else "1st to 99th percentile"
    return plots.latent_scatter(
        embedding.z,
        embedding.labels,
        embedding.dataset.class_names,
        plane=embedding.plane,
        box=box,
        box_name=f"sampling box ({which})",
        palette=options.palette,
        width=options.width or "column",
    )


def entropy(sources: Sources, options: Options) -> Figure:
    """Draw the entropy of the labels over the percentile box: where classes mix."""
    check_plane(sources[0])
    embedding = sources[0].embedding
    box = embedding.percentile_box
    found = analysis.entropy_map(embedding.points, embedding.labels, box)
    classes = len(np.unique(embedding.labels))
    width = options.width or "column"
    return plots.entropy_map(found, box, classes, plane=embedding.plane, width=width)


def ae_vae(sources: Sources, options: Options) -> Figure:
    """Draw two models side by side: the cloud, and the grid on its percentile box."""
    first = sources[0].embedding
    sides = []
    for source, name in zip(sources, names_of(sources), strict=True):
        check_plane(source)
        embedding = source.embedding
        if embedding.dataset.checksum != first.dataset.checksum:
            paths = f"{sources[0].path} and {source.path}"
            raise MissingFigureError(f"{paths} have different data; expected runs of the same data")
        classifier = sources[0].classifier  # It depends only on the data.
        box = embedding.percentile_box
        tiles = embedding.tiles(box)
        fraction = analysis.gap_fraction(embedding.z, embedding.plane, box, tiles.radius)
        caption = f"{fraction:.0%} of the box in gaps"  # Accurate to half a percent.
        if classifier is not None and tiles.in_gap.any():
            confidence = classifier.predict(tiles.images[tiles.in_gap]).confidence
            caption += f",\nmean confidence there {confidence.mean():.2f}"
        images = tiles.in_rows(tiles.images)
        sides.append(plots.Side(name, embedding.z, embedding.plane, box, images, caption))
    return plots.side_by_side(
        sides,
        first.labels,
        first.dataset.class_names,
        palette=options.palette,
        width=options.width or "page",
    )
