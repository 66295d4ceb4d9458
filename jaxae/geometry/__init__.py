"""The geometry of latent space: how far images move when z does.

A decoder is any function of one point, shape (latent_dim,), to an array; a model's `decoder` is
one. Points may be float64 under `jax.enable_x64`. Distances between images are in pixels, the root
of the summed squared difference.

metric         metric, log_magnification, condition_number: the pull-back metric G = JᵀJ
ensemble       ensemble: several decoders, whose mean metric counts
density        density_weighted: a decoder whose distances grow where a cloud is thin
indicatrices   indicatrices: ellipses of equal image distance
curves         curve_length, curve_energy: curves, measured on what they decode to
geodesic       geodesic: shortest curves between points
graph          shortest paths on a grid, from which geodesics start
region         the part of latent space in which they may run
spline         the splines that they are
decoders       Jacobians and images of many points
"""

from jaxae.geometry.curves import curve_energy as curve_energy
from jaxae.geometry.curves import curve_length as curve_length
from jaxae.geometry.decoders import Decoder as Decoder
from jaxae.geometry.density import density_weighted as density_weighted
from jaxae.geometry.ensemble import ensemble as ensemble
from jaxae.geometry.geodesic import Geodesic as Geodesic
from jaxae.geometry.geodesic import geodesic as geodesic
from jaxae.geometry.indicatrices import Indicatrices as Indicatrices
from jaxae.geometry.indicatrices import indicatrices as indicatrices
from jaxae.geometry.metric import condition_number as condition_number
from jaxae.geometry.metric import log_magnification as log_magnification
from jaxae.geometry.metric import metric as metric
