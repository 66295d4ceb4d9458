"""safetensors: a run's parameters under PyTorch's names, with what it takes to rebuild its model.

The header's metadata has one entry, `jaxae`: JSON with `layout` (the version of names and order, 1)
and the sections `model`, `train` and `data` of the run's config.json. The format has no code in
it, and its header says where each array lies; the library holds that against the file's size.
"""

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax import nnx

from jaxae.files import atomic
from jaxae.interchange.layout import layouts
from jaxae.models import Autoencoder, abstract_model
from jaxae.records import RunRecord, parse_record
from jaxae.text import reason

_LAYOUT = 1


def write(path: Path, model: Autoencoder, record: RunRecord) -> list[Path]:
    """Write a model's parameters, float32, whole or not at all.

    Args:
      path: the file; PyTorch's names and order of axes are those of `layouts`.
      model: the trained model.
      record: what its run was made from.

    Returns:
      The one file.

    Raises:
      OSError: the file cannot be written.
    """
    state = dict(nnx.to_flat_state(nnx.state(model, nnx.Param)))
    arrays = {
        name: layout.there(np.asarray(state[key][...]))
        for name, (key, layout) in layouts(model).items()
    }
    # One entry: the library writes several in another order each time.
    about = json.dumps({"layout": _LAYOUT, **record.as_json()})
    content = safetensors.numpy.save(arrays, {"jaxae": about})
    with atomic(path) as partial:
        partial.write_bytes(content)
    return [path]


def read(path: Path) -> tuple[Autoencoder, RunRecord]:
    """Read what `write` wrote; the parameters are the same bits.

    Returns:
      The model with its parameters, and what its run was made from.

    Raises:
      ValueError: the file is not safetensors of a jaxae model, or is damaged; the text names it.
      OSError: the file cannot be opened.
    """
    size = path.stat().st_size
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return _parse(file, size)
    except OSError:
        raise
    except Exception as error:  # The library has an exception of its own, derived from none.
        raise ValueError(f"{path}: {reason(error)}") from error


def _parse(file: Any, size: int) -> tuple[Autoencoder, RunRecord]:
    about = (file.metadata() or {}).get("jaxae")
    if about is None:
        raise ValueError("no safetensors file of a jaxae model; expected one of jaxae export")
    sections = json.loads(about)
    if sections["layout"] != _LAYOUT:
        raise ValueError(f"layout {sections['layout']!r}, this version of jaxae reads {_LAYOUT}")
    record = parse_record(sections)
    height, width = record.data.image_shape
    # No model has fewer: the first of its dense layers sees each pixel or a feature in its place.
    fewest = record.model.hidden_dim * (height * width + record.model.latent_dim)
    if 4 * fewest > size:
        raise ValueError(f"its header claims {fewest:,} parameters or more, it has {size:,} bytes")

    graphdef, like = abstract_model(record.model, record.data.image_shape)
    expected = layouts(nnx.merge(graphdef, like))
    if set(file.keys()) != expected.keys():
        names = sorted(set(file.keys()) ^ expected.keys())
        raise ValueError(f"{', '.join(names)}: too many or missing for model {record.model.model}")
    state = dict(nnx.to_flat_state(like))
    for name, (key, layout) in expected.items():
        claimed = file.get_slice(name)
        shape, dtype = tuple(claimed.get_shape()), claimed.get_dtype()
        if (shape, dtype) != (layout.theirs, "F32"):
            raise ValueError(f"{name} is {dtype} of shape {shape}; expected F32 of {layout.theirs}")
        state[key] = state[key].replace(jnp.asarray(layout.back(file.get_tensor(name))))
    return nnx.merge(graphdef, nnx.from_flat_state(list(state.items()))), record
