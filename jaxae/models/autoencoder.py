"""The autoencoders, plain and variational, and `create_model`."""

import functools
from typing import Any, ClassVar, Protocol

import jax
from flax import nnx
from jax.typing import ArrayLike

from jaxae.config import ModelConfig
from jaxae.models.conv import ConvDecoder, ConvEncoder, VariationalConvEncoder
from jaxae.models.dense import Decoder, Encoder, VariationalEncoder

Params = nnx.State[Any, Any]


class AutoencoderLike(Protocol):
    """What training, encoding, decoding and measuring need: any `nnx.Module` that has these.

    If there is also a method `posterior`, as that of `VariationalAutoencoder`, and `is_variational`
    is True, the model is trained and measured as a variational one.

    Attributes:
      image_shape: shape of an image.
      latent_dim: number of latent dimensions.
      encoder: maps an image of this shape, values 0 to 1, to z of shape (latent_dim,).
      decoder: maps z to an image.
    """

    @property
    def image_shape(self) -> tuple[int, ...]: ...  # noqa: D102

    @property
    def latent_dim(self) -> int: ...  # noqa: D102

    @property
    def encoder(self) -> Any: ...  # noqa: D102

    @property
    def decoder(self) -> Any: ...  # noqa: D102


class Autoencoder(nnx.Module):
    """An encoder and a decoder, trained to reconstruct the image.

    With the default configuration and 28×28 images: 784 → 512 → 2 → 512 → 784.

    Raises:
      ValueError: the configuration belongs to another class (`create_model` picks the right one),
        or the images are smaller than the kernel of a convolution.

    Example:
      >>> model = jaxae.create_model(jaxae.ModelConfig(), (28, 28), seed=0)
      >>> model(jnp.zeros((28, 28))).shape
      (28, 28)
    """

    is_variational: ClassVar[bool] = False
    encoder: Encoder
    decoder: Decoder | ConvDecoder
    _ENCODERS: ClassVar[dict[str, Any]] = {"dense": Encoder, "conv": ConvEncoder}
    _DECODERS: ClassVar[dict[str, Any]] = {"dense": Decoder, "conv": ConvDecoder}

    def __init__(
        self, config: ModelConfig, image_shape: tuple[int, ...] = (28, 28), *, rngs: nnx.Rngs
    ):
        """Draw the initial parameters."""
        if self.is_variational != (config.model == "vae"):
            raise ValueError(
                f"{type(self).__name__} got model {config.model!r}; expected "
                f"{'vae' if self.is_variational else 'ae'} (create_model picks the class that fits)"
            )
        config.check_images(image_shape)
        self.image_shape = image_shape
        self.latent_dim = config.latent_dim
        self.encoder = self._ENCODERS[config.architecture](config, image_shape, rngs=rngs)
        self.decoder = self._DECODERS[config.architecture](config, image_shape, rngs=rngs)

    def __call__(self, x: ArrayLike) -> jax.Array:
        """Map an image of shape `image_shape`, values 0 to 1, to its reconstruction."""
        return self.decoder(self.encoder(x))

    def posterior(self, x: ArrayLike) -> tuple[jax.Array, jax.Array | None]:
        """Map an image to μ and log σ² of q(z|x), each of shape (latent_dim,).

        The z of a plain autoencoder is deterministic: μ is z, and log σ² is None.
        """
        return self.encoder(x), None


class VariationalAutoencoder(Autoencoder):
    """An autoencoder whose encoder returns a distribution, which the loss keeps close to N(0, I).

    Called with an image, it decodes the mean of the posterior, so it can be used like a plain
    autoencoder. See Kingma and Welling 2014.
    """

    is_variational = True
    _ENCODERS: ClassVar[dict[str, Any]] = {
        "dense": VariationalEncoder,
        "conv": VariationalConvEncoder,
    }

    encoder: VariationalEncoder

    def posterior(self, x: ArrayLike) -> tuple[jax.Array, jax.Array]:
        """Map an image to μ and log σ² of q(z|x), each of shape (latent_dim,)."""
        return self.encoder.posterior(x)


def check_model(model: AutoencoderLike) -> None:
    """Raise ValueError, naming what a model lacks, unless it is an `AutoencoderLike`."""
    needed = ("encoder", "decoder", "image_shape", "latent_dim")
    if missing := [name for name in needed if not hasattr(model, name)]:
        raise ValueError(
            f"{type(model).__name__} has no {', '.join(missing)}; expected an nnx.Module "
            "with encoder, decoder, image_shape and latent_dim"
        )


def is_variational(model: AutoencoderLike) -> bool:
    """Return whether a model has a posterior, whose divergence from the prior is in the loss."""
    return getattr(model, "is_variational", False)


def posterior(model: AutoencoderLike, x: jax.Array) -> tuple[jax.Array, jax.Array | None]:
    """Call a model's `posterior`; for a model without one, return z and None."""
    own = getattr(model, "posterior", None)
    return (model.encoder(x), None) if own is None else own(x)


def create_model(config: ModelConfig, image_shape: tuple[int, ...], seed: int) -> Autoencoder:
    """Make an autoencoder and draw its parameters, in one compiled call.

    Args:
      config: the kind of model and its sizes.
      image_shape: shape of an image, (height, width), or (height, width, 3) in colour.
      seed: a whole number ≥ 0.

    Returns:
      The model, with the same parameters as if its class were called with `rngs=nnx.Rngs(seed)`.
    """
    # Drawn one by one, each parameter would compile several tiny programs.
    graphdef, _ = abstract_model(config, image_shape)
    return nnx.merge(graphdef, _draw(config, image_shape, jax.random.key(seed)))


def abstract_model(
    config: ModelConfig, image_shape: tuple[int, ...]
) -> tuple[nnx.GraphDef[Autoencoder], Params]:
    """Return a model's structure and the shapes of its parameters, without drawing them."""
    model = nnx.eval_shape(lambda: _build(config, image_shape, 0))
    return nnx.split(model, nnx.Param)


def parameters(model: AutoencoderLike) -> Params:
    """Return a model's parameters, without its structure."""
    return nnx.state(model, nnx.Param)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _draw(config: ModelConfig, image_shape: tuple[int, ...], key: jax.Array) -> Params:
    return nnx.state(_build(config, image_shape, key), nnx.Param)


def _build(config: ModelConfig, image_shape: tuple[int, ...], seed: Any) -> Autoencoder:
    cls = VariationalAutoencoder if config.model == "vae" else Autoencoder
    return cls(config, image_shape, rngs=nnx.Rngs(seed))
