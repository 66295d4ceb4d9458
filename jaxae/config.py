"""The configuration of a run: frozen dataclasses that raise ValueError for bad values."""

import math
import re
from dataclasses import dataclass, field
from typing import Literal, get_args

Model = Literal["ae", "vae"]
Architecture = Literal["dense", "conv"]
Schedule = Literal["constant", "onecycle"]
Likelihood = Literal["squared", "normal", "bernoulli"]
Checkpoint = Literal["newest", "best"] | int
Precision = Literal["float32", "bfloat16", "tf32"]
Device = Literal["auto", "cpu", "gpu", "tpu"]
BoxName = Literal["cloud", "lecture"]
# The width of a figure: a name, or inches.
Width = Literal["column", "page", "slide"] | float
# The axes of an image after height and width: none in grey, red, green and blue in colour.
CHANNELS: tuple[tuple[int, ...], ...] = ((), (3,))
# JAX takes minutes to trace a few hundred, and a damaged file could ask for a million.
_MOST_LAYERS = 100


@dataclass(frozen=True)
class ModelConfig:
    """The autoencoder's architecture and sizes; the data set determines the size of the images."""

    latent_dim: int = 2
    """Dimensions of the latent space; the figures are made for 2."""

    hidden_dim: int | tuple[int, ...] = 512
    """Units of each hidden layer of the encoder, from image to latent space; the decoder mirrors
    them. Several numbers, such as 1000 500 250, make a deeper model."""

    model: Model = "ae"
    """ae: a plain autoencoder; vae: a variational one."""

    architecture: Architecture = "dense"
    """dense: hidden layers only; conv: convolutions between the image and the hidden layers."""

    def __post_init__(self) -> None:
        """Write a single width as a number; raise ValueError, naming the field, for a bad value."""
        if isinstance(self.hidden_dim, list | tuple):  # JSON has lists.
            widths = tuple(self.hidden_dim)
            object.__setattr__(self, "hidden_dim", widths[0] if len(widths) == 1 else widths)
        name: str = self.model
        if name == "conv":  # What architecture "conv" was called in earlier runs.
            object.__setattr__(self, "model", "ae")
            object.__setattr__(self, "architecture", "conv")
        _require_one_of("model", self.model, get_args(Model))
        _require_one_of("architecture", self.architecture, get_args(Architecture))
        _require_count("latent_dim", self.latent_dim)
        if not 1 <= len(self.widths) <= _MOST_LAYERS:
            raise ValueError(
                f"hidden_dim has {len(self.widths)} numbers; expected 1 to {_MOST_LAYERS}, one for "
                "each hidden layer"
            )
        for width in self.widths:
            _require_count("hidden_dim", width)

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of units of each hidden layer of the encoder, from image to latent space."""
        return self.hidden_dim if isinstance(self.hidden_dim, tuple) else (self.hidden_dim,)


@dataclass(frozen=True)
class TrainConfig:
    """How the model is trained: by Adam, with β = (0.9, 0.999) and ε = 1e-8."""

    epochs: int = 20
    """Passes over the training images, which are reshuffled before each."""

    batch_size: int = 128
    """Images per step; a short last batch is padded and masked, never dropped."""

    learning_rate: float = 1e-3
    """Adam's step size; with onecycle, the peak."""

    schedule: Schedule = "constant"
    """onecycle: cosine up over the first fifth of the steps, then cosine down to almost zero."""

    seed: int = 0
    """Seed of the initial parameters, the order of the images, samples and noise."""

    kl_weight: float = 1.0
    """vae only: weight β of the divergence from the prior, 1 for the evidence lower bound."""

    input_noise: float = 0.0
    """Standard deviation of noise on the encoder's pixels (0 to 1), which it learns to remove."""

    precision: Precision = "float32"
    """Precision of the matrix products in training; parameters and Adam are always float32.
    float32: on all hardware; TPUs take six passes.
    bfloat16: 7-bit fractions, also in activations; fast on TPUs and recent GPUs, not on most CPUs.
    tf32: 10-bit fractions; only on NVIDIA GPUs since Ampere."""

    stream: bool = False
    """Read the images as they are needed, instead of keeping them on the devices.
    Chosen automatically if they take more than two fifths of a device's memory."""

    validation: int = 0
    """Training images that are kept out of training to choose the best checkpoint.
    They are drawn at random, the same ones for every seed and model."""

    likelihood: Likelihood = "squared"
    """How the loss compares an image with its reconstruction.
    squared: squared error; up to a constant, a normal likelihood with variance β/2.
    normal: negative log-likelihood in nats, with the best variance for each batch.
    bernoulli: the same for pixels that are white with the reconstruction as probability."""

    binarize: bool = False
    """bernoulli only: draw pixels as black or white at each step, with their intensities as the
    probabilities of white. Test and validation images are drawn once."""

    def __post_init__(self) -> None:
        """Raise ValueError, naming the field, unless every value is in its range."""
        _require_count("epochs", self.epochs)
        _require_count("batch_size", self.batch_size)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(
                f"learning_rate is {self.learning_rate}; expected a finite number above 0, "
                "for instance 1e-3"
            )
        _require_one_of("schedule", self.schedule, get_args(Schedule))
        _require_one_of("likelihood", self.likelihood, get_args(Likelihood))
        _require_one_of("precision", self.precision, get_args(Precision))
        if not _is_whole(self.seed) or not 0 <= self.seed < 2**32:
            raise ValueError(f"seed is {self.seed}; expected a whole number from 0 to 2**32 - 1")
        if not _is_whole(self.validation) or self.validation < 0:
            raise ValueError(
                f"validation is {self.validation!r}; expected a whole number of 0 or more"
            )
        for name in ("kl_weight", "input_noise"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}; expected a finite number of 0 or more")


