"""What a run was made from, as config.json has it, read with suspicion.

The file may come from anywhere. One that is too large is refused before it is read, and nothing in
it is believed before it is checked.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

from jaxae._utils.files import read_text
from jaxae._utils.text import reason
from jaxae.config import CheckpointConfig, ModelConfig, TrainConfig
from jaxae.data import Dataset
from jaxae.runs.environment import Environment

# Of new runs. A run keeps the one that it began with:
# 1: parameters and epochs' orders are drawn from one stream. 2: from a stream each.
FORMAT = 2
# What JSON of another form than expected raises when it is taken apart.
DAMAGED = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


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
            or not all(type(size) is int and size > 0 for size in sizes)
        ):
            raise ValueError(f"no data set is like {self}")

    @classmethod
    def of(cls, dataset: Dataset, source: str) -> "DataRecord":
        """Describe a data set."""
        return cls(dataset.name, source, dataset.checksum, dataset.image_shape, len(dataset.train))


class RunRecord(NamedTuple):
    """What a run was made from: all that its model's structure and its figures need."""

    model: ModelConfig
    train: TrainConfig
    data: DataRecord

    def as_json(self) -> dict[str, Any]:
        """Return the sections `model`, `train` and `data`."""
        return {name: dataclasses.asdict(section) for name, section in self._asdict().items()}


def parse_record(sections: Any) -> RunRecord:
    """Make a record from what `RunRecord.as_json` gave, once through JSON.

    Raises:
      ValueError: it is of another form, or holds a value that no run has.
    """
    try:
        data = dict(sections["data"])
        data["image_shape"] = tuple(data["image_shape"])
        return RunRecord(
            ModelConfig(**sections["model"]), TrainConfig(**sections["train"]), DataRecord(**data)
        )
    except DAMAGED as error:
        raise ValueError(reason(error)) from error


def read_record(
    file: Path,
) -> tuple[RunRecord, CheckpointConfig, Environment, str | None, int]:
    """Read a config.json.

    Returns:
      What the run was made from, when it is saved, what computed it last, the file that it was
      imported from, if it was, and the format.

    Raises:
      ValueError: it is damaged, of another version, or larger than 1 MiB; the text names it.
      OSError: it cannot be opened.
    """
    try:
        config = json.loads(read_text(file))
        if type(config["format"]) is not int or not 1 <= config["format"] <= FORMAT:
            raise ValueError(f"format {config['format']!r}, this version reads 1 to {FORMAT}")
        # A section or a field that an older version did not know has its default.
        checkpoints = CheckpointConfig(**config.get("checkpoints", {}))
        imported_from = config.get("imported_from")
        if not isinstance(imported_from, str | None):
            raise ValueError(f"imported_from is {imported_from!r}; expected the name of a file")
        environment = Environment.parse([config, *config.get("resumed", [])][-1])
        return parse_record(config), checkpoints, environment, imported_from, config["format"]
    except DAMAGED as error:
        raise ValueError(f"{file} is damaged or of another version: {reason(error)}") from error
