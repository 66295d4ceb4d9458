"""An autoencoder for MNIST in JAX and Flax.

Data:         load_dataset returns a Dataset of two Splits
Models:       create_model returns an Autoencoder or VariationalAutoencoder from a ModelConfig
Losses:       batch_loss with an Objective; reconstruction_loss, kl_divergence
Training:     fit with a TrainConfig; make_train_step, make_train_epoch for your own loop
Devices:      find_devices, make_mesh, replicate
Latent space: encode, decode, reconstruct, interpolate, latent_grid; Box, pca_plane
Figures:      jaxae.plots, save_figure; draw and verify a figure of FIGURES from a Source
Explorer:     explorer.write writes the latent plane as a page for a web browser
Runs:         Run opens a run's folder; Recorder records training, state_to_resume resumes it
Analysis:     measure an Embedding to get a Report; jaxae.analysis works for any embedding
Geometry:     jaxae.geometry: the metric, lengths and shortest curves of a decoder
Interchange:  jaxae.interchange.safetensors, .onnx and .stablehlo
"""

import lazy_loader

__version__ = "0.2.0"

# A name is imported on first use, so that loading data or showing help does not wait for JAX.
# __init__.pyi lists the names.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
