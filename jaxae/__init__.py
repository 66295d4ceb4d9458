"""An autoencoder for MNIST in JAX and Flax.

Data:       load_dataset -> Dataset of two Splits
Models:     ModelConfig, create_model; Autoencoder, VariationalAutoencoder, one example in, one out
Losses:     batch_loss of an Objective; reconstruction_loss, kl_divergence
Training:   TrainConfig, fit; make_train_step and make_train_epoch underneath
Devices:    find_devices, make_mesh, replicate; an UnfinishedEpoch of long or streamed ones
Latent:     encode, decode, reconstruct, interpolate, latent_grid; Box, latent_plane
Figures:    the functions of jaxae.plots, save_figure; draw and verify, of FIGURES, from a Source
Runs:       Run, a folder that opens again; Recorder, state_to_resume while it is trained
Analysis:   jaxae.analysis, of any embedding; measure an Embedding to get a Report
Elsewhere:  write of jaxae.interchange.safetensors, .onnx and .stablehlo; read of the first
"""

import importlib
from typing import TYPE_CHECKING, Any

# For type checkers; keep it as _NAMES has it.
if TYPE_CHECKING:
    from jaxae import analysis as analysis
    from jaxae import data as data
    from jaxae import plots as plots
    from jaxae.config import CheckpointConfig as CheckpointConfig
    from jaxae.config import ModelConfig as ModelConfig
    from jaxae.config import TrainConfig as TrainConfig
    from jaxae.data import Dataset as Dataset
    from jaxae.data import Split as Split
    from jaxae.data import load_dataset as load_dataset
    from jaxae.devices import find_devices as find_devices
    from jaxae.devices import make_mesh as make_mesh
    from jaxae.devices import replicate as replicate
    from jaxae.drawing import FIGURES as FIGURES
    from jaxae.drawing import draw as draw
    from jaxae.drawing import verify as verify
    from jaxae.embedding import Embedding as Embedding
    from jaxae.epochs import UnfinishedEpoch as UnfinishedEpoch
    from jaxae.fitting import DivergedError as DivergedError
    from jaxae.fitting import Epoch as Epoch
    from jaxae.fitting import EpochMetrics as EpochMetrics
    from jaxae.fitting import fit as fit
    from jaxae.latent import decode as decode
    from jaxae.latent import encode as encode
    from jaxae.latent import interpolate as interpolate
    from jaxae.latent import latent_grid as latent_grid
    from jaxae.latent import reconstruct as reconstruct
    from jaxae.losses import Batch as Batch
    from jaxae.losses import Objective as Objective
    from jaxae.losses import batch_loss as batch_loss
    from jaxae.losses import kl_divergence as kl_divergence
    from jaxae.losses import reconstruction_loss as reconstruction_loss
    from jaxae.measuring import measure as measure
    from jaxae.models import Autoencoder as Autoencoder
    from jaxae.models import Decoder as Decoder
    from jaxae.models import Encoder as Encoder
    from jaxae.models import VariationalAutoencoder as VariationalAutoencoder
    from jaxae.models import VariationalEncoder as VariationalEncoder
    from jaxae.models import create_model as create_model
    from jaxae.plane import LECTURE_BOX as LECTURE_BOX
    from jaxae.plane import Box as Box
    from jaxae.plane import Plane as Plane
    from jaxae.plane import fitted_box as fitted_box
    from jaxae.plane import grid_points as grid_points
    from jaxae.plane import latent_plane as latent_plane
    from jaxae.recording import Recorder as Recorder
    from jaxae.recording import state_to_resume as state_to_resume
    from jaxae.runs import Run as Run
    from jaxae.sources import Source as Source
    from jaxae.style import save_figure as save_figure
    from jaxae.training import TrainState as TrainState
    from jaxae.training import copy_state as copy_state
    from jaxae.training import evaluate as evaluate
    from jaxae.training import init_state as init_state
    from jaxae.training import make_optimizer as make_optimizer
    from jaxae.training import make_train_epoch as make_train_epoch
    from jaxae.training import make_train_step as make_train_step
    from jaxae.training import scan_batches as scan_batches

__version__ = "0.1.0"

# Imported when first used, since a name of its data or its command line need not wait for JAX.
_SUBPACKAGES = ("analysis", "data", "plots")
_NAMES = {
    "config": ("CheckpointConfig", "ModelConfig", "TrainConfig"),
    "data": ("Dataset", "Split", "load_dataset"),
    "devices": ("find_devices", "make_mesh", "replicate"),
    "drawing": ("FIGURES", "draw", "verify"),
    "embedding": ("Embedding",),
    "fitting": ("DivergedError", "Epoch", "EpochMetrics", "fit"),
    "latent": ("decode", "encode", "interpolate", "latent_grid", "reconstruct"),
    "losses": ("Batch", "Objective", "batch_loss", "kl_divergence", "reconstruction_loss"),
    "measuring": ("measure",),
    "models": (
        "Autoencoder",
        "Decoder",
        "Encoder",
        "VariationalAutoencoder",
        "VariationalEncoder",
        "create_model",
    ),
    "plane": ("LECTURE_BOX", "Box", "Plane", "fitted_box", "grid_points", "latent_plane"),
    "recording": ("Recorder", "state_to_resume"),
    "runs": ("Run",),
    "sources": ("Source",),
    "epochs": ("UnfinishedEpoch",),
    "style": ("save_figure",),
    "training": (
        "TrainState",
        "copy_state",
        "evaluate",
        "init_state",
        "make_optimizer",
        "make_train_epoch",
        "make_train_step",
        "scan_batches",
    ),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}
__all__ = sorted([*_SUBPACKAGES, *_MODULE_OF])


def __getattr__(name: str) -> Any:
    """Import what is not imported yet (PEP 562)."""
    if name in _SUBPACKAGES:
        return importlib.import_module(f"jaxae.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'jaxae' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"jaxae.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
