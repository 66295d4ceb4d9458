"""Draw a figure into a file together with its provenance, and verify such a file."""

import dataclasses
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure

from jaxae._utils.text import did_you_mean
from jaxae.analysis import UndefinedError
from jaxae.config import BoxName, ModelConfig, TrainConfig, Width
from jaxae.drawing.options import Options
from jaxae.drawing.provenance import (
    Provenance,
    check_suffix,
    metadata_for,
    read_provenance,
    versions,
)
from jaxae.drawing.registry import FIGURES, check_defined
from jaxae.drawing.source import MissingFigureError, Source
from jaxae.plots import save_figure
from jaxae.plots.colours import class_colours


def draw(
    name: str,
    sources: Sequence[Source | str | os.PathLike[str]],
    path: str | os.PathLike[str],
    *,
    box: BoxName | None = None,
    classes: Sequence[str] | None = None,
    palette: str | None = None,
    width: Width | None = None,
    dpi: int | None = None,
) -> None:
    """Draw a figure into a file, with its provenance in the file's metadata.

    Args:
      name: a key of `FIGURES`.
      sources: the runs or studies to draw from, or their folders. A `Source` is read only once, for
        any number of figures.
      path: the file; its suffix, .png, .pdf or .svg, chooses the format.
      box: `Options.box`, as are `classes`, `palette`, `width` and `dpi`.

    Raises:
      MissingFigureError: the figure is not defined for these runs.
      ValueError: an unknown name or option, or a damaged run.
      OSError: the file cannot be written.

    Example:
      >>> jaxae.draw("latent", ["runs/mnist"], "latent.png", classes=["0", "1"], width="column")
    """
    path = Path(path)
    check_suffix(path.suffix)
    opened = [source if isinstance(source, Source) else Source(source) for source in sources]
    if isinstance(classes, str):
        raise ValueError(f"classes is {classes!r}; expected a list of names")
    chosen = None if classes is None else tuple(map(str, classes))
    options = Options(box, chosen, palette, width, dpi)
    check([name], opened, options)
    if not FIGURES[name].of_classes:
        options = dataclasses.replace(options, classes=None)
    provenance = _provenance(name, opened, options, path)
    _write(name, opened, options, path, metadata_for(path.suffix, provenance))


def check(names: Iterable[str], sources: Sequence[Source], options: Options) -> None:
    """Raise ValueError unless figures, runs and classes exist, and each class has a colour."""
    for name in names:
        if name not in FIGURES:
            hint = did_you_mean(name, FIGURES)
            raise ValueError(f"unknown figure {name!r}; expected one of {', '.join(FIGURES)}{hint}")
    seen = set()
    for source in sources:
        chosen = (*(run.path.resolve() for run in source.runs), source.checkpoint)
        if chosen in seen:
            raise ValueError(f"{source.path} is given twice; expected different runs")
        seen.add(chosen)
        if options.classes:
            source.labels_of(options.classes)
        if options.palette:
            class_colours(len(source.dataset.class_names), options.palette)


def verify(path: str | os.PathLike[str], *, data: str | Path | None = None) -> list[str]:
    """Redraw a figure from the provenance in its file, and compare.

    Args:
      path: the figure's file.
      data: where the data of its runs are now, as for `jaxae.load_dataset`; by default where they
        were.

    Returns:
      What differs, in words; empty if the redrawn file is the same byte for byte.

    Raises:
      ValueError: the file has no provenance, or its runs or their data are missing or damaged.

    Example:
      >>> jaxae.draw("grid", ["runs/mnist"], "grid.pdf")
      >>> jaxae.verify("grid.pdf")
      []
    """
    path = Path(path)
    before = read_provenance(path)
    try:
        name, options = before["figure"], Options.from_json(before["options"])
        if name not in FIGURES:
            raise ValueError(f"figure {name!r} is unknown")
        sources = [
            Source(
                path.parent / source["path"],
                data=data,
                checkpoint=source.get("checkpoint", "newest"),
            )
            for source in before["sources"]
        ]
        runs_before = [[_in_full(run) for run in source["runs"]] for source in before["sources"]]
        versions_before = before["versions"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} has provenance in a format that this version does not read: {error}"
        ) from None
    check([name], sources, options)
    now = _provenance(name, sources, options, path)
    found = [
        f"{source.path} has other settings or parameters than it had"
        for source, runs, current in zip(sources, runs_before, now["sources"], strict=True)
        if runs != [_in_full(run) for run in current["runs"]]
    ]
    found += [
        f"{package} is {version}, was {versions_before.get(package)}"
        for package, version in now["versions"].items()
        if version != versions_before.get(package)
    ]
    with tempfile.TemporaryDirectory() as folder:
        redrawn = Path(folder) / path.name
        # With the provenance of the original, so that only the drawing can differ.
        _write(name, sources, options, redrawn, metadata_for(path.suffix, before))
        if redrawn.read_bytes() != path.read_bytes():
            found.append("the drawing differs")
    return found


def _in_full(run: Provenance) -> Provenance:
    # With defaults for the settings that an older version did not have.
    config = run["config"]
    settings = {"model": ModelConfig(**config["model"]), "train": TrainConfig(**config["train"])}
    return run | {"config": config | settings}


def _write(
    name: str, sources: Sequence[Source], options: Options, path: Path, metadata: dict[str, str]
) -> None:
    look = "jaxae.slide" if options.width == "slide" else "jaxae.paper"
    # Whatever the user's rcParams are, so that the file can be redrawn.
    with style.context(look, after_reset=True):
        save_figure(_drawn(name, sources, options), path, metadata, dpi=options.dpi)


def _drawn(name: str, sources: Sequence[Source], options: Options) -> Figure:
    drawing = FIGURES[name]
    check_defined(name, sources)
    if options.classes:
        sources = [source.of_classes(options.classes) for source in sources]
    try:
        return drawing.function(sources, options)
    except UndefinedError as error:
        paths = " and ".join(str(source.path) for source in sources)
        raise MissingFigureError(f"{paths}: {error}") from error


def _provenance(name: str, sources: Sequence[Source], options: Options, path: Path) -> Provenance:
    return {
        "figure": name,
        "options": options.as_json(),
        "sources": [source.provenance(path) for source in sources],
        "versions": versions(),
    }
