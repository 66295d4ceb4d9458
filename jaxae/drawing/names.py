"""Names of sources: different ones in a figure, and in the name of its file."""

from jaxae._utils.text import printable
from jaxae.config import Checkpoint
from jaxae.drawing.source import Sources

# What the name of a run is followed by, for each checkpoint.
_SUFFIXES: dict[Checkpoint, str] = {"newest": "", "best": ", best epoch"}


def names_of(sources: Sources) -> list[str]:
    """Return a different name for each source, to show in a figure that compares them.

    The names are those of the models where these differ, otherwise those of the folders, with the
    checkpoint unless it is the newest.
    """
    names = [source.name for source in sources]
    if len(set(names)) < len(names):
        names = [
            folder + _SUFFIXES.get(source.checkpoint, f", epoch {source.checkpoint}")
            for folder, source in zip(folders_of(sources), sources, strict=True)
        ]
    # Matplotlib would typeset what is between two dollar signs.
    return [printable(name).replace("$", r"\$") for name in names]


def folders_of(sources: Sources) -> list[str]:
    """Return the folders' names, with as many parents as it takes for them to differ."""
    paths = [source.path.resolve().parts for source in sources]
    depth = 1
    while len({path[-depth:] for path in paths}) < len(set(paths)):
        depth += 1
    return ["/".join(path[-depth:]) for path in paths]
