"""How the model is trained."""

import math
from dataclasses import dataclass
from typing import get_args

from jaxae.config.checks import is_whole, require_count, require_one_of
from jaxae.config.model import ModelConfig
from jaxae.config.names import Likelihood, Precision, Schedule


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
    """Training images that are held out to choose the best checkpoint.
    They are drawn at random, the same ones for every seed and model."""

    likelihood: Likelihood = "squared"
    """How the loss compares an image with its reconstruction.
    squared: squared error; up to a constant, a normal likelihood with variance β/2.
    normal: negative log-likelihood in nats, with the best variance for each batch.
    bernoulli: the same for pixels that are white with the reconstruction as probability."""

    binarize: bool = False
    """bernoulli only: draw pixels as black or white at each step, with their intensities as the
    probabilities of white. Test and validation images are drawn once."""

    kl_warmup: int = 0
    """vae only: epochs in which β rises linearly from 0, step by step. Test and validation losses
    always have the full β."""

    flatten: float = 0.0
    """Weight λ of a penalty on uneven magnification, the variance over a batch of log det G, where
    G is the decoder's pull-back metric. Test and validation losses leave the penalty out."""

    def __post_init__(self) -> None:
        """Raise ValueError, naming the field, unless every value is in its range."""
        require_count("epochs", self.epochs)
        require_count("batch_size", self.batch_size)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(
                f"learning_rate is {self.learning_rate}; expected a finite number above 0, "
                "for instance 1e-3"
            )
        require_one_of("schedule", self.schedule, get_args(Schedule))
        require_one_of("likelihood", self.likelihood, get_args(Likelihood))
        require_one_of("precision", self.precision, get_args(Precision))
        if not is_whole(self.seed) or not 0 <= self.seed < 2**32:
            raise ValueError(f"seed is {self.seed}; expected a whole number from 0 to 2**32 - 1")
        if not is_whole(self.validation) or self.validation < 0:
            raise ValueError(
                f"validation is {self.validation!r}; expected a whole number of 0 or more"
            )
        if not is_whole(self.kl_warmup) or not 0 <= self.kl_warmup <= self.epochs:
            raise ValueError(
                f"kl_warmup is {self.kl_warmup!r}; expected a whole number from 0 to the number of "
                f"epochs, {self.epochs}"
            )
        for name in ("kl_weight", "input_noise", "flatten"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}; expected a finite number of 0 or more")


def check_divergence(model: ModelConfig, train: TrainConfig) -> None:
    """Raise ValueError if a weight or its warm-up is set for a model that has no divergence."""
    for name in ("kl_weight", "kl_warmup"):
        value = getattr(train, name)
        if model.model != "vae" and value != getattr(TrainConfig, name):
            raise ValueError(
                f"{name} is {value:g}, but model {model.model} has no divergence; leave {name} "
                "out, or train model vae"
            )


def check_validation(validation: int, images: int) -> None:
    """Raise ValueError unless some of the training images are left when others are held out."""
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
