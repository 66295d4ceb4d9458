"""Latent space: encode, decode, and the plane that figures show.

codec      encode, decode, reconstruct, interpolate, latent_grid
batching   apply a module to any number of rows in chunks of fixed sizes
plane      planes, boxes and grids of points
"""

from jaxae.latent.batching import Floats as Floats
from jaxae.latent.codec import decode as decode
from jaxae.latent.codec import decode_blocks as decode_blocks
from jaxae.latent.codec import encode as encode
from jaxae.latent.codec import encode_blocks as encode_blocks
from jaxae.latent.codec import interpolate as interpolate
from jaxae.latent.codec import latent_grid as latent_grid
from jaxae.latent.codec import reconstruct as reconstruct
from jaxae.latent.plane import LECTURE_BOX as LECTURE_BOX
from jaxae.latent.plane import Box as Box
from jaxae.latent.plane import Plane as Plane
from jaxae.latent.plane import fitted_box as fitted_box
from jaxae.latent.plane import grid_points as grid_points
from jaxae.latent.plane import latent_plane as latent_plane
from jaxae.latent.plane import pca_plane as pca_plane
