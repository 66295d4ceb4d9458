"""ONNX: encoder and decoder as graphs for ONNX Runtime and other software.

jax2onnx converts them. It replaces Flax layers while it traces, and has no batching rule for its
replacements under `jax.vmap`. So JAX traces first, and jax2onnx sees only JAX's own primitives.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from jaxae.interchange.programs import Program, write_programs
from jaxae.models import Autoencoder

_INSTALL = "pip install 'jaxae[interchange]'"


def write(path: Path, model: Autoencoder) -> list[Path]:
    """Write encoder and decoder for batches of any size, both or neither.

    Args:
      path: the two files' common name, see `write_programs`.
      model: the trained model.

    Returns:
      The two files. Inputs and outputs are named `images` and `z`.

    Raises:
      ValueError: jax2onnx is not installed.
      OSError: a file cannot be written.
    """
    try:
        from jax2onnx import to_onnx
    except ImportError as error:
        raise ValueError(f"the format onnx needs jax2onnx: {_INSTALL} ({error})") from error

    def serialize(program: Program) -> bytes:
        batch = program.abstract_batch()
        graph = to_onnx(
            _plain(program, batch),
            [batch],
            model_name=program.name,
            input_names=[program.input_name],
            output_names=[program.output_name],
        )
        return bytes(graph.SerializeToString())

    return write_programs(path, model, serialize)


def _plain(program: Program, batch: jax.ShapeDtypeStruct) -> Callable[[jax.Array], jax.Array]:
    traced = jax.make_jaxpr(program.function)(batch)
    inlined = jax.make_jaxpr(lambda x: _evaluate(traced, [x])[0])(batch)
    return lambda x: jaxpr_as_fun(inlined)(x)[0]


def _evaluate(traced: ClosedJaxpr, args: Sequence[Any]) -> list[Any]:
    # Like jaxpr_as_fun, but with each call inlined and lax.pad written as a concatenation, because
    # jax2onnx (0.13 to 0.17) cannot pad a batch of symbolic size.
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
