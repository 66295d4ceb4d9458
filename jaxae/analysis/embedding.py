"""A model's view of a data set: its embedding, the plane that shows it, and decoded tiles."""

import dataclasses
from functools import cached_property

import numpy as np
import numpy.typing as npt

from jaxae.analysis.estimates import UndefinedError
from jaxae.analysis.gaps import distance_to_nearest, gap_radius
from jaxae.data import Dataset
from jaxae.latent import Box, Plane, decode, encode, fitted_box, grid_points, pca_plane
from jaxae.models import Autoencoder


@dataclasses.dataclass(frozen=True)
class Embedding:
    """A model's view of a data set, each part computed when first asked for."""

    model: Autoencoder
    dataset: Dataset

    @cached_property
    def z_train(self) -> npt.NDArray[np.float32]:
        """Embeddings of the training images, (n, latent_dim)."""
        return encode(self.model, self.dataset.train.images)

    @cached_property
    def z_test(self) -> npt.NDArray[np.float32]:
        """Embeddings of the test images."""
        return encode(self.model, self.dataset.test.images)

    @cached_property
    def z(self) -> npt.NDArray[np.float32]:
        """Both, the training images' first."""
        return np.concatenate([self.z_train, self.z_test])

    @cached_property
    def labels(self) -> npt.NDArray[np.integer]:
        """Labels of both."""
        return np.concatenate([self.dataset.train.labels, self.dataset.test.labels])

    @cached_property
    def plane(self) -> Plane:
        """The plane that figures show."""
        return pca_plane(self.z)

    @cached_property
    def points(self) -> npt.NDArray[np.floating]:
        """Coordinates in that plane, of both."""
        return self.plane.project(self.z)

    @cached_property
    def percentile_box(self) -> Box:
        """From the 1st to the 99th percentile of the cloud.

        Raises:
          UndefinedError: they are the same along the first axis, so that a grid has no width.
        """
        box = fitted_box(self.points)
        if box.x_min == box.x_max:
            raise UndefinedError("the embeddings are all the same along x; their box has no width")
        return box

    def tiles(self, box: Box, n: int = 12) -> "Tiles":
        """Decode a box's n×n grid, row by row; on a plane of one axis, its n points."""
        points = grid_points(box, n)
        points = points[0, :, :1] if len(self.plane.axes) == 1 else points.reshape(-1, 2)
        z = self.plane.lift(points).astype(np.float32)
        distance = distance_to_nearest(z, self.z)
        return Tiles(decode(self.model, z), distance, gap_radius(box, n))


@dataclasses.dataclass(frozen=True, eq=False)
class Tiles:
    """A decoded grid.

    Attributes:
      images: shape (n · n, height, width), values 0 to 1.
      distance: of each tile's point to the nearest embedding, shape (n · n,), in latent units.
      radius: half the grid's spacing; farther than that from any embedding is a gap.
    """

    images: npt.NDArray[np.float32]
    distance: npt.NDArray[np.float64]
    radius: float

    @property
    def in_gap(self) -> npt.NDArray[np.bool_]:
        """Which tiles no embedding lies in."""
        return self.distance > self.radius
