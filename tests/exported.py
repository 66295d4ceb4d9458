"""Runs and models with random parameters, to export."""

from pathlib import Path

import jax
import numpy as np
import numpy.typing as npt
from flax import nnx

from jaxae import Autoencoder, ModelConfig, Run, TrainConfig, create_model
from jaxae.config import DataConfig, RunConfig
from jaxae.distributed.mesh import make_mesh
from jaxae.runs.recorder import Recorder


def random_model(config: ModelConfig, image_shape: tuple[int, ...]) -> Autoencoder:
    """Return a model whose parameters all differ; in a new model the biases are zero."""
    model = create_model(config, image_shape, seed=0)
    rng = np.random.default_rng(0)
    params = nnx.state(model, nnx.Param)
    nnx.update(model, jax.tree.map(lambda p: p + 0.1 * rng.normal(size=p.shape), params))
    return model


def config_of(config: ModelConfig, image_shape: tuple[int, ...]) -> RunConfig:
    return RunConfig(config, TrainConfig(), DataConfig("blobs", "nowhere", "0", image_shape, 300))


def parameters(model: Autoencoder) -> dict[str, bytes]:
    state = nnx.to_flat_state(nnx.state(model, nnx.Param))
    return {".".join(map(str, path)): np.asarray(param[...]).tobytes() for path, param in state}


def batch(n: int, *shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(n).random((n, *shape), np.float32)


def write_run(path: Path, config: ModelConfig, image_shape: tuple[int, ...] = (8, 6)) -> None:
    """Write a run that was not trained."""
    run = Run.create(path, config_of(config, image_shape), mesh=make_mesh(jax.devices()[:1]))
    state = run.initial_state(nnx.state(random_model(config, image_shape), nnx.Param))
    Recorder(run, state).close()
