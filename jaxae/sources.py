"""What figures are drawn from: a run, or a study of several, opened once and kept."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any

from jax.sharding import Mesh

from jaxae.analysis import Classifier
from jaxae.embedding import Embedding
from jaxae.fitting import EpochMetrics
from jaxae.measuring import classifier_of
from jaxae.provenance import parameters_hash
from jaxae.runs import Run


class Source:
    """A run's folder, or that of a study, which holds a run for each seed.

    Attributes:
      path: the folder.
      mesh: the devices to compute on, of this process; by default all.
    """

    def __init__(self, path: Path, mesh: Mesh | None = None):
        """Open nothing yet."""
        self.path = path
        self.mesh = mesh

    @cached_property
    def run(self) -> Run:
        """The run.

        Raises:
          ValueError: the folder is no run, or damaged.
        """
        return Run.open(self.path)

    @cached_property
    def runs(self) -> list[Run]:
        """A study's runs, in order of their seeds; a run itself is a study of one."""
        seeds = sorted(self.path.glob("seed-*"), key=lambda path: int(path.name.split("-")[1]))
        return [Run.open(path) for path in seeds] or [self.run]

    @cached_property
    def embedding(self) -> Embedding:
        """The run's model with the data that it was trained on."""
        return Embedding(self.run.load_model(mesh=self.mesh), self.run.load_dataset())

    @cached_property
    def classifier(self) -> Classifier | None:
        """Of the run's data set."""
        return classifier_of(self.embedding.dataset)

    @property
    def histories(self) -> list[list[EpochMetrics]]:
        """The metrics of each run."""
        return [run.history() for run in self.runs]

    @property
    def name(self) -> str:
        """What the model is called in figures."""
        names = {"ae": "autoencoder", "vae": "variational", "conv": "convolutional"}
        return names[self.runs[0].model_config.model]

    def provenance(self, file: Path) -> dict[str, Any]:
        """Say what this is, with its path as seen from a figure's file."""
        return {
            "path": Path(os.path.relpath(self.path.resolve(), file.resolve().parent)).as_posix(),
            "runs": [
                {
                    "config": run.settings(),
                    "parameters": parameters_hash(run.load_model()),
                }
                for run in self.runs
            ],
        }
