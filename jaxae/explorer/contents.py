"""What the page knows of the data set and of each run, as JSON."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_hex

from jaxae import analysis
from jaxae.analysis import Embedding
from jaxae.drawing import Options, Source, folders_of
from jaxae.drawing.source import Sources, check_plane
from jaxae.explorer.arrays import packed
from jaxae.explorer.network import Layer, layers_of
from jaxae.explorer.pictures import images_of, spread
from jaxae.explorer.rounding import rounded
from jaxae.geometry import log_magnification
from jaxae.latent import Box, grid_points
from jaxae.plots.colours import class_colours

Array = npt.NDArray[Any]

_PIXELS = 4_000_000  # of all images in the file: 5,102 images of MNIST
_LEVELS = 2**14  # of a coordinate, over the extent of the cloud
_FITTED, _CHECKED = 8000, 2000  # images and points on which kernels are rounded
_Z_TOLERANCE = 5e-3  # as a fraction of the cloud's extent
_PIXEL_TOLERANCE = 1.5e-3  # of 1
_MAGNIFIED = 2000  # embeddings over which the median of the magnification is taken
_LATTICE = 256  # points along each side at which the page knows whether they lie in a gap


def contents(sources: Sources, max_points: int) -> dict[str, Any]:
    """Describe one or two runs of the same data set.

    Raises:
      ValueError: the data sets differ, or a run has one latent dimension, or is damaged.
    """
    first = sources[0]
    for source in sources:
        check_plane(source)
        if source.run.config.data.checksum != first.run.config.data.checksum:
            raise ValueError(
                f"{first.path} and {source.path} were trained on different data; expected two runs "
                "of one data set"
            )
    dataset, total = first.dataset, len(first.embedding.z)
    rows = np.arange(total)
    if total > max_points:
        rows = np.sort(np.random.default_rng(0).choice(total, max_points, replace=False))
    clouds = [source.embedding.points[rows] for source in sources]
    pictured = spread(clouds, max(1, _PIXELS // math.prod(dataset.image_shape)))
    colours = class_colours(len(dataset.class_names))
    return {
        "dataset": dataset.name,
        "classes": [
            {"name": name, "colour": to_hex(colour)}
            for name, colour in zip(dataset.class_names, colours, strict=True)
        ],
        "imageShape": list(dataset.image_shape),
        "total": total,
        "train": len(dataset.train),
        # Without a sample, the numbers of the examples need not be listed.
        "rows": packed(rows.astype(np.uint32)) if len(rows) < total else None,
        "labels": packed(_smallest(first.embedding.labels[rows])),
        "pictured": packed(pictured.astype(np.uint32)),
        "pictures": packed(images_of(dataset, rows[pictured])),
        "sides": [
            _side(source, folder, rows)
            for source, folder in zip(sources, folders_of(sources), strict=True)
        ],
    }


def _side(source: Source, folder: str, rows: npt.NDArray[np.intp]) -> dict[str, Any]:
    embedding = source.embedding
    z, plane = embedding.z, embedding.plane
    low, extent = z.min(axis=0), float(np.ptp(z, axis=0).max()) or 1.0
    step = extent / (_LEVELS - 1)
    box = Options().box_for(embedding)
    radius = analysis.gap_radius(box)
    around = _around(embedding.points, box, radius)
    encoder, decoder = layers_of(embedding.model)
    rng = np.random.default_rng(0)
    return {
        "name": folder,
        "model": source.name,
        "epoch": source.snapshot.epoch,
        "z": packed(np.round((z[rows] - low) / step).astype(np.uint16).T),
        "origin": low.tolist(),
        "step": step,
        "plane": {
            "origin": plane.origin.tolist(),
            "axes": plane.axes.tolist(),
            "isPca": plane.is_pca,
        },
        "box": list(box),
        "radius": radius,
        "magnification": _magnification(embedding),
        "gaps": _gaps(embedding, around, radius),
        "entropy": _entropy(embedding),
        "encoder": _encoder(encoder, embedding, extent, rng),
        "decoder": _decoder(decoder, embedding, around, rng),
    }


def _around(points: Array, box: Box, radius: float) -> Box:
    # A rectangle around the cloud and the sampling box; outside of it all is a gap.
    low = np.minimum(points.min(axis=0), (box.x_min, box.y_min))
    high = np.maximum(points.max(axis=0), (box.x_max, box.y_max))
    margin = max(0.1 * float((high - low).max()), radius)
    (x_min, y_min), (x_max, y_max) = low - margin, high + margin
    return Box(float(x_min), float(x_max), float(y_min), float(y_max))


def _gaps(embedding: Embedding, around: Box, radius: float) -> dict[str, Any]:
    points = grid_points(around, _LATTICE).reshape(-1, 2)
    distance = analysis.distance_to_nearest(embedding.plane.lift(points), embedding.z)
    mask = (distance > radius).astype(np.uint8).reshape(_LATTICE, _LATTICE)
    return {"box": list(around), "mask": packed(mask)}


def _entropy(embedding: Embedding) -> dict[str, Any] | None:
    try:
        bits = analysis.entropy_map(embedding.points, embedding.labels, embedding.percentile_box)
    except analysis.UndefinedError:
        return None
    most = math.log2(max(2, len(embedding.dataset.class_names)))
    levels = np.where(np.isnan(bits), 255, np.round(bits / most * 254)).astype(np.uint8)
    return {"box": list(embedding.percentile_box), "most": most, "levels": packed(levels)}


def _magnification(embedding: Embedding) -> float | None:
    """Return the median of ½ log det G, or None if the latent space is not a plane."""
    z = embedding.z[:: max(1, len(embedding.z) // _MAGNIFIED)]
    if z.shape[1] != 2:
        return None
    return float(np.median(log_magnification(embedding.model.decoder, z)))


def _encoder(
    layers: list[Layer], embedding: Embedding, extent: float, rng: np.random.Generator
) -> list[dict[str, Any]]:
    total = len(embedding.z)
    chosen = rng.choice(total, min(total, _FITTED + _CHECKED), replace=False)
    images = images_of(embedding.dataset, np.sort(chosen)) / np.float32(255)
    # Shuffled, since the rows were sorted.
    flat = rng.permutation(images.reshape(len(images), -1))
    fitted, checked = flat[_CHECKED:], flat[:_CHECKED]
    fitted = fitted if len(fitted) else flat
    found, step = rounded(layers, fitted, checked, extent * _Z_TOLERANCE, damping=1e-2)
    return [as_json(layer, step) for layer in found]


def _decoder(
    layers: list[Layer], embedding: Embedding, around: Box, rng: np.random.Generator
) -> list[dict[str, Any]]:
    def anywhere(n: int) -> Array:
        low, high = (around.x_min, around.y_min), (around.x_max, around.y_max)
        in_plane = embedding.plane.lift(rng.uniform(low, high, (n, 2)))
        return np.concatenate([in_plane, rng.choice(embedding.z, n)]).astype(np.float32)

    fitted, checked = anywhere(_FITTED // 2), anywhere(_CHECKED // 2)
    found, step = rounded(layers, fitted, checked, _PIXEL_TOLERANCE, damping=1e-6)
    return [as_json(layer, step) for layer in found]


def as_json(layer: Layer, step: float) -> dict[str, Any]:
    """Describe a layer, with its kernel as multiples of a step if it has been rounded to these."""
    whole = layer.kernel / np.float32(step)
    is_rounded = bool(np.all(whole == np.round(whole)))
    return {
        "kernel": packed(_smallest(whole.astype(np.int64)) if is_rounded else layer.kernel),
        "step": step if is_rounded else 1.0,
        "bias": packed(layer.bias),
        "activation": layer.activation,
        "patches": layer.patches,
        "shuffled": layer.shuffled,
    }


def _smallest(array: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Return whole numbers in the smallest type that holds them."""
    types = (np.uint8, np.int8, np.uint16, np.int16, np.int32)
    low, high = int(array.min()), int(array.max())
    fits = (t for t in types if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    return array.astype(next(fits))
