"""A run's folder: what it was made from, its metrics, its checkpoint, its figures."""

import dataclasses
import importlib.metadata
import json
import platform
import shutil
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from flax import nnx

from jaxae.config import ModelConfig, TrainConfig
from jaxae.data import Dataset, load_dataset
from jaxae.files import atomic
from jaxae.fitting import EpochMetrics
from jaxae.models import Autoencoder, Params, abstract_model, create_model
from jaxae.training import TrainState, init_state, make_optimizer

_FORMAT = 1
_PACKAGES = ("jaxae", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


@dataclasses.dataclass(frozen=True)
class DataRecord:
    """Which data a run was trained on.

    Attributes:
      name: the data set's name.
      source: what `load_dataset` was given.
      checksum: `Dataset.checksum`.
      image_shape: height and width.
      train_examples: number of training images.

    Raises:
      ValueError: a value that no data set has.
    """

    name: str
    source: str
    checksum: str
    image_shape: tuple[int, int]
    train_examples: int

    def __post_init__(self) -> None:
        """Refuse what no data set has."""
        texts = (self.name, self.source, self.checksum)
        sizes = (*self.image_shape, self.train_examples)
        if (
            not all(isinstance(text, str) for text in texts)
            or len(self.image_shape) != 2
            or not all(isinstance(size, int) and size > 0 for size in sizes)
        ):
            raise ValueError(f"no data set is like {self}")

    @classmethod
    def of(cls, dataset: Dataset, source: str) -> "DataRecord":
        """Describe a data set."""
        return cls(dataset.name, source, dataset.checksum, dataset.image_shape, len(dataset.train))


class Run:
    """A run's folder, made by `create` or opened by `open`.

    Attributes:
      path: the folder.
      model_config: the model's sizes.
      train_config: how it was trained.
      data: which data it was trained on.
    """

    def __init__(
        self, path: Path, model_config: ModelConfig, train_config: TrainConfig, data: DataRecord
    ):
        """Name the parts; nothing is read or written."""
        self.path = path
        self.model_config = model_config
        self.train_config = train_config
        self.data = data

    @classmethod
    def create(
        cls,
        path: Path,
        model_config: ModelConfig,
        train_config: TrainConfig,
        data: DataRecord,
        *,
        device: jax.Device,
        overwrite: bool = False,
    ) -> "Run":
        """Make the folder with its config.json.

        Raises:
          ValueError: the folder holds something already, and is not a run to overwrite.
          OSError: the folder cannot be written.
        """
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a file; choose another --run-dir")
        if path.is_dir() and any(path.iterdir()):
            if not (path / "config.json").is_file():
                raise ValueError(f"{path} holds files that are no run; choose another --run-dir")
            if not overwrite:
                raise ValueError(f"{path} holds a run; pass --overwrite or another --run-dir")
            shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
        config = {
            "format": _FORMAT,
            "model": dataclasses.asdict(model_config),
            "train": dataclasses.asdict(train_config),
            "data": dataclasses.asdict(data),
            "device": {"platform": device.platform, "kind": device.device_kind},
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _PACKAGES},
            },
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with atomic(path / "config.json") as partial:
            partial.write_text(json.dumps(config, indent=2) + "\n")
        return cls(path, model_config, train_config, data)

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Read a run's config.json.

        Raises:
          ValueError: the folder is not a run, or its config.json is damaged.
        """
        file = path / "config.json"
        if not file.is_file():
            raise ValueError(f"{path} is not a run: it has no config.json; make one by jaxae train")
        try:
            config = json.loads(file.read_text())
            if config["format"] != _FORMAT:
                raise ValueError(f"format {config['format']!r}, this version reads {_FORMAT}")
            shape = tuple(config["data"].pop("image_shape"))
            data = DataRecord(image_shape=shape, **config["data"])
            return cls(path, ModelConfig(**config["model"]), TrainConfig(**config["train"]), data)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file} is damaged or of another version: {error}") from error

    def settings(self) -> dict[str, Any]:
        """What decides the run's result: model, training, and the data's checksum."""
        return {
            "model": dataclasses.asdict(self.model_config),
            "train": dataclasses.asdict(self.train_config),
            "data": {"name": self.data.name, "checksum": self.data.checksum},
        }

    def load_dataset(self) -> Dataset:
        """Load the data that the run was trained on.

        Raises:
          ValueError: it is not there any more, or has changed.
        """
        dataset = load_dataset(self.data.source)
        if dataset.checksum != self.data.checksum:
            raise ValueError(
                f"{self.data.source} has changed since {self.path} was trained on it (its checksum "
                "differs); put the old data back or train again"
            )
        return dataset

    def log(self, metrics: EpochMetrics) -> None:
        """Append one epoch to metrics.jsonl."""
        with (self.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(metrics._asdict()) + "\n")

    def history(self) -> list[EpochMetrics]:
        """Read metrics.jsonl, an entry an epoch.

        Raises:
          ValueError: a line is not a row of metrics.
        """
        file = self.path / "metrics.jsonl"
        if not file.is_file():
            return []
        try:
            return [EpochMetrics(**json.loads(line)) for line in file.read_text().splitlines()]
        except (ValueError, TypeError) as error:
            raise ValueError(f"{file} is damaged: {error}") from error

    def save(self, state: TrainState) -> None:
        """Start saving a state in the background; a later `close` waits for it."""
        epoch = int(state.epoch)
        if epoch != self._checkpoints.latest_step():
            self._checkpoints.save(epoch, args=ocp.args.StandardSave(state))

    def close(self) -> None:
        """Wait until the last save is whole."""
        self._checkpoints.close()

    def load_model(self) -> Autoencoder:
        """Make the model and give it the parameters of the newest checkpoint.

        Raises:
          ValueError: there is no checkpoint, or it cannot be read.
        """
        graphdef, params = abstract_model(self.model_config, self.data.image_shape)
        return nnx.merge(graphdef, self._load_state(params).params)

    def new_model(self) -> Autoencoder:
        """Make the model with the initial parameters that the run's seed draws."""
        return create_model(self.model_config, self.data.image_shape, self.train_config.seed)

    def initial_state(self, params: Params) -> TrainState:
        """Return the state before the first epoch."""
        optimizer = make_optimizer(self.train_config, self.data.train_examples)
        return init_state(params, optimizer, self.train_config.seed)

    def _load_state(self, params: Params) -> TrainState:
        step = self._checkpoints.latest_step() if (self.path / "checkpoints").is_dir() else None
        if step is None:
            raise ValueError(f"{self.path} holds no checkpoint; train it again with --overwrite")
        like = jax.eval_shape(self.initial_state, params)
        try:
            return self._checkpoints.restore(step, args=ocp.args.StandardRestore(like))
        except Exception as error:  # Orbax and TensorStore raise many kinds for damaged files.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ValueError(f"{self.path}/checkpoints/{step} cannot be read: {reason}") from error

    @cached_property
    def _checkpoints(self) -> Any:
        options = ocp.CheckpointManagerOptions(max_to_keep=1)
        return ocp.CheckpointManager(self.path.resolve() / "checkpoints", options=options)
