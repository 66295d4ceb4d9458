"""The figures, each a function of plain arrays that returns a Matplotlib Figure.

Nothing here touches pyplot's global state or shows a window: save the figure, or show it yourself.
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
