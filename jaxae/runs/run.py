"""A run's folder: create it, open it, load its model and its data."""

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import jax
from flax import nnx
from jax.sharding import Mesh

from jaxae._utils.locking import LOCK_NAME
from jaxae.config import Checkpoint, CheckpointConfig, RunConfig
from jaxae.data import Dataset, load_dataset, names_folder
from jaxae.distributed import find_devices, make_mesh, replicate
from jaxae.models import Autoencoder, Params, abstract_model, create_model, parameters
from jaxae.runs.checkpoints import read_newest_state, read_state, saved_numbers
from jaxae.runs.config_file import read_config, update_config, write_config
from jaxae.runs.environment import Environment
from jaxae.runs.metrics_file import losses_to_choose_by, read_rows
from jaxae.training import EpochMetrics, TrainState, init_state, make_optimizer


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's folder, made by `create` or opened by `open`.

    Attributes:
      path: the folder.
      config: settings of the run.
      environment: the devices and versions that computed it last.
    """

    path: Path
    config: RunConfig
    environment: Environment

    @classmethod
    def create(cls, path: Path, config: RunConfig, *, mesh: Mesh, overwrite: bool = False) -> "Run":
        """Make the folder with its config.json, atomically.

        `mesh` has the devices that will compute the run. With `overwrite`, a run in the folder is
        replaced.

        Raises:
          ValueError: as for `check_free`.
          OSError: the folder cannot be written.
        """
        cls.check_free(path, overwrite=overwrite)
        if path.is_dir():
            _empty(path)
        run = cls(path, config, Environment.of(mesh))
        write_config(path / "config.json", config, run.environment)
        return run

    @staticmethod
    def check_free(path: Path, *, overwrite: bool) -> None:
        """Raise ValueError if the folder cannot become a run, or holds files to keep."""
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a file; choose another --run-dir")
        if os.name != "nt" and "\\" in str(path.resolve()):
            raise ValueError(
                f"{path} has a backslash in its path, and Orbax cannot read back what it saves "
                "there; choose another --run-dir"
            )
        # A process that was killed early leaves a lock that nobody holds, and a partial config.
        own = (LOCK_NAME, ".config-")
        if path.is_dir() and any(not entry.name.startswith(own) for entry in path.iterdir()):
            if not (path / "config.json").is_file():
                raise ValueError(
                    f"{path} is not empty, and not a jaxae run; choose another --run-dir"
                )
            if not overwrite:
                raise ValueError(
                    f"{path} holds a run; pass --resume, --overwrite or another --run-dir"
                )

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Run":
        """Read a run's config.json.

        Raises:
          ValueError: the folder is not a run, or its config.json is damaged.

        Example:
          >>> model = jaxae.Run.open("runs/mnist").load_model()
          >>> model.latent_dim
          2
        """
        path = Path(path)
        file = path / "config.json"
        if not file.is_file():
            if seeds := sorted(path.glob("seed-*/config.json")):
                raise ValueError(
                    f"{path} is a study; expected one of its runs, such as {seeds[0].parent}"
                )
            raise ValueError(
                f"{path} is not a run: it has no config.json; make one with jaxae train"
            )
        return cls(path, *read_config(file))

    def update(
        self,
        epochs: int,
        source: str,
        checkpoints: CheckpointConfig,
        environment: Environment,
        epoch: int,
    ) -> None:
        """Update config.json for a run that resumes after an epoch.

        An environment that differs from the last one is appended to the file's list `resumed`.
        """
        config = dataclasses.replace(
            self.config,
            train=dataclasses.replace(self.config.train, epochs=epochs),
            data=dataclasses.replace(self.config.data, source=source),
            checkpoints=checkpoints,
        )
        resumed = environment if environment != self.environment else None
        if config != self.config or resumed is not None:
            update_config(self.path / "config.json", config, resumed, epoch)

    def load_dataset(self, source: str | Path | None = None) -> Dataset:
        """Load the data that the run was trained on.

        Args:
          source: where the data are now, as for `jaxae.load_dataset`; by default where they were.

        Raises:
          ValueError: the data are no longer there, or have changed.
        """
        try:
            dataset = load_dataset(source or self.config.data.source)
        except ValueError as error:
            if source is not None or not names_folder(self.config.data.source):
                raise
            raise ValueError(f"{error}; if the data moved, pass --data-dir") from error
        self.check_dataset(dataset, source)
        return dataset

    def check_dataset(self, dataset: Dataset, source: str | Path | None = None) -> None:
        """Raise ValueError if a data set is not the one that the run was trained on."""
        if dataset.checksum == self.config.data.checksum:
            return
        if source is not None and str(source) != self.config.data.source:
            raise ValueError(
                f"{source} is not what {self.path} was trained on (its checksum differs); pass the "
                "folder of the run's data"
            )
        raise ValueError(
            f"{self.config.data.source} has changed since {self.path} was trained on it "
            "(its checksum differs); put the old data back or train again"
        )

    def history(self) -> list[EpochMetrics]:
        """Read metrics.jsonl, one entry per epoch.

        Raises:
          ValueError: a row is damaged, or not that of the next epoch.
        """
        return read_rows(self.metrics)

    def load_model(
        self, checkpoint: Checkpoint = "newest", *, mesh: Mesh | None = None
    ) -> Autoencoder:
        """Make the model with the parameters of a checkpoint.

        Args:
          checkpoint: an epoch; or `"newest"`, the last one that is intact; or `"best"`, the one
            with the lowest loss on the images that `TrainConfig.validation` holds out.
          mesh: devices of this process to put the model on; by default all, or the one chosen by
            `jax.default_device`.

        Raises:
          ValueError: there is no such checkpoint, or it cannot be read.
        """
        return self.make_model(self.load_state(checkpoint).params, mesh=mesh)

    def load_state(self, checkpoint: Checkpoint = "newest") -> TrainState:
        """Read the state of training in a checkpoint; argument and errors as for `load_model`."""
        _, like = self.abstract_state()
        saved = saved_numbers(self.checkpoints)
        if not saved:
            raise ValueError(
                f"{self.path} has no checkpoint; train it with jaxae train --run-dir {self.path} "
                "--resume"
            )
        if checkpoint == "newest":
            return read_newest_state(self.checkpoints, saved, like)
        epoch = self._best(saved) if checkpoint == "best" else checkpoint
        if epoch not in saved:
            raise ValueError(
                f"{self.path} has no checkpoint of epoch {epoch}; expected newest, best or one "
                f"of {', '.join(map(str, saved))}"
            )
        return read_state(self.checkpoints, epoch, like)

    def make_model(self, params: Params, *, mesh: Mesh | None = None) -> Autoencoder:
        """Make the model with these parameters, on the devices of a mesh, as `load_model` does."""
        graphdef, _ = self.abstract_state()
        model = nnx.merge(graphdef, params)
        mesh = mesh or make_mesh(find_devices())
        replicate(model, mesh.local_devices)
        return model

    def _best(self, saved: list[int]) -> int:
        losses = losses_to_choose_by(self.config, self.history())
        known = [epoch for epoch in saved if epoch in losses]
        if not known:
            raise ValueError(
                f"{self.path} has no best checkpoint, because no images were held out to choose it "
                f"on; expected newest or one of {', '.join(map(str, saved))}, or train with "
                "--validation N"
            )
        return min(known, key=losses.__getitem__)

    def new_model(self) -> Autoencoder:
        """Make the model with the initial parameters drawn from the run's seed."""
        config = self.config
        return create_model(config.model, config.data.image_shape, config.train.seed)

    def initial_state(self, params: Params | None = None) -> TrainState:
        """Return the state before the first epoch; `params` are by default drawn from the seed."""
        if params is None:
            params = parameters(self.new_model())
        train = self.config.train
        state = init_state(params, make_optimizer(train, self.config.epoch_examples), train.seed)
        if self.config.format == 1:  # One stream of random numbers for parameters and epochs.
            return state._replace(key=jax.random.key(train.seed))
        return state

    def abstract_state(self) -> tuple[Any, TrainState]:
        """Return the model's graphdef, and the shapes and types of a state's arrays."""
        graphdef, params = abstract_model(self.config.model, self.config.data.image_shape)
        return graphdef, jax.eval_shape(self.initial_state, params)

    @property
    def checkpoints(self) -> Path:
        """The folder of the saved states."""
        return self.path / "checkpoints"

    @property
    def positions(self) -> Path:
        """The folder of the states saved within an epoch."""
        return self.checkpoints / "within"

    @property
    def metrics(self) -> Path:
        """The file with one row per epoch."""
        return self.path / "metrics.jsonl"


def _empty(path: Path) -> None:
    # config.json last: until then the folder is a run, and --overwrite can be repeated.
    entries = [entry for entry in path.iterdir() if entry.name != LOCK_NAME]
    for entry in sorted(entries, key=lambda entry: entry.name == "config.json"):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
