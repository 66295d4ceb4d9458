"""An autoencoder for MNIST in JAX and Flax.

Data:       load_dataset -> Dataset of two Splits
Models:     ModelConfig, create_model; Autoencoder, VariationalAutoencoder, one example in, one out
Losses:     batch_loss of an Objective; reconstruction_loss, kl_divergence
Training:   TrainConfig, fit; make_train_step and make_train_epoch underneath
Devices:    find_devices, make_mesh, replicate; an UnfinishedEpoch of streamed data
Latent:     encode, decode, reconstruct, interpolate, latent_grid; Box, latent_plane
Figures:    the functions of jaxae.plots, save_figure; draw and verify, of FIGURES, from a Source
Runs:       Run, a folder that opens again; Recorder, state_to_resume while it is trained
Analysis:   jaxae.analysis, of any embedding; measure an Embedding to get a Report
Elsewhere:  write of jaxae.interchange.safetensors, .onnx and .stablehlo; read of the first
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxae.config import CheckpointConfig, ModelConfig, TrainConfig
from jaxae.data import Dataset, Split, load_dataset
from jaxae.devices import find_devices, make_mesh, replicate
from jaxae.fitting import DivergedError, Epoch, EpochMetrics, fit
from jaxae.latent import decode, encode, interpolate, latent_grid, reconstruct
from jaxae.losses import Batch, Objective, batch_loss, kl_divergence, reconstruction_loss
from jaxae.models import (
    Autoencoder,
    Decoder,
    Encoder,
    VariationalAutoencoder,
    VariationalEncoder,
    create_model,
)
from jaxae.plane import LECTURE_BOX, Box, Plane, fitted_box, grid_points, latent_plane
from jaxae.recording import Recorder, state_to_resume
from jaxae.runs import Run
from jaxae.streaming import UnfinishedEpoch
from jaxae.training import (
    TrainState,
    copy_state,
    evaluate,
    init_state,
    make_optimizer,
    make_train_epoch,
    make_train_step,
    scan_batches,
)

if TYPE_CHECKING:
    from jaxae import analysis, plots
    from jaxae.drawing import FIGURES, draw, verify
    from jaxae.embedding import Embedding
    from jaxae.measuring import measure
    from jaxae.sources import Source
    from jaxae.style import save_figure

__version__ = "0.1.0"

# Imported when first used: Matplotlib and SciPy take longer than a script that trains may want.
_LATER = {
    "FIGURES": "drawing",
    "Embedding": "embedding",
    "Source": "sources",
    "analysis": "",
    "draw": "drawing",
    "measure": "measuring",
    "plots": "",
    "save_figure": "style",
    "verify": "drawing",
}

__all__ = [
    "FIGURES",
    "LECTURE_BOX",
    "Autoencoder",
    "Batch",
    "Box",
    "CheckpointConfig",
    "Dataset",
    "Decoder",
    "DivergedError",
    "Embedding",
    "Encoder",
    "Epoch",
    "EpochMetrics",
    "ModelConfig",
    "Objective",
    "Plane",
    "Recorder",
    "Run",
    "Source",
    "Split",
    "TrainConfig",
    "TrainState",
    "UnfinishedEpoch",
    "VariationalAutoencoder",
    "VariationalEncoder",
    "analysis",
    "batch_loss",
    "copy_state",
    "create_model",
    "decode",
    "draw",
    "encode",
    "evaluate",
    "find_devices",
    "fit",
    "fitted_box",
    "grid_points",
    "init_state",
    "interpolate",
    "kl_divergence",
    "latent_grid",
    "latent_plane",
    "load_dataset",
    "make_mesh",
    "make_optimizer",
    "make_train_epoch",
    "make_train_step",
    "measure",
    "plots",
    "reconstruct",
    "reconstruction_loss",
    "replicate",
    "save_figure",
    "scan_batches",
    "state_to_resume",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import what is not imported yet (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module 'jaxae' has no attribute {name!r}")
    if not _LATER[name]:
        return importlib.import_module(f"jaxae.{name}")
    return getattr(importlib.import_module(f"jaxae.{_LATER[name]}"), name)
