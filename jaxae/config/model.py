"""The autoencoder."""

from dataclasses import dataclass
from typing import get_args

from jaxae.config.checks import require_count, require_one_of
from jaxae.config.names import Activation, Architecture, Model

# JAX takes minutes to trace a few hundred, and a damaged file could ask for a million.
_MOST_LAYERS = 100
# Height and width of a convolution's kernel.
KERNEL = 3


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

    activation: Activation = "relu"
    """Function after each hidden layer and convolution. gelu reconstructs better than relu, and
    takes longer."""

    def __post_init__(self) -> None:
        """Write a single width as a number; raise ValueError, naming the field, for a bad value."""
        if isinstance(self.hidden_dim, list | tuple):  # JSON has lists.
            widths = tuple(self.hidden_dim)
            object.__setattr__(self, "hidden_dim", widths[0] if len(widths) == 1 else widths)
        name: str = self.model
        if name == "conv":  # What architecture "conv" was called in earlier runs.
            object.__setattr__(self, "model", "ae")
            object.__setattr__(self, "architecture", "conv")
        require_one_of("model", self.model, get_args(Model))
        require_one_of("architecture", self.architecture, get_args(Architecture))
        require_one_of("activation", self.activation, get_args(Activation))
        require_count("latent_dim", self.latent_dim)
        if not 1 <= len(self.widths) <= _MOST_LAYERS:
            raise ValueError(
                f"hidden_dim has {len(self.widths)} numbers; expected 1 to {_MOST_LAYERS}, one for "
                "each hidden layer"
            )
        for width in self.widths:
            require_count("hidden_dim", width)

    def check_images(self, image_shape: tuple[int, ...]) -> None:
        """Raise ValueError if images are smaller than the kernel of a convolution."""
        if self.architecture == "conv" and min(image_shape[:2]) < KERNEL:
            size = "×".join(map(str, image_shape[:2]))
            raise ValueError(
                f"architecture is conv, images are {size}; expected images of at least "
                f"{KERNEL}×{KERNEL}, the size of a kernel, or architecture dense"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of units of each hidden layer of the encoder, from image to latent space."""
        return self.hidden_dim if isinstance(self.hidden_dim, tuple) else (self.hidden_dim,)
