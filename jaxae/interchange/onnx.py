"""ONNX: encoder and decoder as graphs for ONNX Runtime and whatever else reads them.

jax2onnx makes them. It replaces layers of Flax while it traces, and has no rule for those under
`jax.vmap`; here JAX traces first, and jax2onnx sees the plain operations.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from jaxae.interchange.programs import Part, write_parts
from jaxae.models import Autoencoder

_INSTALL = "pip install 'jaxae[interchange]'"


def write(path: Path, model: Autoencoder) -> list[Path]:
    """Write encoder and decoder, for a batch of any size, both whole or neither.

    Args:
      path: what `part_path` makes the two files' names of.
      model: the trained model.

    Returns:
      The two files. Inputs and outputs are called `images` and `z`.

    Raises:
      ValueError: jax2onnx is not installed.
      OSError: a file cannot be written.
    """
    try:
        from jax2onnx import to_onnx
    except ImportError as error:
        raise ValueError(f"the format onnx needs jax2onnx: {_INSTALL} ({error})") from error

    def program(part: Part) -> bytes:
        batch = part.free_batch()
        graph = to_onnx(
            _plain(part, batch),
            [batch],
            model_name=part.name,
            input_names=[part.input_name],
            output_names=[part.output_name],
        )
        return bytes(graph.SerializeToString())

    return write_parts(path, model, program)


def _plain(part: Part, batch: jax.ShapeDtypeStruct) -> Callable[[jax.Array], jax.Array]:
    traced = jax.make_jaxpr(part.function)(batch)
    spelled_out = jax.make_jaxpr(lambda x: _evaluate(traced, [x])[0])(batch)
    return lambda x: jaxpr_as_fun(spelled_out)(x)[0]


def _evaluate(traced: ClosedJaxpr, args: Sequence[Any]) -> list[Any]:
    # As jaxpr_as_fun does, but with lax.pad as a concatenation: jax2onnx 0.17 pads no batch of
    # free size.
    values = dict(zip(traced.jaxpr.constvars, traced.consts, strict=True))
    values |= zip(traced.jaxpr.invars, args, strict=True)

    def value(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for equation in traced.jaxpr.eqns:
        inputs = [value(atom) for atom in equation.invars]
        inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
        if inner is not None:
            outputs = _evaluate(inner, inputs)
        elif equation.primitive is lax.pad_p:
            x, fill = inputs
            outputs = [_padded(x, fill, equation.params["padding_config"])]
        else:
            outputs = [equation.primitive.bind(*inputs, **equation.params)]
        values |= zip(equation.outvars, outputs, strict=True)
    return [value(atom) for atom in traced.jaxpr.outvars]


def _padded(x: jax.Array, fill: Any, config: Sequence[tuple[int, int, int]]) -> jax.Array:
    for axis, (low, high, _) in enumerate(config):
        shape = list(x.shape)
        pieces = [x]
        if low:
            shape[axis] = low
            pieces.insert(0, jnp.broadcast_to(fill, shape))
        if high:
            shape[axis] = high
            pieces.append(jnp.broadcast_to(fill, shape))
        x = lax.concatenate(pieces, axis)
    return x
