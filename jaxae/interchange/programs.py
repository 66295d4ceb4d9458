"""A model's encoder and decoder as functions of a batch, each written to its own file."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import export

from jaxae._utils.files import atomic
from jaxae.models import Autoencoder


class Program(NamedTuple):
    """An encoder or a decoder, with the names that it has in exported files.

    Attributes:
      name: `encoder` or `decoder`.
      function: maps a float32 batch to a float32 batch; the first axis is the batch's.
      example_shape: the shape of one input.
      input_name: `images` or `z`.
      output_name: `z` or `images`.
    """

    name: str
    function: Callable[[jax.Array], jax.Array]
    example_shape: tuple[int, ...]
    input_name: str
    output_name: str

    def abstract_batch(self) -> jax.ShapeDtypeStruct:
        """Shape and dtype of a batch of symbolic size, for JAX to trace."""
        (n,) = export.symbolic_shape("n")
        return jax.ShapeDtypeStruct((n, *self.example_shape), jnp.float32)


def programs(model: Autoencoder) -> tuple[Program, Program]:
    """Return the encoder, (n, *image_shape) to (n, latent_dim), and the decoder, the reverse.

    The encoder expects values from 0 to 1 and does not check them. The encoder of a variational
    model returns the mean.
    """
    return (
        Program("encoder", jax.vmap(model.encoder), model.image_shape, "images", "z"),
        Program("decoder", jax.vmap(model.decoder), (model.latent_dim,), "z", "images"),
    )


def write_programs(
    path: Path, model: Autoencoder, serialize: Callable[[Program], bytes]
) -> list[Path]:
    """Write encoder and decoder, both or neither.

    Args:
      path: `model.onnx` stands for `model-encoder.onnx` and `model-decoder.onnx`.
      model: the trained model.
      serialize: returns the content of a program's file.

    Returns:
      The two files.

    Raises:
      OSError: a file cannot be written.
    """
    contents = {
        path.with_name(f"{path.stem}-{program.name}{path.suffix}"): serialize(program)
        for program in programs(model)
    }
    with ExitStack() as stack:
        for file, content in contents.items():
            stack.enter_context(atomic(file)).write_bytes(content)
    return list(contents)
