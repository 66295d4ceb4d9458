"""Figures of the decoder's geometry, drawn from runs."""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from jaxae import analysis, geometry, plots
from jaxae.analysis import Embedding
from jaxae.drawing.options import Options
from jaxae.drawing.source import MissingFigureError, Source, Sources
from jaxae.geometry.region import has_hull
from jaxae.latent import grid_points

Points = npt.NDArray[np.floating]

# Points along each side of the box: of the map, and of the grid of ellipses inside it.
_MAP, _ELLIPSES = 200, 10
# Test images, each of which is joined to all others.
_ENDS = 3


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
            f"{sources[0].path}: the decoder is constant in some direction over most of the box"
        ) from None
    return plots.magnification_map(
        np.asarray(geometry.log_magnification(decoder, points)),
        box,
        distance=distance.reshape(_MAP, _MAP) / analysis.gap_radius(box),
        ellipses=ellipses,
        width=options.width or "column",
    )


def geodesics(sources: Sources, options: Options) -> Figure:
    """Draw straight lines and geodesics between test images that lie far apart."""
    _check_two_dimensions(sources[0])
    embedding = sources[0].embedding
    ends = _far_apart(embedding.z_test, _ENDS)
    if len(ends) < 2:
        raise MissingFigureError(f"{sources[0].path}: one test image; a curve needs two")
    starts, stops = np.triu_indices(len(ends), k=1)
    return plots.geodesic_map(
        embedding.z,
        embedding.labels,
        embedding.dataset.class_names,
        geodesics_between(embedding, ends[starts], ends[stops]),
        palette=options.palette,
        width=options.width or "column",
    )


def geodesics_between(embedding: Embedding, a: Points, b: Points, n: int = 64) -> geometry.Geodesic:
    """Find geodesics in the hull of the cloud, or anywhere if it has none that can be computed.

    Args:
      embedding: the embedding.
      a: where they begin, shape (..., latent_dim).
      b: where they end, the same shape.
      n: number of points along each.
    """
    within = embedding.z if has_hull(embedding.z) else None
    return geometry.geodesic(embedding.model.decoder, a, b, within=within, n=n)


def _far_apart(points: Points, n: int) -> Points:
    """Choose the point farthest from the median, then n − 1 times that farthest from the chosen."""
    distance = np.linalg.norm(points - np.median(points, axis=0), axis=1)
    chosen = [points[distance.argmax()]]
    distance[:] = np.inf
    for _ in range(min(n, len(points)) - 1):
        distance = np.minimum(distance, np.linalg.norm(points - chosen[-1], axis=1))
        chosen.append(points[distance.argmax()])
    return np.stack(chosen)


def _check_two_dimensions(source: Source) -> None:
    if (latent_dim := source.embedding.model.latent_dim) != 2:
        raise MissingFigureError(
            f"{source.path}: latent_dim is {latent_dim}; this figure shows a latent space of 2"
        )
