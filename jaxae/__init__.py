"""An autoencoder for MNIST in JAX and Flax.

Data:       load_dataset -> Dataset of two Splits
Models:     ModelConfig, create_model; Autoencoder, VariationalAutoencoder, one example in, one out
Losses:     batch_loss of an Objective; reconstruction_loss, kl_divergence
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
from jaxae.runs import Run
from jaxae.style import save_figure
from jaxae.training import (
    TrainState,
    evaluate,
    init_state,
    make_optimizer,
    make_train_epoch,
    make_train_step,
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
    "Objective",
    "Plane",
    "Run",
    "Split",
    "TrainConfig",
    "TrainState",
    "VariationalAutoencoder",
    "VariationalEncoder",
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
    "kl_divergence",
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
