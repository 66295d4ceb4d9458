"""StableHLO: encoder and decoder as programs that JAX runs without jaxae.

`jax.export.deserialize(FILE.read_bytes()).call(batch)` runs one, on a CPU, a CUDA GPU or a TPU.
The bytes are jax.export's: StableHLO in its portable form, with the types of inputs and outputs.
Writing and reading them takes flatbuffers, which JAX does not install. JAX promises to read them
for six months at least.
"""

import importlib.util
from pathlib import Path

import jax
from jax import export

from jaxae.interchange.programs import Part, write_parts
from jaxae.models import Autoencoder

PLATFORMS = ("cpu", "cuda", "tpu")
_INSTALL = "pip install 'jaxae[interchange]'"


def write(path: Path, model: Autoencoder) -> list[Path]:
    """Write encoder and decoder, for a batch of one or more, both whole or neither.

    Args:
      path: what `part_path` makes the two files' names of.
      model: the trained model.

    Returns:
      The two files.

    Raises:
      ValueError: flatbuffers is not installed.
      OSError: a file cannot be written.
    """
    if importlib.util.find_spec("flatbuffers") is None:
        raise ValueError(f"the format stablehlo needs flatbuffers: {_INSTALL}")

    def program(part: Part) -> bytes:
        exported = export.export(jax.jit(part.function), platforms=PLATFORMS)(part.free_batch())
        return bytes(exported.serialize())

    return write_parts(path, model, program)
