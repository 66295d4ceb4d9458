"""The autoencoders as Flax modules.

Every module maps one example; `jax.vmap` maps a batch. An encoder maps an image, values 0 to 1, to
z of shape (latent_dim,); a decoder maps z to such an image. All of them take the same arguments:
`config`, the sizes of the hidden layers and of latent space; `image_shape`, the shape of an image,
(height, width), or (height, width, 3) in colour; and `rngs`, which draws the initial kernels (LeCun
normal; biases start at zero).

dense         encoder and decoder with hidden layers only
conv          encoder and decoder with two convolutions each
autoencoder   encoder and decoder together, plain or variational; create_model
"""

from jaxae.models.autoencoder import Autoencoder as Autoencoder
from jaxae.models.autoencoder import AutoencoderLike as AutoencoderLike
from jaxae.models.autoencoder import Params as Params
from jaxae.models.autoencoder import VariationalAutoencoder as VariationalAutoencoder
from jaxae.models.autoencoder import abstract_model as abstract_model
from jaxae.models.autoencoder import check_model as check_model
from jaxae.models.autoencoder import create_model as create_model
from jaxae.models.autoencoder import is_variational as is_variational
from jaxae.models.autoencoder import parameters as parameters
from jaxae.models.autoencoder import posterior as posterior
from jaxae.models.conv import ConvDecoder as ConvDecoder
from jaxae.models.conv import ConvEncoder as ConvEncoder
from jaxae.models.conv import VariationalConvEncoder as VariationalConvEncoder
from jaxae.models.dense import Decoder as Decoder
from jaxae.models.dense import Encoder as Encoder
from jaxae.models.dense import VariationalEncoder as VariationalEncoder
