"""Draw a run's four figures into a folder."""

from pathlib import Path
from typing import Literal

import numpy as np

from jaxae import plots
from jaxae.data import Dataset, Split
from jaxae.fitting import EpochMetrics
from jaxae.latent import decode, encode, latent_grid
from jaxae.models import Autoencoder
from jaxae.plane import LECTURE_BOX, fitted_box, latent_plane
from jaxae.style import save_figure

Format = Literal["png", "pdf", "svg"]


def draw_figures(
    model: Autoencoder,
    dataset: Dataset,
    history: list[EpochMetrics],
    folder: Path,
    *,
    format: Format = "png",
    fit_box: bool = False,
) -> list[Path]:
    """Draw latent, grid, reconstructions and curve.

    Args:
      model: the trained autoencoder.
      dataset: all of its images, training and test, are embedded and shown.
      history: the metrics of each epoch, for the curve.
      folder: where the files go, named `latent`, `grid`, `reconstructions` and `curve`.
      format: the files' format.
      fit_box: sample the box from the cloud's 1st to 99th percentile, not the lecture's.

    Returns:
      The files' paths.

    Raises:
      OSError: the folder cannot be written.
    """
    z = np.concatenate([encode(model, split.images) for split in (dataset.train, dataset.test)])
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    plane = latent_plane(z)
    box = fitted_box(plane.project(z)) if fit_box else LECTURE_BOX
    shown = dataset.test.images[_first_of_each_class(dataset.test)]
    figures = {
        "latent": plots.latent_scatter(z, labels, dataset.class_names, plane=plane, box=box),
        "grid": plots.reconstruction_grid(latent_grid(model, box, plane=plane), box, plane=plane),
        "reconstructions": plots.reconstructions(shown, decode(model, encode(model, shown))),
        "curve": plots.training_curve(history),
    }
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.{format}")
        save_figure(figure, paths[-1])
    return paths


def _first_of_each_class(split: Split, at_most: int = 20) -> list[int]:
    _, first = np.unique(split.labels, return_index=True)
    return [int(index) for index in first[:at_most]]
