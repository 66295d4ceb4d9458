"""StableHLO: encoder and decoder as programs that run in JAX without jaxae.

`jax.export.deserialize(FILE.read_bytes()).call(batch)` runs one on a CPU, a CUDA GPU or a TPU. The
format is that of `jax.export`: portable StableHLO with the types of inputs and outputs. Writing and
reading it requires flatbuffers, which JAX does not install. JAX guarantees to read it for at least
six months.
"""

import importlib.util
from pathlib import Path

import jax
from jax import export

from jaxae.interchange.programs import Program, write_programs
from jaxae.models import Autoencoder

PLATFORMS = ("cpu", "cuda", "tpu")
_INSTALL = "pip install 'jaxae[interchange]'"


def write(path: Path, model: Autoencoder) -> list[Path]:
    """Write encoder and decoder for batches of one or more examples, both or neither.

    Args:
      path: the two files' common name, see `write_programs`.
      model: the trained model.

    Returns:
      The two files.

    Raises:
      ValueError: flatbuffers is not installed.
      OSError: a file cannot be written.
    """
    if importlib.util.find_spec("flatbuffers") is None:
        raise ValueError(f"the format stablehlo needs flatbuffers: {_INSTALL}")

    def serialize(program: Program) -> bytes:
        exported = export.export(jax.jit(program.function), platforms=PLATFORMS)
        return bytes(exported(program.abstract_batch()).serialize())

    return write_programs(path, model, serialize)
