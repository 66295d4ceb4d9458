"""Figures: functions of plain arrays that return a Matplotlib Figure.

They neither change pyplot's global state nor show a window. Images may have a last axis of three
channels: red, green and blue.

latent         latent_scatter: embeddings in the latent plane
entropy        entropy_map: where in the plane classes mix
grids          reconstruction_grid, coverage_grid, image_grid: decoded images
images         reconstructions, interpolations: rows of images
gaps           gap_tiles: tiles in gaps against occupied tiles
magnification  magnification_map: how fast images change over the plane
geodesics      geodesic_map: shortest curves beside straight lines
training       training_curve, seed_curves: losses against the epoch
comparison     side_by_side: several models
colours        names and colours of classes
keys           what boxes, points and colours mean
names          names of classes in a cloud
sizes          the width of a figure
style          colours of curves, and save_figure
"""

from jaxae.plots.comparison import Side as Side
from jaxae.plots.comparison import side_by_side as side_by_side
from jaxae.plots.entropy import entropy_map as entropy_map
from jaxae.plots.gaps import gap_tiles as gap_tiles
from jaxae.plots.geodesics import geodesic_map as geodesic_map
from jaxae.plots.grids import coverage_grid as coverage_grid
from jaxae.plots.grids import image_grid as image_grid
from jaxae.plots.grids import reconstruction_grid as reconstruction_grid
from jaxae.plots.images import Ends as Ends
from jaxae.plots.images import interpolations as interpolations
from jaxae.plots.images import reconstructions as reconstructions
from jaxae.plots.latent import latent_scatter as latent_scatter
from jaxae.plots.magnification import magnification_map as magnification_map
from jaxae.plots.sizes import WIDTHS as WIDTHS
from jaxae.plots.style import cycle_colour as cycle_colour
from jaxae.plots.style import save_figure as save_figure
from jaxae.plots.tiles import tiles_across as tiles_across
from jaxae.plots.training import seed_curves as seed_curves
from jaxae.plots.training import training_curve as training_curve
