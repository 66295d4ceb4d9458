"""A model's two programs on batches, as other software calls them."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import export

from jaxae._utils.files import atomic
from jaxae.models import Autoencoder


class Part(NamedTuple):
    """An encoder or a decoder, with the names and the shape it has outside jaxae.

    Attributes:
      name: `encoder` or `decoder`.
      function: maps a float32 batch, one example a row.
      example_shape: one example's shape.
      input_name: `images` or `z`.
      output_name: `z` or `images`.
    """

    name: str
    function: Callable[[jax.Array], jax.Array]
    example_shape: tuple[int, ...]
    input_name: str
    output_name: str

    def free_batch(self) -> jax.ShapeDtypeStruct:
        """Describe a batch of any size, for JAX to trace."""
        (n,) = export.symbolic_shape("n")
        return jax.ShapeDtypeStruct((n, *self.example_shape), jnp.float32)


def parts(model: Autoencoder) -> tuple[Part, Part]:
    """Return the encoder, (n, height, width) to (n, latent_dim), and the decoder, the way back.

    The encoder takes values from 0 to 1, unchecked; of a variational model it gives the mean.
    """
    return (
        Part("encoder", jax.vmap(model.encoder), model.image_shape, "images", "z"),
        Part("decoder", jax.vmap(model.decoder), (model.latent_dim,), "z", "images"),
    )


def write_parts(path: Path, model: Autoencoder, program: Callable[[Part], bytes]) -> list[Path]:
    """Write encoder and decoder, both whole or neither.

    Args:
      path: what `part_path` makes the two files' names of.
      model: the trained model.
      program: makes a file's content.

    Returns:
      The two files.

    Raises:
      OSError: a file cannot be written.
    """
    contents = {part_path(path, part): program(part) for part in parts(model)}
    with ExitStack() as stack:
        for name, content in contents.items():
            stack.enter_context(atomic(name)).write_bytes(content)
    return list(contents)


def part_path(path: Path, part: Part) -> Path:
    """Name a part's file: `model.onnx` becomes `model-encoder.onnx`."""
    return path.with_name(f"{path.stem}-{part.name}{path.suffix}")
