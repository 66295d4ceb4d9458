"""A run's folder: what it was made from, its metrics, its checkpoints, its figures."""

import dataclasses
import json
import math
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
from flax import nnx
from jax.sharding import Mesh

from jaxae._utils.files import write_json
from jaxae._utils.locking import LOCK_NAME
from jaxae.config import Checkpoint, CheckpointConfig, ModelConfig, TrainConfig
from jaxae.data import Dataset, load_dataset, names_folder
from jaxae.distributed import find_devices, make_mesh, replicate
from jaxae.models import Autoencoder, Params, abstract_model, create_model
from jaxae.runs.checkpoints import read_newest_state, read_state, saved_numbers
from jaxae.runs.config_file import FORMAT, DataRecord, RunRecord, read_record
from jaxae.runs.environment import Environment
from jaxae.runs.metrics_file import read_rows
from jaxae.training import EpochMetrics, TrainState, init_state, make_optimizer


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's folder, made by `create` or opened by `open`.

    Attributes:
      path: the folder.
      model_config: the model's sizes.
      train_config: how it is trained.
      data: which data it is trained on.
      checkpoint_config: when it is saved.
      environment: what computed it last.
      imported_from: the file that its parameters came from, if it was not trained.
      format: of its config.json; decides which streams its random numbers are drawn from.
    """

    path: Path
    model_config: ModelConfig
    train_config: TrainConfig
    data: DataRecord
    checkpoint_config: CheckpointConfig
    environment: Environment
    imported_from: str | None = None
    format: int = FORMAT

    @classmethod
    def create(
        cls,
        path: Path,
        model_config: ModelConfig,
        train_config: TrainConfig,
        data: DataRecord,
        *,
        mesh: Mesh,
        checkpoint_config: CheckpointConfig | None = None,
        imported_from: str | None = None,
        overwrite: bool = False,
    ) -> "Run":
        """Make the folder with its config.json, whole or not at all.

        Raises:
          ValueError: as `check_free`.
          OSError: the folder cannot be written.
        """
        cls.check_free(path, overwrite=overwrite)
        if path.is_dir():
            _empty(path)
        checkpoint_config = checkpoint_config or CheckpointConfig()
        configs = model_config, train_config, data, checkpoint_config
        environment = Environment.of(mesh)
        run = cls(path, *configs, environment, imported_from)
        config = {
            "format": run.format,
            **run._sections(),
            **environment.as_json(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            **({} if imported_from is None else {"imported_from": imported_from}),
        }
        write_json(path / "config.json", config)
        return run

    @staticmethod
    def check_free(path: Path, *, overwrite: bool) -> None:
        """Raise ValueError if the folder cannot become a run, or holds what is to be kept."""
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a file; choose another --run-dir")
        if os.name != "nt" and "\\" in str(path.resolve()):
            raise ValueError(
                f"{path} has a backslash in its path, with which Orbax cannot read what it saved; "
                "choose another --run-dir"
            )
        # A process that was killed early leaves a lock that nobody holds, and an unfinished config.
        own = (LOCK_NAME, ".config-")
        if path.is_dir() and any(not entry.name.startswith(own) for entry in path.iterdir()):
            if not (path / "config.json").is_file():
                raise ValueError(f"{path} holds files that are no run; choose another --run-dir")
            if not overwrite:
                raise ValueError(
                    f"{path} holds a run; pass --resume, --overwrite or another --run-dir"
                )

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Run":
        """Read a run's config.json.

        Raises:
          ValueError: the folder is not a run, or its config.json is damaged.
        """
        path = Path(path)
        file = path / "config.json"
        if not file.is_file():
            if seeds := sorted(path.glob("seed-*/config.json")):
                raise ValueError(
                    f"{path} is a study; expected one of its runs, as {seeds[0].parent}"
                )
            raise ValueError(f"{path} is not a run: it has no config.json; make one by jaxae train")
        record, checkpoint_config, environment, imported_from, version = read_record(file)
        return cls(path, *record, checkpoint_config, environment, imported_from, version)

    def settings(self) -> dict[str, Any]:
        """What decides the run's result: model, training, and the data's checksum."""
        return {
            "model": dataclasses.asdict(self.model_config),
            "train": dataclasses.asdict(self.train_config),
            "data": {"name": self.data.name, "checksum": self.data.checksum},
        }

    def update(
        self,
        epochs: int,
        source: str,
        checkpoint_config: CheckpointConfig,
        environment: Environment,
        epoch: int,
    ) -> None:
        """Change what may change in a run that is resumed after an epoch, in config.json.

        Another environment than the last is added to its list `resumed`, with the epoch.
        """
        updated = dataclasses.replace(
            self,
            train_config=dataclasses.replace(self.train_config, epochs=epochs),
            data=dataclasses.replace(self.data, source=source),
            checkpoint_config=checkpoint_config,
            environment=environment,
        )
        if updated != self:
            file = self.path / "config.json"
            config = json.loads(file.read_text()) | updated._sections()
            if environment != self.environment:
                entry = {"epoch": epoch, **environment.as_json()}
                config["resumed"] = [*config.get("resumed", []), entry]
            write_json(file, config)

    @property
    def record(self) -> RunRecord:
        """What it was made from."""
        return RunRecord(self.model_config, self.train_config, self.data)

    def _sections(self) -> dict[str, Any]:
        return {**self.record.as_json(), "checkpoints": dataclasses.asdict(self.checkpoint_config)}

    def load_dataset(self, source: str | Path | None = None) -> Dataset:
        """Load the data that the run was trained on.

        Args:
          source: where it is now, as `load_dataset` takes it; by default where it was.

        Raises:
          ValueError: it is not there any more, or has changed.
        """
        try:
            dataset = load_dataset(source or self.data.source)
        except ValueError as error:
            if source is not None or not names_folder(self.data.source):
                raise
            raise ValueError(f"{error}; if the data moved, pass --data-dir") from error
        self.check_dataset(dataset, source)
        return dataset

    def check_dataset(self, dataset: Dataset, source: str | Path | None = None) -> None:
        """Raise ValueError if a data set is not the one that the run was trained on."""
        if dataset.checksum == self.data.checksum:
            return
        if source is not None and str(source) != self.data.source:
            raise ValueError(
                f"{source} is not what {self.path} was trained on (its checksum differs); pass the "
                "folder of those data"
            )
        raise ValueError(
            f"{self.data.source} has changed since {self.path} was trained on it "
            "(its checksum differs); put the old data back or train again"
        )

    def history(self) -> list[EpochMetrics]:
        """Read metrics.jsonl, an entry an epoch.

        Raises:
          ValueError: a line is not the next epoch's row.
        """
        return read_rows(self.metrics)

    def load_model(
        self, checkpoint: Checkpoint = "newest", *, mesh: Mesh | None = None
    ) -> Autoencoder:
        """Make the model and give it the parameters of a checkpoint.

        Args:
          checkpoint: an epoch, or `"newest"`, the last one that is whole, or `"best"`, the one with
            the lowest test loss; that loss is too low an estimate, since it was chosen by it.
          mesh: the devices to put it on, of this process; by default all, or the one that
            `jax.default_device` chose.

        Raises:
          ValueError: there is no checkpoint, or it cannot be read.
        """
        graphdef, params = abstract_model(self.model_config, self.data.image_shape)
        like = jax.eval_shape(self.initial_state, params)
        saved = saved_numbers(self.checkpoints)
        if not saved:
            raise ValueError(
                f"{self.path} holds no checkpoint; jaxae train --run-dir {self.path} --resume "
                "trains it"
            )
        if checkpoint == "newest":
            state = read_newest_state(self.checkpoints, saved, like)
        else:
            epoch = self._best(saved) if checkpoint == "best" else checkpoint
            if epoch not in saved:
                raise ValueError(
                    f"{self.path} has no checkpoint of epoch {epoch}; expected newest, best or one "
                    f"of {', '.join(map(str, saved))}"
                )
            state = read_state(self.checkpoints, epoch, like)
        model = nnx.merge(graphdef, state.params)
        mesh = mesh or make_mesh(find_devices())
        replicate(model, mesh.local_devices)
        return model

    def _best(self, saved: list[int]) -> int:
        losses = {row.epoch: row.test_loss for row in self.history()}
        return min(saved, key=lambda epoch: losses.get(epoch, math.inf))

    def new_model(self) -> Autoencoder:
        """Make the model with the initial parameters that the run's seed draws."""
        return create_model(self.model_config, self.data.image_shape, self.train_config.seed)

    def initial_state(self, params: Params) -> TrainState:
        """Return the state before the first epoch, with these parameters."""
        optimizer = make_optimizer(self.train_config, self.data.train_examples)
        state = init_state(params, optimizer, self.train_config.seed)
        if self.format == 1:  # One stream for parameters and epochs.
            return state._replace(key=jax.random.key(self.train_config.seed))
        return state

    def first_state(self) -> TrainState:
        """Return the state before the first epoch, with the parameters that the seed draws."""
        return self.initial_state(nnx.state(self.new_model(), nnx.Param))

    @property
    def checkpoints(self) -> Path:
        """The folder of the saved states."""
        return self.path / "checkpoints"

    @property
    def parts(self) -> Path:
        """The folder of the states inside an epoch."""
        return self.checkpoints / "within"

    @property
    def metrics(self) -> Path:
        """The file with a row an epoch."""
        return self.path / "metrics.jsonl"


def _empty(path: Path) -> None:
    # The config last: until then the folder is a run, and --overwrite can be tried again.
    entries = [entry for entry in path.iterdir() if entry.name != LOCK_NAME]
    for entry in sorted(entries, key=lambda entry: entry.name == "config.json"):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
