"""Figures by name, drawn from runs, with provenance in the file.

registry     what each figure shows
source       the runs that figures are drawn from
provenance   metadata in PNG, PDF and SVG files
"""

from jaxae.drawing.registry import (
    AFTER_TRAINING,
    FIGURES,
    OF_ONE_RUN,
    MissingFigureError,
    Options,
    draw,
    verify,
)
from jaxae.drawing.source import Source, first_run, seed_folders

__all__ = [
    "AFTER_TRAINING",
    "FIGURES",
    "OF_ONE_RUN",
    "MissingFigureError",
    "Options",
    "Source",
    "draw",
    "first_run",
    "seed_folders",
    "verify",
]
