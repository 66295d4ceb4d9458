"""The registry of figures: their names, what draws them, and what they are drawn from."""

from collections.abc import Callable
from typing import NamedTuple

from matplotlib.figure import Figure

from jaxae.drawing import clouds, curves, geometry, tiles
from jaxae.drawing.options import Options
from jaxae.drawing.source import MissingFigureError, Sources


class Drawing(NamedTuple):
    """A figure of the registry.

    Attributes:
      function: draws the figure from its sources, as the options say.
      least: smallest number of sources.
      most: largest number of sources.
      of_studies: whether the sources are studies rather than single runs.
      of_classes: whether it shows classes, and can be restricted to some of them.
      after_training: whether the figure is drawn at the end of training.
    """

    function: Callable[[Sources, Options], Figure]
    least: int = 1
    most: int = 1
    of_studies: bool = False
    of_classes: bool = True
    after_training: bool = False


# In the order in which they are drawn.
FIGURES = {
    "latent": Drawing(clouds.latent, after_training=True),
    "grid": Drawing(tiles.grid, after_training=True),
    "reconstructions": Drawing(tiles.reconstructions, after_training=True),
    "curve": Drawing(curves.curve, of_classes=False, after_training=True),
    "coverage": Drawing(tiles.coverage),
    "entropy": Drawing(clouds.entropy),
    "gaps": Drawing(tiles.gaps),
    "interpolation": Drawing(tiles.interpolation, most=4),
    "magnification": Drawing(geometry.magnification),
    "geodesics": Drawing(geometry.geodesics),
    "prior": Drawing(tiles.prior, of_classes=False),
    "ae_vae": Drawing(clouds.ae_vae, least=2, most=2),
    "seeds": Drawing(curves.seeds, most=4, of_studies=True, of_classes=False),
}
AFTER_TRAINING = tuple(name for name, drawing in FIGURES.items() if drawing.after_training)


def figures_for(sources: Sources) -> tuple[str, ...]:
    """Return the names of the figures of one run, or of those that compare these runs or studies.

    Raises:
      ValueError: a folder is neither a run nor a study, or is damaged.
    """
    studies = any(source.is_study for source in sources)
    return tuple(
        name
        for name, drawing in FIGURES.items()
        if drawing.of_studies == studies and drawing.least <= len(sources) <= drawing.most
    )


def check_defined(name: str, sources: Sources) -> None:
    """Raise MissingFigureError unless a figure is drawn from as many sources, and of this kind."""
    drawing, given = FIGURES[name], len(sources)
    if not drawing.least <= given <= drawing.most:
        least, most = drawing.least, drawing.most
        expected = f"{least}" if least == most else f"{least} to {most}"
        raise MissingFigureError(
            f"{given} {'run was' if given == 1 else 'runs were'} given; expected {expected}"
        )
    if not drawing.of_studies:
        for source in (source for source in sources if source.is_study):
            raise MissingFigureError(
                f"{source.path} is a study; expected one of its runs, such as {source.runs[0].path}"
            )
