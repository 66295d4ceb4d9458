"""Decoders whose geometry is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np

A = np.array([[2.0, 1.0], [0.0, 3.0], [-1.0, 0.5]])
RADIUS = 2.0


def affine(z: jax.Array) -> jax.Array:
    return jnp.asarray(A) @ z + 5


def sphere(z: jax.Array) -> jax.Array:
    """Map longitude and latitude to a sphere."""
    x, y = z
    return RADIUS * jnp.stack([jnp.cos(y) * jnp.cos(x), jnp.cos(y) * jnp.sin(x), jnp.sin(y)])


def cylinder(z: jax.Array) -> jax.Array:
    """Roll up the plane, so that straight lines become helices of the same length."""
    return jnp.stack([RADIUS * jnp.cos(z[0] / RADIUS), RADIUS * jnp.sin(z[0] / RADIUS), z[1]])
