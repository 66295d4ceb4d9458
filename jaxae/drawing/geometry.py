"""Figures of the decoder's geometry, drawn from runs."""

import numpy as np
from matplotlib.figure import Figure

from jaxae import analysis, geometry, plots
from jaxae.drawing.options import Options
from jaxae.drawing.source import MissingFigureError, Source, Sources
from jaxae.latent import grid_points

# Points along each side of the box: of the map, and of the grid of ellipses inside it.
_MAP, _ELLIPSES = 200, 10


def magnification(sources: Sources, options: Options) -> Figure:
    """Draw how fast images change over the box, with the cloud's edge and indicatrices."""
    _check_two_dimensions(sources[0])
    embedding, box = sources[0].embedding, options.box_for(sources[0].embedding)
    decoder, points = embedding.model.decoder, grid_points(box, _MAP)
    distance = analysis.distance_to_nearest(points.reshape(-1, 2), embedding.z)
    inner = grid_points(box, _ELLIPSES + 2)[1:-1, 1:-1].reshape(-1, 2)
    try:
        ellipses = geometry.indicatrices(decoder, inner)
    except ValueError:  # The size of the ellipses follows from the decoder.
        raise MissingFigureError(
            f"{sources[0].path}: the decoder is constant over most of the box"
        ) from None
    return plots.magnification_map(
        np.asarray(geometry.log_magnification(decoder, points)),
        box,
        distance=distance.reshape(_MAP, _MAP) / analysis.gap_radius(box),
        ellipses=ellipses,
        width=options.width or "column",
    )


def _check_two_dimensions(source: Source) -> None:
    if (latent_dim := source.embedding.model.latent_dim) != 2:
        raise MissingFigureError(
            f"{source.path}: latent_dim is {latent_dim}; this figure shows a latent space of 2"
        )
