"""Figures: functions of plain arrays that return a Matplotlib Figure.

They neither change pyplot's global state nor show a window.

latent       latent_scatter, entropy_map: the latent plane
grids        reconstruction_grid, coverage_grid, image_grid: decoded images
images       reconstructions, interpolations, gap_tiles: rows of images
training     training_curve, seed_curves: losses against the epoch
comparison   side_by_side: several models
style        the style of all figures, and save_figure
"""

from jaxae.plots.comparison import Side, side_by_side
from jaxae.plots.grids import coverage_grid, image_grid, reconstruction_grid
from jaxae.plots.images import gap_tiles, interpolations, reconstructions
from jaxae.plots.latent import entropy_map, latent_scatter
from jaxae.plots.style import BLUE, COLUMN_WIDTH, ORANGE, save_figure, styled
from jaxae.plots.training import seed_curves, training_curve

__all__ = [
    "BLUE",
    "COLUMN_WIDTH",
    "ORANGE",
    "Side",
    "coverage_grid",
    "entropy_map",
    "gap_tiles",
    "image_grid",
    "interpolations",
    "latent_scatter",
    "reconstruction_grid",
    "reconstructions",
    "save_figure",
    "seed_curves",
    "side_by_side",
    "styled",
    "training_curve",
]
