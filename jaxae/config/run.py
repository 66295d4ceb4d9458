"""A run: the model, how it is trained, on which data, and when it is saved."""

from dataclasses import dataclass, field
from typing import Literal

from jaxae.config.checks import require_count
from jaxae.config.model import ModelConfig
from jaxae.config.training import TrainConfig, check_validation

# The axes of an image after height and width: none in grey, red, green and blue in colour.
CHANNELS: tuple[tuple[int, ...], ...] = ((), (3,))


@dataclass(frozen=True)
class CheckpointConfig:
    """When the state of training is saved; the result does not depend on it."""

    checkpoint_every: int = 5
    """Epochs between checkpoints; the last epoch is always saved, and so is the best one."""

    keep: int = 2
    """Number of recent checkpoints to keep, in addition to the best one, if there is one."""

    checkpoint_steps: int = 10_000
    """Steps between checkpoints within an epoch that is streamed or long."""

    def __post_init__(self) -> None:
        """Raise ValueError unless all are whole numbers ≥ 1."""
        require_count("checkpoint_every", self.checkpoint_every)
        require_count("keep", self.keep)
        require_count("checkpoint_steps", self.checkpoint_steps)


@dataclass(frozen=True)
class DataConfig:
    """Which data a run is trained on."""

    name: str
    """Name of the data set."""

    source: str
    """The argument of `load_dataset`."""

    checksum: str
    """`Dataset.checksum`."""

    image_shape: tuple[int, ...]
    """Shape of an image: (height, width), or (height, width, 3) in colour."""

    train_examples: int
    """Number of training images."""

    def __post_init__(self) -> None:
        """Raise ValueError unless all are of the right type, and the sizes are positive."""
        texts = (self.name, self.source, self.checksum)
        sizes = (*self.image_shape, self.train_examples)
        if (
            not all(isinstance(text, str) for text in texts)
            or len(self.image_shape) < 2
            or self.image_shape[2:] not in CHANNELS
            or not all(type(size) is int and size > 0 for size in sizes)
        ):
            raise ValueError(f"{self} does not describe a data set")


# The format of new runs; a run keeps the format it was created with. Format 1 draws the initial
# parameters and the order of the images from one stream of random numbers, format 2 from two.
# Format 1 keeps the checkpoint with the lowest test loss as the best one, format 2 does not.
FORMAT = 2


@dataclass(frozen=True)
class RunConfig:
    """The settings of a run: the model, how it is trained, on which data, and when it is saved."""

    model: ModelConfig
    train: TrainConfig
    data: DataConfig
    checkpoints: CheckpointConfig = field(default_factory=CheckpointConfig)

    imported_from: str | None = None
    """The file that the parameters came from, if they were imported instead of trained."""

    format: int = FORMAT
    """Format of the run's folder; determines how its random numbers are drawn."""

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown format, a bad field, or parts that do not fit."""
        if type(self.format) is not int or not 1 <= self.format <= FORMAT:
            raise ValueError(f"format is {self.format!r}; this version reads 1 to {FORMAT}")
        if not isinstance(self.imported_from, str | None):
            raise ValueError(f"imported_from is {self.imported_from!r}; expected a file's name")
        check_validation(self.train.validation, self.data.train_examples)
        self.model.check_images(self.data.image_shape)

    @property
    def epoch_examples(self) -> int:
        """Number of images in an epoch: the training images that are not held out."""
        return self.data.train_examples - self.train.validation

    @property
    def best_by(self) -> Literal["validation_loss", "test_loss"] | None:
        """The metric that is lowest at the best checkpoint; None if there is no best one."""
        if self.train.validation:
            return "validation_loss"
        return "test_loss" if self.format == 1 else None
