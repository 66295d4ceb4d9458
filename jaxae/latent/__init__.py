"""Latent space: encode, decode, and the plane that figures show.

codec      encode, decode, reconstruct, interpolate, latent_grid
batching   apply a module to any number of rows in chunks of fixed sizes
plane      planes, boxes and grids of points
"""

from jaxae.latent.batching import Floats
from jaxae.latent.codec import (
    decode,
    decode_blocks,
    encode,
    encode_blocks,
    interpolate,
    latent_grid,
    reconstruct,
)
from jaxae.latent.plane import (
    LECTURE_BOX,
    Box,
    Plane,
    fitted_box,
    grid_points,
    latent_plane,
    pca_plane,
)

__all__ = [
    "LECTURE_BOX",
    "Box",
    "Floats",
    "Plane",
    "decode",
    "decode_blocks",
    "encode",
    "encode_blocks",
    "fitted_box",
    "grid_points",
    "interpolate",
    "latent_grid",
    "latent_plane",
    "pca_plane",
    "reconstruct",
]
