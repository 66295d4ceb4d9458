"""Every figure by its name: what it shows of which runs, saved with its provenance, verified."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from jaxae import analysis, plots
from jaxae.data import Split
from jaxae.drawing.provenance import metadata_for, read_provenance, versions
from jaxae.drawing.source import Source
from jaxae.latent import LECTURE_BOX, Box, decode, encode, interpolate, latent_grid
from jaxae.models import VariationalAutoencoder
from jaxae.plots import save_figure

Sources = Sequence[Source]


class MissingFigureError(ValueError):
    """These runs have no such figure, whole as they are."""


class Options(NamedTuple):
    """How to draw.

    Attributes:
      fit_box: decode grids on the cloud's own 1st to 99th percentile, not on the lecture's box.
    """

    fit_box: bool = False

    def box(self, source: Source) -> Box:
        """The box to sample."""
        return source.embedding.percentile_box if self.fit_box else LECTURE_BOX


def latent(sources: Sources, options: Options) -> Figure:
    """Every embedding, coloured by class, with the sampling box and its grid."""
    own = sources[0].embedding
    return plots.latent_scatter(
        own.z,
        own.labels,
        own.dataset.class_names,
        plane=own.plane,
        box=options.box(sources[0]),
    )


def grid(sources: Sources, options: Options) -> Figure:
    """The box, decoded on a 12×12 grid."""
    own, box = sources[0].embedding, options.box(sources[0])
    return plots.reconstruction_grid(
        latent_grid(own.model, box, plane=own.plane), box, plane=own.plane
    )


def reconstructions(sources: Sources, options: Options) -> Figure:
    """A test image of each class above its reconstruction."""
    own = sources[0].embedding
    shown = own.dataset.test.images[_first_of_each_class(own.dataset.test)]
    return plots.reconstructions(shown, decode(own.model, encode(own.model, shown)))


def curve(sources: Sources, options: Options) -> Figure:
    """Training and test loss against the epoch."""
    return plots.training_curve(sources[0].snapshot.history)


def coverage(sources: Sources, options: Options) -> Figure:
    """The grid once more, each tile's frame tinted by its distance from any embedding."""
    own, box = sources[0].embedding, options.box(sources[0])
    tiles = own.tiles(_needs_plane(sources[0], box))
    n = int(np.sqrt(len(tiles.images)))
    covered = 1 - analysis.gap_fraction(own.z, own.plane, box, tiles.radius)
    return plots.coverage_grid(
        tiles.images.reshape(n, n, *tiles.images.shape[1:]),
        tiles.distance.reshape(n, n),
        tiles.radius,
        covered,
        box,
    )


def entropy(sources: Sources, options: Options) -> Figure:
    """Where classes are in disorder: the labels' entropy over the cloud's own box."""
    own = sources[0].embedding
    box = _needs_plane(sources[0], own.percentile_box)
    found = analysis.entropy_map(own.points, own.labels, box)
    return plots.entropy_map(found, box, len(own.dataset.class_names), plane=own.plane)


def gaps(sources: Sources, options: Options) -> Figure:
    """Tiles in gaps beside tiles among embeddings, with the classifier's confidence."""
    own, classifier = sources[0].embedding, sources[0].classifier
    if classifier is None:
        raise MissingFigureError(f"{sources[0].path}: one class; a classifier needs two or more")
    tiles = own.tiles(options.box(sources[0]))
    confidence = classifier.predict(tiles.images).confidence
    train_images = np.asarray(own.dataset.train.images)
    distance = analysis.nearest_image_distance(tiles.images, train_images)
    return plots.gap_tiles(tiles.images, tiles.in_gap, confidence, distance)


def interpolation(sources: Sources, options: Options) -> Figure:
    """The straight way from a test image of the first class to one of the second, by each model."""
    strips = {}
    for source in sources:
        test = source.embedding.dataset.test
        rows = _first_of_each_class(test)
        start, end = test.images[rows[0]], test.images[rows[min(1, len(rows) - 1)]]
        strips[source.name] = interpolate(source.embedding.model, start, end, steps=16)
    return plots.interpolations(strips)


def prior(sources: Sources, options: Options) -> Figure:
    """Images decoded from 144 points of a variational model's prior, N(0, I)."""
    model = sources[0].embedding.model
    if not isinstance(model, VariationalAutoencoder):
        raise MissingFigureError(f"{sources[0].path} has no prior; expected a run of --model vae")
    z = np.random.default_rng(0).normal(size=(144, model.latent_dim))
    return plots.image_grid(decode(model, z))


def ae_vae(sources: Sources, options: Options) -> Figure:
    """Two models side by side: cloud, grid of the cloud's own box, and the gaps in it."""
    sides = []
    for source in sources:
        own, classifier = source.embedding, source.classifier
        box = _needs_plane(source, own.percentile_box)
        tiles = own.tiles(box)
        share = analysis.gap_fraction(own.z, own.plane, box, tiles.radius)
        caption = f"{share:.1%} of the box in gaps"
        if classifier is not None and tiles.in_gap.any():
            confidence = classifier.predict(tiles.images[tiles.in_gap]).confidence
            caption += f", confidence there {confidence.mean():.2f}"
        images = latent_grid(own.model, box, plane=own.plane)
        sides.append(plots.Side(source.name, own.z, own.plane, box, images, caption))
    own = sources[0].embedding
    return plots.side_by_side(sides, own.labels, own.dataset.class_names)


