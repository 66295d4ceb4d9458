"""An autoencoder for MNIST in JAX and Flax.

Data:       load_dataset -> Dataset of two Splits
Model:      ModelConfig, Autoencoder of Encoder and Decoder, one example in, one out
Training:   TrainConfig, fit; make_train_step and make_train_epoch underneath
Latent:     encode, decode, reconstruct, interpolate, latent_grid; Box, latent_plane
Figures:    the functions of jaxae.plots, save_figure; draw_figures for all of a run's
Runs:       Run, a folder that opens again
"""

from jaxae import plots
from jaxae.config import ModelConfig, TrainConfig
from jaxae.data import Dataset, Split, load_dataset
from jaxae.drawing import draw_figures
from jaxae.fitting import DivergedError, Epoch, EpochMetrics, fit, make_mesh
from jaxae.latent import decode, encode, interpolate, latent_grid, reconstruct
from jaxae.models import Autoencoder, Decoder, Encoder, create_model
from jaxae.plane import LECTURE_BOX, Box, Plane, fitted_box, grid_points, latent_plane
from jaxae.runs import Run
from jaxae.style import save_figure
from jaxae.training import (
    Batch,
    TrainState,
    batch_loss,
    evaluate,
    init_state,
    make_optimizer,
    make_train_epoch,
    make_train_step,
    reconstruction_loss,
    scan_batches,
)

__version__ = "0.1.0"

__all__ = [
    "LECTURE_BOX",
    "Autoencoder",
    "Batch",
    "Box",
    "Dataset",
    "Decoder",
    "DivergedError",
    "Encoder",
    "Epoch",
    "EpochMetrics",
    "ModelConfig",
    "Plane",
    "Run",
    "Split",
    "TrainConfig",
    "TrainState",
    "batch_loss",
    "create_model",
    "decode",
    "draw_figures",
    "encode",
    "evaluate",
    "fit",
    "fitted_box",
    "grid_points",
    "init_state",
    "interpolate",
    "latent_grid",
    "latent_plane",
    "load_dataset",
    "make_mesh",
    "make_optimizer",
    "make_train_epoch",
    "make_train_step",
    "plots",
    "reconstruct",
    "reconstruction_loss",
    "save_figure",
    "scan_batches",
]
