"""Cubic splines through equally spaced knots, as matrices."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

KNOTS = 16


def spline_basis(t: jax.Array) -> jax.Array:
    """Return the matrix, shape (n, KNOTS), that maps values at the knots to those at t.

    The spline has two continuous derivatives. Its ends are not-a-knot, because nothing is known of
    the curvature of a shortest curve there.

    Args:
      t: positions from 0, the first knot, to 1, the last one, shape (n,).
    """
    # Piece, power and knot: column k belongs to the spline that is 1 at knot k and 0 at the others.
    pieces = np.swapaxes(CubicSpline(np.arange(KNOTS), np.eye(KNOTS)).c, 0, 1)
    piece = jnp.clip(jnp.floor(t * (KNOTS - 1)), 0, KNOTS - 2)
    powers = (t * (KNOTS - 1) - piece)[:, None] ** jnp.arange(3, -1, -1, dtype=t.dtype)[None]
    return jnp.einsum("np,npk->nk", powers, jnp.asarray(pieces, t.dtype)[piece.astype(int)])