def seeds(sources: Sources, options: Options) -> Figure:
    """Test loss over the epochs of each study's seeds: mean and band."""
    return plots.seed_curves({source.name: source.histories for source in sources})


class Drawing(NamedTuple):
    """A figure's function, and how many runs it is drawn from at least and at most."""

    function: Callable[[Sources, Options], Figure]
    least: int = 1
    most: int = 1


# In the order in which they are drawn; the first four are what training draws.
FIGURES = {
    "latent": Drawing(latent),
    "grid": Drawing(grid),
    "reconstructions": Drawing(reconstructions),
    "curve": Drawing(curve),
    "coverage": Drawing(coverage),
    "entropy": Drawing(entropy),
    "gaps": Drawing(gaps),
    "interpolation": Drawing(interpolation, most=4),
    "prior": Drawing(prior),
    "ae_vae": Drawing(ae_vae, least=2, most=2),
    "seeds": Drawing(seeds, most=4),
}
AFTER_TRAINING = ("latent", "grid", "reconstructions", "curve")
OF_ONE_RUN = tuple(name for name, drawing in FIGURES.items() if drawing.least == 1)[:-1]


def draw(
    name: str,
    sources: Sequence[Source | str | os.PathLike[str]],
    path: str | os.PathLike[str],
    options: Options | None = None,
) -> None:
    """Draw a figure into a file, with what it was drawn from in its metadata.

    Args:
      name: a key of `FIGURES`.
      sources: the runs, or studies, to draw from, or their folders; several figures of one `Source`
        read it once.
      path: the file; its suffix, .png, .pdf or .svg, chooses the format.
      options: how to draw; `Options()` if not given.

    Raises:
      MissingFigureError: the runs have no such figure.
      ValueError: an unknown name, too few or too many runs, or a run that is damaged.
      OSError: the file cannot be written.
    """
    options, path = options or Options(), Path(path)
    opened = [source if isinstance(source, Source) else Source(source) for source in sources]
    figure = _drawn(name, opened, options)
    save_figure(figure, path, metadata_for(path.suffix, _origin(name, opened, options, path)))


def verify(path: str | os.PathLike[str], *, data: str | Path | None = None) -> list[str]:
    """Draw a figure's file again, from what it says it was drawn from, and compare.

    Args:
      path: the figure's file.
      data: where the runs' data are now, as `load_dataset` takes it; by default where they were.

    Returns:
      What differs, in words; empty if it is the same, byte for byte.

    Raises:
      ValueError: the file does not say what it was drawn from, or that is not there any more.
    """
    path = Path(path)
    said = read_provenance(path)
    try:
        name, options = said["figure"], Options(**said["options"])
        sources = [
            Source(
                path.parent / source["path"],
                data=data,
                checkpoint=source.get("checkpoint", "newest"),
            )
            for source in said["sources"]
        ]
        before = [source["runs"] for source in said["sources"]], said["versions"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} says what it was drawn from in another way: {error}") from None
    figure = _drawn(name, sources, options)
    now = _origin(name, sources, options, path)
    found = [
        f"{source.path} has other settings or parameters than it had"
        for source, old, new in zip(sources, before[0], now["sources"], strict=True)
        if old != new["runs"]
    ]
    old, new = before[1], now["versions"]
    found += [f"{key} is {new[key]}, was {old.get(key)}" for key in new if new[key] != old.get(key)]
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / path.name
        # With the file's own words in it, so that only the drawing can differ.
        save_figure(figure, again, metadata_for(path.suffix, said))
        if again.read_bytes() != path.read_bytes():
            found.append("the drawing differs")
    return found


def _drawn(name: str, sources: Sources, options: Options) -> Figure:
    if name not in FIGURES:
        raise ValueError(f"unknown figure {name!r}; expected one of {', '.join(FIGURES)}")
    drawing = FIGURES[name]
    if not drawing.least <= len(sources) <= drawing.most:
        expected = f"{drawing.least} to {drawing.most}"
        raise ValueError(f"{name} from {len(sources)} runs; expected {expected}")
    try:
        return drawing.function(sources, options)
    except analysis.UndefinedError as error:
        paths = " and ".join(str(source.path) for source in sources)
        raise MissingFigureError(f"{paths}: {error}") from error


def _origin(name: str, sources: Sources, options: Options, path: Path) -> dict[str, Any]:
    return {
        "figure": name,
        "options": options._asdict(),
        "sources": [source.provenance(path) for source in sources],
        "versions": versions(),
    }


def _needs_plane(source: Source, box: Box) -> Box:
    if len(source.embedding.plane.axes) < 2:
        raise MissingFigureError(f"{source.path}: one latent dimension has no plane")
    return box


def _first_of_each_class(split: Split, at_most: int = 20) -> list[int]:
    _, first = np.unique(split.labels, return_index=True)
    return [int(index) for index in first[:at_most]]
