"""Figures by name, drawn from runs, with provenance in their files.

registry     the figures: what each shows, and which runs it needs
rendering    draw a figure into a file, and verify such a file
source       the runs that figures are drawn from
provenance   metadata in PNG, PDF and SVG files
"""

from jaxae.drawing.registry import AFTER_TRAINING, FIGURES, OF_ONE_RUN, MissingFigureError
from jaxae.drawing.rendering import draw, verify
from jaxae.drawing.source import Source, first_run, seed_folders

__all__ = [
    "AFTER_TRAINING",
    "FIGURES",
    "OF_ONE_RUN",
    "MissingFigureError",
    "Source",
    "draw",
    "first_run",
    "seed_folders",
    "verify",
]
