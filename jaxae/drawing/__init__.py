"""Figures by name, drawn from runs, with provenance in their files.

registry     the figures: what each shows, and which runs it needs
options      what a figure shows, and how
rendering    draw a figure into a file, and verify such a file
source       the runs that figures are drawn from
provenance   metadata in PNG, PDF and SVG files
"""

from jaxae.drawing.options import Options as Options
from jaxae.drawing.registry import AFTER_TRAINING as AFTER_TRAINING
from jaxae.drawing.registry import FIGURES as FIGURES
from jaxae.drawing.registry import MissingFigureError as MissingFigureError
from jaxae.drawing.registry import figures_for as figures_for
from jaxae.drawing.rendering import check as check
from jaxae.drawing.rendering import draw as draw
from jaxae.drawing.rendering import verify as verify
from jaxae.drawing.source import Source as Source
from jaxae.drawing.source import folders_of as folders_of
from jaxae.drawing.source import names_of as names_of
