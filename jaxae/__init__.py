"""An autoencoder for MNIST in JAX and Flax.

Data:       load_dataset -> Dataset of two Splits
Models:     ModelConfig, create_model; Autoencoder, VariationalAutoencoder, one example in, one out
Losses:     batch_loss of an Objective; reconstruction_loss, kl_divergence
Training:   TrainConfig, fit; make_train_step and make_train_epoch underneath
Devices:    find_devices, make_mesh, replicate
Latent:     encode, decode, reconstruct, interpolate, latent_grid; Box, pca_plane
Figures:    the functions of jaxae.plots, save_figure; draw and verify, of FIGURES, from a Source
Runs:       Run, a folder that opens again; Recorder, state_to_resume while it is trained
Analysis:   jaxae.analysis, of any embedding; measure an Embedding to get a Report
Elsewhere:  write of jaxae.interchange.safetensors, .onnx and .stablehlo; read of the first
"""

import lazy_loader

__version__ = "0.1.0"

# A name is imported on first use, so that loading data or showing help does not wait for JAX.
# __init__.pyi lists the names.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
