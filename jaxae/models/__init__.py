"""The autoencoders as Flax modules. Each maps one example; `jax.vmap` maps a batch.

dense         dense encoder and decoder
conv          convolutional encoder and decoder
autoencoder   the two together, plain or variational
"""

from jaxae.models.autoencoder import (
    Autoencoder,
    Params,
    VariationalAutoencoder,
    abstract_model,
    create_model,
    parameters,
)
from jaxae.models.conv import ConvDecoder, ConvEncoder
from jaxae.models.dense import Decoder, Encoder, VariationalEncoder

__all__ = [
    "Autoencoder",
    "ConvDecoder",
    "ConvEncoder",
    "Decoder",
    "Encoder",
    "Params",
    "VariationalAutoencoder",
    "VariationalEncoder",
    "abstract_model",
    "create_model",
    "parameters",
]
