"""The source of a figure: a run, or a study of several seeds, read once."""

import copy
import dataclasses
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from jaxae.analysis import Classifier, Embedding, classifier_of
from jaxae.config import Checkpoint, RunConfig
from jaxae.data import Dataset
from jaxae.drawing.provenance import parameters_hash
from jaxae.models import AutoencoderLike
from jaxae.runs import Run, seed_folders
from jaxae.training import EpochMetrics


class MissingFigureError(ValueError):
    """The runs are intact, but this figure is not defined for them."""


class Snapshot(NamedTuple):
    """A run as it was when it was read; it may have been trained further since.

    Attributes:
      model: the model, with the parameters of a checkpoint.
      epoch: the number of epochs that the checkpoint was trained for.
      parameters: hash of the parameters.
      history: the rows of metrics.jsonl.
    """

    model: AutoencoderLike
    epoch: int
    parameters: str
    history: list[EpochMetrics]


class Source:
    """The folder of a run, or of a study, which holds one run per seed.

    Everything is read on first access and then kept, so that a figure and its provenance come from
    the same reading.

    Attributes:
      path: the folder.
      mesh: devices of this process to compute on; by default all.
      checkpoint: the checkpoint that parameters are loaded from, as for `Run.load_model`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        mesh: Mesh | None = None,
        *,
        data: Dataset | str | Path | None = None,
        checkpoint: Checkpoint = "newest",
    ):
        """Store the arguments; nothing is read yet.

        Args:
          path: the folder.
          mesh: devices of this process to compute on; by default all.
          data: the data set, or where it is now, as for `jaxae.load_dataset`; by default where it
            was when the run was trained.
          checkpoint: the checkpoint to load parameters from, as for `Run.load_model`.
        """
        self.path = Path(path)
        self.mesh = mesh
        self._data = data
        self.checkpoint = checkpoint

    @cached_property
    def runs(self) -> list[Run]:
        """The runs of a study in order of seed, or the single run.

        Raises:
          ValueError: the folder is neither a run nor a study, or is damaged.
        """
        is_run = (self.path / "config.json").is_file()
        seeds = [] if is_run else seed_folders(self.path)
        return [Run.open(path) for path in seeds or [self.path]]

    @property
    def run(self) -> Run:
        """The single run.

        Raises:
          ValueError: the folder is not a run, or is damaged.
        """
        first = self.runs[0]
        # Of a study, `open` raises an error that names its runs.
        return first if first.path == self.path else Run.open(self.path)

    @cached_property
    def snapshots(self) -> list[Snapshot]:
        """The state of each run.

        Raises:
          ValueError: a run has no checkpoint, or is damaged.
        """
        found = []
        for run in self.runs:
            state = run.load_state(self.checkpoint)
            model = run.make_model(state.params, mesh=self.mesh)
            found.append(Snapshot(model, int(state.epoch), parameters_hash(model), run.history()))
        return found

    @property
    def snapshot(self) -> Snapshot:
        """The state of the single run.

        Raises:
          ValueError: the folder is not a run, or is damaged.
        """
        return self.snapshots[self.runs.index(self.run)]

    @property
    def is_study(self) -> bool:
        """Whether the folder is a study."""
        return self.runs[0].path != self.path

    @cached_property
    def dataset(self) -> Dataset:
        """The data set that the run, or each run of the study, was trained on.

        Raises:
          ValueError: the folder is neither a run nor a study, or its data moved or changed.
        """
        if isinstance(self._data, Dataset):
            self.runs[0].check_dataset(self._data)
            return self._data
        return self.runs[0].load_dataset(self._data)

    @cached_property
    def embedding(self) -> Embedding:
        """The model's embedding of the data set that it was trained on.

        Raises:
          ValueError: the folder is not a run, or its data moved or changed.
        """
        return Embedding(self.snapshot.model, self.dataset)

    @cached_property
    def classifier(self) -> Classifier | None:
        """A classifier of the run's data set; None for a data set of one class."""
        return classifier_of(self.dataset)

    def labels_of(self, classes: Iterable[str]) -> list[int]:
        """Return the labels of some classes, each given by its name or, failing that, its label.

        Raises:
          ValueError: there is no such class, or a split has no image of any of them.
        """
        names = self.dataset.class_names
        # A name has precedence over a number.
        known = {str(label): label for label in range(len(names))}
        known |= {name: label for label, name in enumerate(names)}
        if unknown := [name for name in classes if name not in known]:
            raise ValueError(
                f"{self.path} has no class {unknown[0]!r}; expected some of {', '.join(names)}"
            )
        found = sorted({known[name] for name in classes})
        for split, images in ((self.dataset.train, "training"), (self.dataset.test, "test")):
            if not np.isin(split.labels, found).any():
                chosen = ", ".join(names[label] for label in found)
                raise ValueError(f"{self.path} has no {images} image of {chosen}; add a class")
        return found

    def of_classes(self, classes: Iterable[str]) -> "Source":
        """Return this source with only the images of some classes in its embedding.

        The plane, the parameters and the classifier are those of the whole data set.

        Raises:
          ValueError: as for `labels_of` and `embedding`.
        """
        shown = copy.copy(self)
        # Takes the place of the cached property.
        shown.__dict__["embedding"] = self.embedding.of_labels(self.labels_of(classes))
        return shown

    @property
    def histories(self) -> list[list[EpochMetrics]]:
        """The metrics of each run."""
        return [snapshot.history for snapshot in self.snapshots]

    @property
    def name(self) -> str:
        """Name of the model in figures."""
        config = self.runs[0].config
        words = {
            "convolutional": config.model.architecture == "conv",
            "variational": config.model.model == "vae",
            "flattened": config.train.flatten > 0,
        }
        return ", ".join(word for word, applies in words.items() if applies) or "autoencoder"

    def provenance(self, file: Path) -> dict[str, Any]:
        """Return a description of the runs, with the path relative to a figure's file."""
        # The default is left out, as in figures that were drawn before there was a choice.
        chosen = {} if self.checkpoint == "newest" else {"checkpoint": self.checkpoint}
        return {
            "path": Path(os.path.relpath(self.path.resolve(), file.resolve().parent)).as_posix(),
            **chosen,
            "runs": [
                {"config": _settings(run.config), "parameters": snapshot.parameters}
                for run, snapshot in zip(self.runs, self.snapshots, strict=True)
            ],
        }


Sources = Sequence[Source]


def check_plane(source: Source) -> None:
    """Raise MissingFigureError unless a run has two latent dimensions or more."""
    if len(source.embedding.plane.axes) < 2:
        raise MissingFigureError(f"{source.path}: one latent dimension has no plane")


def _settings(config: RunConfig) -> dict[str, Any]:
    # The settings that determine the result. The path of the data does not.
    return {
        "model": dataclasses.asdict(config.model),
        "train": dataclasses.asdict(config.train),
        "data": {"name": config.data.name, "checksum": config.data.checksum},
    }
