"""The autoencoders as Flax modules. Each maps one example; `jax.vmap` maps a batch.

dense         dense encoder and decoder
conv          convolutional encoder and decoder
autoencoder   the two together, plain or variational
"""

from jaxae.models.autoencoder import Autoencoder as Autoencoder
from jaxae.models.autoencoder import Params as Params
from jaxae.models.autoencoder import VariationalAutoencoder as VariationalAutoencoder
from jaxae.models.autoencoder import abstract_model as abstract_model
from jaxae.models.autoencoder import create_model as create_model
from jaxae.models.autoencoder import parameters as parameters
from jaxae.models.conv import ConvDecoder as ConvDecoder
from jaxae.models.conv import ConvEncoder as ConvEncoder
from jaxae.models.dense import Decoder as Decoder
from jaxae.models.dense import Encoder as Encoder
from jaxae.models.dense import VariationalEncoder as VariationalEncoder
