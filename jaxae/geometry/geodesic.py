"""Geodesics: curves of least energy between two points of latent space."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from jax import lax
from numpy.typing import ArrayLike

from jaxae.geometry.curves import energy_of, length_of
from jaxae.geometry.decoders import Decoder, as_points, as_pytree, displacements
from jaxae.geometry.graph import MOST_DIMENSIONS, grid_paths
from jaxae.geometry.region import Region, everywhere, hull_of
from jaxae.geometry.spline import KNOTS, spline_basis

# Steps of the minimiser at most.
_STEPS = 400
# Weight of leaving the region, where the straight line's energy and the region's width are 1.
_LEAVING = 1e3
# Of the region's extent: rounding errors of points on its facets.
_ROUNDING = 1e-5


class Geodesic(NamedTuple):
    """A curve of least energy, whose images follow each other at equal distances.

    Attributes:
      points: points along the curve, both ends included, shape (..., n, latent_dim).
      length: its length on images, as from `curve_length`, in pixels, shape (...).
      energy: its energy, as from `curve_energy`, shape (...).
      straight_length: length on images of the straight line between its ends, at points whose
        images follow each other at equal distances, too. It is at least `length`, shape (...).
      converged: whether the last step of the minimiser changed the energy by less than rounding
        errors do, rather than failing or being the last one allowed, shape (...).
    """

    points: npt.NDArray[np.floating]
    length: npt.NDArray[np.floating]
    energy: npt.NDArray[np.floating]
    straight_length: npt.NDArray[np.floating]
    converged: npt.NDArray[np.bool_]

    @property
    def gain(self) -> npt.NDArray[np.floating]:
        """Share by which it is shorter than the straight line; 0 if both are 0; shape (...)."""
        straight = np.asarray(self.straight_length)
        return (straight - self.length) / np.where(straight > 0, straight, 1)


def geodesic(
    decoder: Decoder, a: ArrayLike, b: ArrayLike, *, within: ArrayLike | None = None, n: int = 64
) -> Geodesic:
    """Find the curve from a to b whose images change least, as measured by `curve_energy`.

    A cubic spline with fixed ends is minimised by L-BFGS, once from the straight line and once from
    the shortest path on a grid (Dijkstra, for three dimensions or fewer); the better result counts.
    If no spline is shorter than the straight line, that line is returned. No search can exclude
    that a still shorter curve exists.

    Args:
      decoder: maps one point, shape (latent_dim,), to an array; a model's `decoder` is one.
      a: where curves begin, shape (..., latent_dim).
      b: where they end, the same shape. One compiled program serves all pairs.
      within: a cloud of points, shape (m, latent_dim), usually all embeddings, whose convex hull a
        curve may not leave by more than about 1 % of its width. A decoder may saturate outside
        the cloud, so that a detour there costs nothing. None sets no bounds.
      n: number of points along a curve, 2 or more.

    Raises:
      ValueError: a wrong shape; a value that is not a finite number; fewer than 2 points; or an end
        outside the hull of `within`.

    Example:
      >>> def sphere(z):
      ...     latitude, longitude = z
      ...     around = jnp.array([jnp.cos(longitude), jnp.sin(longitude)])
      ...     return jnp.append(jnp.cos(latitude) * around, jnp.sin(latitude))
      >>> found = jaxae.geometry.geodesic(sphere, [np.pi / 4, 0.0], [np.pi / 4, np.pi / 2])
      >>> round(found.length.item(), 3)  # of a great circle: π/3
      1.047
      >>> round(found.straight_length.item(), 3)  # of a parallel: π/(2√2)
      1.111
    """
    starts_at, ends_at = as_points(a, "a", axes=1), as_points(b, "b", axes=1)
    if starts_at.shape != ends_at.shape:
        raise ValueError(f"a has shape {starts_at.shape} and b {ends_at.shape}; expected the same")
    if n < 2:
        raise ValueError(f"n is {n}; expected 2 or more, since both ends are included")
    *leading, latent_dim = starts_at.shape
    if 0 in leading:
        raise ValueError(f"a has shape {starts_at.shape}; expected one pair of points or more")
    ends = np.stack([starts_at, ends_at], axis=-2).reshape(-1, 2, latent_dim)
    region = _region(ends, within)

    # A curve is found in the same direction whichever end is named first.
    swapped = np.array([tuple(a) > tuple(b) for a, b in ends], bool)
    ends = np.where(swapped[:, None, None], ends[:, ::-1], ends)
    paths = np.zeros((len(ends), 0, KNOTS, latent_dim))
    if latent_dim <= MOST_DIMENSIONS:
        paths = grid_paths(decoder, ends, region, KNOTS)[:, None]
    arguments = (
        as_pytree(decoder),
        *(jnp.asarray(bound, starts_at.dtype) for bound in region.padded_facets()),
    )
    # One pair at a time: together, all would take as many steps as the slowest.
    found = [
        _best(*arguments, *(jnp.asarray(part, starts_at.dtype) for part in pair), n)
        for pair in zip(ends, paths, strict=True)
    ]
    points, *others = (np.stack(field) for field in zip(*found, strict=True))
    points = np.where(swapped[:, None, None], points[:, ::-1], points)
    return Geodesic(*(field.reshape((*leading, *field.shape[1:])) for field in (points, *others)))


def _region(ends: npt.NDArray[np.floating], within: ArrayLike | None) -> Region:
    if within is None:
        return everywhere(ends.reshape(-1, ends.shape[-1]).astype(np.float64))
    cloud = as_points(within, "within", axes=1)
    if cloud.ndim != 2 or cloud.shape[1] != ends.shape[-1]:
        raise ValueError(f"within has shape {cloud.shape}; expected (m, {ends.shape[-1]})")
    hull = hull_of(np.asarray(cloud, np.float64))
    for name, points in (("a", ends[:, 0]), ("b", ends[:, 1])):
        outside = hull.excess(points) > _ROUNDING * hull.extent
        if outside.any():
            raise ValueError(
                f"{name} has a point outside the hull of within, {points[outside][0].tolist()}; "
                "add it to within, or pass within=None"
            )
    return hull


@functools.partial(jax.jit, static_argnums=5)
def _best(
    decoder: Decoder,
    normals: jax.Array,
    offsets: jax.Array,
    ends: jax.Array,
    paths: jax.Array,
    n: int,
) -> tuple[jax.Array, ...]:
    """Return the fields of a `Geodesic` between two points.

    Args:
      decoder: the decoder.
      normals: of the padded facets of a `Region`, as are `offsets`.
      offsets: see `normals`.
      ends: the two points, shape (2, latent_dim).
      paths: knots of curves to start from besides the straight line, shape (paths, KNOTS,
        latent_dim).
      n: number of points.
    """

    def line(t: jax.Array) -> jax.Array:
        return ends[:1] + jnp.outer(t, ends[1] - ends[0])

    def leaving(curve: jax.Array) -> jax.Array:
        outside = jax.nn.relu(curve @ normals.T - offsets[None])
        return jnp.mean(jnp.sum(jnp.square(outside), axis=1))

    with jax.default_matmul_precision("float32"):
        starts = jnp.concatenate(
            [_at_constant_speed(decoder, line, KNOTS, ends.dtype)[None], paths]
        )
        # At fewer points than knots, the energy would not determine the spline.
        fitted = jax.vmap(lambda start: _fitted(decoder, start, leaving, max(n, KNOTS)))(starts)
        knots, _, converged = jax.tree.map(lambda leaf: leaf[jnp.argmin(fitted[1])], fitted)
        points = _at_constant_speed(decoder, lambda t: spline_basis(t) @ knots, n, ends.dtype)
        straight = _at_constant_speed(decoder, line, n, ends.dtype)
    length, straight_length = length_of(decoder, points), length_of(decoder, straight)
    # A spline of few knots may not follow a line on which images change abruptly.
    is_shorter = length < straight_length
    points = jnp.where(is_shorter, points, straight)
    length = jnp.where(is_shorter, length, straight_length)
    return points, length, energy_of(decoder, points), straight_length, converged


def _fitted(
    decoder: Decoder, start: jax.Array, leaving: Any, n: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Minimise one curve; return its knots, its cost and whether the minimiser converged."""
    basis = spline_basis(jnp.linspace(0, 1, n, dtype=start.dtype))
    line = jnp.linspace(start[0], start[-1], n)
    straight = energy_of(decoder, line)
    unit = jnp.where(straight > 0, straight, 1)
    # In these coordinates of the inner knots, the energy of an isometry is a sum of squares.
    steps = jnp.diff(basis[:, 1:-1], axis=0) * jnp.sqrt(n - 1.0)
    stiffness = jnp.linalg.cholesky(steps.T @ steps)

    def knots_of(y: jax.Array) -> jax.Array:
        moved = jax.scipy.linalg.solve_triangular(stiffness.T, y, lower=False)
        return start.at[1:-1].add(moved)

    def cost(y: jax.Array) -> jax.Array:
        curve = basis @ knots_of(y)
        return energy_of(decoder, curve) / unit + _LEAVING * leaving(curve)

    minimiser = optax.lbfgs()
    tolerance = jnp.finfo(start.dtype).eps ** (3 / 4)

    def unfinished(carry: Any) -> jax.Array:
        _, _, _, _, step, fall = carry
        return (step < _STEPS) & (fall > tolerance)

    def improve(carry: Any) -> Any:
        y, value, grad, state, step, _ = carry
        updates, state = minimiser.update(grad, state, y, value=value, grad=grad, value_fn=cost)
        line_search = state[-1]
        return (
            optax.apply_updates(y, updates),
            line_search.value,
            line_search.grad,
            state,
            step + 1,
            (value - line_search.value) / jnp.where(value > 0, value, 1),
        )

    y = jnp.zeros_like(start[1:-1])
    value, grad = jax.value_and_grad(cost)(y)
    fall = jnp.where(jnp.any(grad != 0), 1, 0).astype(value.dtype)
    carry = (y, value, grad, minimiser.init(y), 0, fall)
    y, value, _, _, _, fall = lax.while_loop(unfinished, improve, carry)
    # Where the decoder has no gradient, a step may lead nowhere.
    is_sound = jnp.isfinite(value) & jnp.all(jnp.isfinite(y))
    return knots_of(y), jnp.where(is_sound, value, jnp.inf), is_sound & (fall <= tolerance)


def _at_constant_speed(
    decoder: Decoder, curve: Callable[[jax.Array], jax.Array], n: int, dtype: Any
) -> jax.Array:
    """Return n points of a curve over [0, 1], both ends included, at equal image distances."""
    t = jnp.linspace(0, 1, 4 * n, dtype=dtype)
    finely = curve(t)
    steps = jnp.linalg.norm(displacements(decoder, finely), axis=1)
    # Where images do not change, points are equally spaced in t.
    steps += 1e-6 * jnp.mean(steps) + jnp.finfo(steps.dtype).tiny
    along = jnp.append(0, jnp.cumsum(steps))
    at = jnp.interp(jnp.linspace(0, 1, n, dtype=dtype), along / along[-1], t)
    return curve(at).at[0].set(finely[0]).at[-1].set(finely[-1])
