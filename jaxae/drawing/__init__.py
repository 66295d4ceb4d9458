"""Figures by name, drawn from runs, with provenance in their files.

registry     the figures by name, and which runs each needs
clouds       figures of the latent plane
tiles        figures of decoded images
curves       figures of losses
options      what a figure shows, and how
rendering    draw a figure into a file, and verify such a file
source       the runs that figures are drawn from
names        names of runs in a figure
provenance   metadata in PNG, PDF and SVG files
"""

from jaxae.drawing.names import folders_of as folders_of
from jaxae.drawing.names import names_of as names_of
from jaxae.drawing.options import Options as Options
from jaxae.drawing.registry import AFTER_TRAINING as AFTER_TRAINING
from jaxae.drawing.registry import FIGURES as FIGURES
from jaxae.drawing.registry import figures_for as figures_for
from jaxae.drawing.rendering import check as check
from jaxae.drawing.rendering import draw as draw
from jaxae.drawing.rendering import verify as verify
from jaxae.drawing.source import MissingFigureError as MissingFigureError
from jaxae.drawing.source import Source as Source
