"""safetensors: a run's parameters under PyTorch's names, with the configuration of its model.

The header's metadata has one entry, `jaxae`: JSON with `layout` (the version of names and order, 1)
and the sections `model`, `train` and `data` of the run's config.json. The format contains no code,
and the library checks the arrays' positions, which the header gives, against the file's size.
PyTorch drops the metadata when it saves a file again; the model's sizes are then taken from the
arrays' shapes.
"""

import dataclasses
import functools
import itertools
import json
import logging
import math
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax import nnx

from jaxae._utils.files import atomic
from jaxae._utils.text import reason
from jaxae.config import FORMAT, DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxae.data import load_dataset
from jaxae.interchange.torch_layout import torch_layouts
from jaxae.models import Autoencoder, abstract_model, parameters
from jaxae.runs import parse_config

_LAYOUT = 1
_SECTIONS = ("model", "train", "data")
_log = logging.getLogger(__name__)


def write(path: Path, model: Autoencoder, config: RunConfig) -> list[Path]:
    """Write a model's parameters, float32, with the names and axes of `torch_layouts`.

    Args:
      path: the file; it is written atomically.
      model: the trained model.
      config: the configuration of its run.

    Returns:
      The file, in a list.

    Raises:
      OSError: the file cannot be written.
    """
    state = dict(nnx.to_flat_state(parameters(model)))
    arrays = {
        name: layout.to_torch(np.asarray(state[key][...]))
        for name, (key, layout) in torch_layouts(model).items()
    }
    # One entry, because the library writes several in random order.
    sections = {name: dataclasses.asdict(getattr(config, name)) for name in _SECTIONS}
    about = json.dumps({"layout": _LAYOUT, **sections})
    content = safetensors.numpy.save(arrays, {"jaxae": about})
    with atomic(path) as partial:
        partial.write_bytes(content)
    return [path]


def read(path: Path, like: RunConfig | None = None) -> tuple[Autoencoder, RunConfig]:
    """Read a file that `write` wrote, or that PyTorch saved with the same names.

    Args:
      path: the file.
      like: the configuration of the model's run; by default the one in the file. If the file has
        none, the sizes are taken from its arrays, MNIST and the default settings are assumed, and a
        warning that names them is logged.

    Returns:
      The model, whose parameters have the bits of the file, and the configuration of its run.

    Raises:
      ValueError: the file is damaged, or not a jaxae model in safetensors; the message names it.
      OSError: the file cannot be opened.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected a .safetensors file")
    size = path.stat().st_size
    hint = ""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            about = (file.metadata() or {}).get("jaxae")
            if like is not None:
                config = like
            elif about is not None:
                config = _parse_metadata(about)
            else:
                hint = "; it does not say what it was trained on: if not MNIST, pass --like RUN"
                config = _infer_config(file)
            model = _read_model(file, config, size)
    except OSError:
        raise
    except Exception as error:  # The library's own exception derives from Exception alone.
        raise ValueError(f"{path}: {reason(error)}{hint}") from error
    if hint:
        _log.warning(
            "%s does not say what it was trained on; assuming %s of %s with default settings",
            *(path, config.model, config.data.name),
        )
    return model, config


def _parse_metadata(about: str) -> RunConfig:
    sections = json.loads(about)
    if sections["layout"] != _LAYOUT:
        raise ValueError(f"layout {sections['layout']!r}, this version of jaxae reads {_LAYOUT}")
    return parse_config({"format": FORMAT, **{name: sections[name] for name in _SECTIONS}})


def _infer_config(file: Any) -> RunConfig:
    names = set(file.keys())

    def units(layer: str) -> int:
        name = f"encoder.{layer}.weight"
        if name not in names:
            raise ValueError(f"{name} is missing; expected the names that jaxae export writes")
        return next(iter(file.get_slice(name).get_shape()), 0)

    layers = ["hidden"]
    while f"encoder.deeper.{len(layers) - 1}.weight" in names:
        layers.append(f"deeper.{len(layers) - 1}")
    model = ModelConfig(
        units("latent"),
        tuple(map(units, layers)),
        "vae" if "encoder.log_variance.weight" in names else "ae",
        "conv" if "encoder.first.weight" in names else "dense",
    )
    return RunConfig(model, TrainConfig(), _mnist())


@functools.cache
def _mnist() -> DataConfig:
    return load_dataset("mnist").describe("mnist")


def _read_model(file: Any, config: RunConfig, size: int) -> Autoencoder:
    image_shape = config.data.image_shape
    image_size = "×".join(map(str, image_shape))
    # A lower bound: the first dense layer of every model has one input per pixel or more.
    sizes = math.prod(image_shape[:2]), *config.model.widths, config.model.latent_dim
    fewest = sum(math.prod(pair) for pair in itertools.pairwise(sizes))
    if 4 * fewest > size:
        raise ValueError(
            f"a model of hidden_dim {config.model.hidden_dim} and latent_dim "
            f"{config.model.latent_dim} for images of {image_size} has {fewest:,} parameters "
            f"or more, the file has {size:,} bytes"
        )
    graphdef, abstract = abstract_model(config.model, image_shape)
    expected = torch_layouts(nnx.merge(graphdef, abstract))
    names = set(file.keys())
    if names != expected.keys():
        missing, extra = sorted(expected.keys() - names), sorted(names - expected.keys())
        parts = [f"{', '.join(missing)} missing"] * bool(missing)
        parts += [f"{', '.join(extra)} unknown"] * bool(extra)
        kind = f"{config.model.architecture} {config.model.model}"
        raise ValueError(f"{'; '.join(parts)} for a {kind}")
    state = dict(nnx.to_flat_state(abstract))
    for name, (key, layout) in expected.items():
        claimed = file.get_slice(name)
        shape, dtype = tuple(claimed.get_shape()), claimed.get_dtype()
        if (shape, dtype) != (layout.torch_shape, "F32"):
            raise ValueError(
                f"{name} is {dtype} of shape {shape}; expected F32 of {layout.torch_shape} for "
                f"images of {image_size}"
            )
        state[key] = state[key].replace(jnp.asarray(layout.from_torch(file.get_tensor(name))))
    return nnx.merge(graphdef, nnx.from_flat_state(list(state.items())))