def check_divergence(model: ModelConfig, train: TrainConfig) -> None:
    """Raise ValueError if kl_weight is set for a model that has no divergence."""
    if model.model != "vae" and train.kl_weight != TrainConfig.kl_weight:
        raise ValueError(
            f"kl_weight is {train.kl_weight:g}, but model {model.model} has no divergence; leave "
            "kl_weight out, or train model vae"
        )


def check_validation(validation: int, images: int) -> None:
    """Raise ValueError unless some of the training images are left when others are kept out."""
    if not 0 <= validation < images:
        raise ValueError(
            f"validation is {validation}, of {images} training images; expected 0 to {images - 1}, "
            "so that some are left to train on"
        )


def check_likelihood(train: TrainConfig) -> None:
    """Raise ValueError if pixels are binarized for a likelihood of grey ones."""
    if train.binarize and train.likelihood != "bernoulli":
        raise ValueError(
            f"binarize is set, but likelihood is {train.likelihood}; expected likelihood "
            "bernoulli, the only one of black and white pixels, or no binarize"
        )


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
        _require_count("checkpoint_every", self.checkpoint_every)
        _require_count("keep", self.keep)
        _require_count("checkpoint_steps", self.checkpoint_steps)


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
        """Raise ValueError for an unknown format, a bad field, or too many validation images."""
        if type(self.format) is not int or not 1 <= self.format <= FORMAT:
            raise ValueError(f"format is {self.format!r}; this version reads 1 to {FORMAT}")
        if not isinstance(self.imported_from, str | None):
            raise ValueError(f"imported_from is {self.imported_from!r}; expected a file's name")
        check_validation(self.train.validation, self.data.train_examples)

    @property
    def epoch_examples(self) -> int:
        """Number of images in an epoch: the training images that are not kept out."""
        return self.data.train_examples - self.train.validation

    @property
    def best_by(self) -> Literal["validation_loss", "test_loss"] | None:
        """The metric that is lowest at the best checkpoint; None if there is no best one."""
        if self.train.validation:
            return "validation_loss"
        return "test_loss" if self.format == 1 else None


@dataclass(frozen=True)
class ProcessConfig:
    """How processes find each other; not needed on Slurm, Open MPI, Cloud TPU and Kubernetes."""

    coordinator: str | None = None
    """HOST:PORT at which process 0 can be reached; the same for all processes."""

    process_id: int | None = None
    """The number of this process, from 0."""

    process_count: int | None = None
    """The number of processes; 1 trains alone, even on a cluster."""

    def __post_init__(self) -> None:
        """Raise ValueError unless all fields are set, or none, or only a `process_count` of 1."""
        given = (self.coordinator, self.process_id, self.process_count)
        if given in ((None, None, None), (None, None, 1)):
            return
        if None in given:
            raise ValueError(
                f"coordinator, process_id and process_count are {given}; expected all three, or "
                "none on a cluster that JAX detects"
            )
        if not re.fullmatch(r".+:[0-9]+", str(self.coordinator)):
            raise ValueError(f"coordinator is {self.coordinator!r}; expected HOST:PORT")
        if not 0 <= (self.process_id or 0) < (self.process_count or 0):
            raise ValueError(
                f"process_id is {self.process_id} with process_count {self.process_count}; "
                "expected 0 to process_count - 1"
            )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _require_count(name: str, value: int) -> None:
    if not _is_whole(value) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected a whole number of 1 or more")


def _require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}")
